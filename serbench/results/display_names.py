"""Name corpora and runs in tables."""

import re
from collections.abc import Mapping, Sequence

from serbench import tables
from serbench.escaping import shown
from serbench.results.config import NO_NORMALISING, Config
from serbench.results.run import Run

TITLES = {"ravdess": "RAVDESS", "crema-d": "CREMA-D", "iemocap": "IEMOCAP"}

NAME = re.compile(r"\w{1,40}", re.ASCII)  # of a parameter
LONGEST = 40  # characters of a value

Params = Mapping[str, object]


class Words(str):
    """A value that names show without its parameter: "4 threads"."""


def model_names(runs: Sequence[Run]) -> dict[str, str]:
    """Return the name of each run's model in tables, by the run's name; see `told_apart`."""
    return told_apart(
        {
            run.name: (
                with_checkpoint(run.config.model, run.facts.model.get("checkpoint") or ""),
                {**run.config.feature_params, **run.config.params, **versions(run.config)},
            )
            for run in runs
        }
    )


def versions(config: Config) -> dict[str, Words]:
    """Return what identifies a configuration besides parameters: {"model": "version 2"}."""
    trim_db = config.reading.get("trim_db")
    return {
        "model version": Words(f"version {config.model_version}"),
        "feature version": Words(f"features version {config.feature_version}"),
        "trimming": Words(
            "not trimmed" if trim_db is None else f"trimmed at {str(trim_db).removesuffix('.0')} dB"
        ),
        "reading version": Words(f"audio version {config.reading.get('version')}"),
        "precision": Words(config.precision),
        "threads": Words(tables.count(config.threads, "thread")),
        "augmentation": Words(f"with {config.copies}" if config.copies else "no copies"),
        "normalisation": normalised(config.normalise),
    }


def normalised(spec: str) -> Words:
    """Return how features are standardised, in words: "normalised by speaker, n=5"."""
    over = spec.replace(":", ", ")
    return Words(f"normalised by {over}" if spec != NO_NORMALISING else "not normalised")


def with_checkpoint(model: str, checkpoint: str) -> str:
    """Return the model's name, with its checkpoint if it has one."""
    return f"{model}, {checkpoint}" if checkpoint else model


def told_apart(runs: Mapping[str, tuple[str, Params]]) -> dict[str, str]:
    """Add to models' names the fewest parameters that tell runs apart: "whisper-base, layer=3".

    Args:
        runs: the name and the parameters of each run's model, by the run's name.
    """
    added = distinctions(runs)
    return {run: ", ".join([name, *added[run]]) for run, (name, _) in runs.items()}


def distinctions(runs: Mapping[str, tuple[str, Params]]) -> dict[str, tuple[str, ...]]:
    """Return the fewest parameters that tell runs of one name apart: ("layer=3",).

    Seeds are never among them. A run gets only parameters of its own, so that one run cannot
    change another's row.

    Args:
        runs: the name and the parameters of each run's model, by the run's name.
    """
    groups: dict[str, dict[str, Params]] = {}
    for run, (name, params) in runs.items():
        groups.setdefault(name, {})[run] = params
    return {run: added for group in groups.values() for run, added in _apart((), group)}


def _apart(added: tuple[str, ...], runs: Mapping[str, Params]) -> list[tuple[str, tuple[str, ...]]]:
    """Return (run, parameters) for runs that share the parameters `added` so far."""
    names = dict.fromkeys(param for params in runs.values() for param in params)
    for param in names:
        groups: dict[tuple[str, ...], dict[str, Params]] = {}
        for run, params in runs.items():
            longer = added
            value = params.get(param)
            if isinstance(value, Words):
                longer += (shown(value, LONGEST),)
            elif param in params and NAME.fullmatch(param):
                text = repr(value).strip("'")
                longer += (f"{param}={shown(text, LONGEST)}",)
            groups.setdefault(longer, {})[run] = params
        if len(groups) > 1:
            return [pair for longer, group in groups.items() for pair in _apart(longer, group)]
    return [(run, added) for run in runs]


def run_titles(runs: Sequence[Run]) -> list[str]:
    """Return a title for each run on one corpus; titles differ, unless a run is passed twice.

    Titles are the leaderboard's names; if two are equal the seed is added, and if that does not
    help the name of the run's folder.
    """
    names = model_names(runs)
    plain = [names[run.name] for run in runs]
    seeded = [
        f"{title}, seed {run.config.seed}" if plain.count(title) > 1 else title
        for run, title in zip(runs, plain, strict=True)
    ]
    return [
        f"{title} ({run.name})" if seeded.count(title) > 1 else title
        for run, title in zip(runs, seeded, strict=True)
    ]
