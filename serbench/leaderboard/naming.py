"""What corpora and runs are called in tables."""

from collections.abc import Sequence

from serbench.runs import Run

TITLES = {"ravdess": "RAVDESS", "crema-d": "CREMA-D", "iemocap": "IEMOCAP"}


def names(measured: Sequence[Run]) -> dict[str, str]:
    """What each run's model is called in a table, by the run's name.

    Its own name, its checkpoint, and as few parameters as tell the runs of one model apart:
    "whisper-base, recipe=paper". Seeds do not.
    """
    groups: dict[str, list[Run]] = {}
    for run in measured:
        groups.setdefault(_name(run), []).append(run)
    return {name: words for shown, group in groups.items() for name, words in _apart(shown, group)}


def _apart(shown: str, alike: Sequence[Run]) -> list[tuple[str, str]]:
    """Each run's name and what it is called, of runs that are all called the same so far."""
    params = [{**run.config["feature_params"], **run.config["params"]} for run in alike]
    for name in params[0]:
        values = [repr(each.get(name)) for each in params]
        if len(set(values)) > 1:
            return [
                pair
                for value in dict.fromkeys(values)
                for pair in _apart(
                    f"{shown}, {name}={value.strip(chr(39))}",
                    [run for run, own in zip(alike, values, strict=True) if own == value],
                )
            ]
    return [(run.name, shown) for run in alike]


def _name(run: Run) -> str:
    """The model, and its checkpoint where it has one."""
    model, checkpoint = run.config["model"], run.facts.get("model", {}).get("checkpoint")
    return f"{model}, {checkpoint}" if checkpoint else str(model)
