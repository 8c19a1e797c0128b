"""What corpora and runs are called in tables."""

import re
from collections.abc import Mapping, Sequence

from serbench.results.run import Run
from serbench.text import shown

TITLES = {"ravdess": "RAVDESS", "crema-d": "CREMA-D", "iemocap": "IEMOCAP"}

NAME = re.compile(r"\w{1,40}", re.ASCII)  # of a parameter
LONGEST = 40  # characters of a value

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
    "whisper-base, recipe=paper". Seeds do not. Of each run only parameters of its own are named, so
    that nobody's run writes into another's row.

    Args:
        runs: by name what each is called, and its parameters.
    """
    groups: dict[str, dict[str, Params]] = {}
    for run, (words, params) in runs.items():
        groups.setdefault(words, {})[run] = params
    return {run: found for words, alike in groups.items() for run, found in _apart(words, alike)}


def _apart(called_so_far: str, alike: Mapping[str, Params]) -> list[tuple[str, str]]:
    """Each run's name and what it is called, of runs that are all called the same so far."""
    known = dict.fromkeys(name for params in alike.values() for name in params)
    for name in filter(NAME.fullmatch, known):
        groups: dict[str, dict[str, Params]] = {}
        for run, params in alike.items():
            words = f", {name}={_short(params[name])}" if name in params else ""
            groups.setdefault(words, {})[run] = params
        if len(groups) > 1:
            return [
                pair
                for words, group in groups.items()
                for pair in _apart(f"{called_so_far}{words}", group)
            ]
    return [(run, called_so_far) for run in alike]


def _short(value: object) -> str:
    return shown(repr(value).strip("'"), LONGEST)


def titled(runs: Sequence[Run]) -> list[str]:
    """What each run is called, of runs on one corpus; no two alike, unless one is there twice.

    As on the leaderboard, with the seed where nothing else tells two apart, or else the name of
    the run's folder.
    """
    known = names(runs)
    plain = [known[run.name] for run in runs]
    seeded = [
        f"{title}, seed {run.config['seed']}" if plain.count(title) > 1 else title
        for run, title in zip(runs, plain, strict=True)
    ]
    return [
        f"{title} ({run.name})" if seeded.count(title) > 1 else title
        for run, title in zip(runs, seeded, strict=True)
    ]
