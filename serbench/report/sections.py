"""Group the runs of a report into sections: runs that can be compared stand together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from serbench.errors import BadParameter, SerbenchError
from serbench.results.display_names import TITLES, run_titles
from serbench.results.run import Run

LONGEST = 80  # characters of a folder's name


@dataclass(frozen=True)
class Section:
    """Runs on the same utterances under the same protocol and labels."""

    folder: str  # its name in the report
    title: str  # what its runs have in common
    runs: tuple[Run, ...]  # in the order in which they were given
    names: tuple[str, ...]  # of the runs, for readers
    folders: tuple[str, ...]  # the name of each run's folder in the section's


def sections(runs: Sequence[Run]) -> list[Section]:
    """Return the runs in sections, in the order in which they were given.

    Raises:
        BadParameter: there is no run.
        SerbenchError: a run is given twice.
    """
    if not runs:
        raise BadParameter("a report needs a run or more: `serbench runs` lists them")
    names = [run.name for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SerbenchError(f"run {twice} is given twice: name each run once")
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(_setting(run), []).append(run)
    folders = _unique([_folder(" ".join(setting[:3])) for setting in groups])
    return [
        Section(
            folder=folder,
            title=f"{TITLES.get(dataset, dataset)}, protocol {protocol}, labels {labels} "
            f"(corpus {corpus[:8]}, protocol {digest[:8]})",
            runs=tuple(group),
            names=tuple(run_titles(group)),
            folders=tuple(_unique([_folder(run.name) for run in group])),
        )
        for folder, ((dataset, protocol, labels, corpus, digest), group) in zip(
            folders, groups.items(), strict=True
        )
    ]


def _setting(run: Run) -> tuple[str, ...]:
    """Return what runs that can be compared have in common; at the end two digests."""
    config, pins = run.config, run.facts.pins
    return config.dataset, config.protocol, config.labels, pins.corpus, pins.protocol


def _folder(name: str) -> str:
    """Return a folder's name made of untrusted text, with characters fit for any disk and link.

    >>> _folder("../<script>.. toy:seed=3")
    'script-toy-seed-3'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:LONGEST].rstrip("-") or "run"


def _unique(names: Sequence[str]) -> list[str]:
    """Return the same names, with a number after those that are there already.

    >>> _unique(["a", "A", "b"])
    ['a', 'A-2', 'b']
    """
    unique: dict[str, str] = {}  # by small letters: some disks do not tell them from capitals
    for name in names:
        number, free = 2, name
        while free.lower() in unique:
            free, number = f"{name}-{number}", number + 1
        unique[free.lower()] = free
    return list(unique.values())
