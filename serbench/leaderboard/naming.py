"""What corpora and runs are called in tables."""

from collections.abc import Mapping, Sequence

from serbench.runs import Run

TITLES = {"ravdess": "RAVDESS", "crema-d": "CREMA-D", "iemocap": "IEMOCAP"}

Params = Mapping[str, object]


def names(measured: Sequence[Run]) -> dict[str, str]:
    """What each run's model is called in a table, by the run's name; see `told_apart`."""
    return told_apart(
        {
            run.name: (
                called(
                    str(run.config["model"]), run.facts.get("model", {}).get("checkpoint") or ""
                ),
                {**run.config["feature_params"], **run.config["params"]},
            )
            for run in measured
        }
    )


def called(model: str, checkpoint: str) -> str:
    """The model, and its checkpoint where it has one."""
    return f"{model}, {checkpoint}" if checkpoint else model


def told_apart(runs: Mapping[str, tuple[str, Params]]) -> dict[str, str]:
    """What each run is called where those called alike must be told apart, by the run's name.

    What it is called already, and as few parameters as tell the runs called alike apart:
    "whisper-base, recipe=paper". Seeds do not.

    Args:
        runs: by name what each is called, and its parameters.
    """
    groups: dict[str, dict[str, Params]] = {}
    for run, (shown, params) in runs.items():
        groups.setdefault(shown, {})[run] = params
    return {run: words for shown, alike in groups.items() for run, words in _apart(shown, alike)}


def _apart(shown: str, alike: Mapping[str, Params]) -> list[tuple[str, str]]:
    """Each run's name and what it is called, of runs that are all called the same so far."""
    for name in next(iter(alike.values())):
        groups: dict[str, dict[str, Params]] = {}
        for run, params in alike.items():
            groups.setdefault(repr(params.get(name)), {})[run] = params
        if len(groups) > 1:
            return [
                pair
                for value, group in groups.items()
                for pair in _apart(f"{shown}, {name}={value.strip(chr(39))}", group)
            ]
    return [(run, shown) for run in alike]
