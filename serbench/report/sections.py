"""Group the runs of a report into sections of comparable runs."""

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
    title: str  # the corpus, protocol and labels of its runs
    runs: tuple[Run, ...]  # in the order of the arguments
    names: tuple[str, ...]  # each run's name for readers
    folders: tuple[str, ...]  # the name of each run's folder in the section's folder


def sections(runs: Sequence[Run]) -> list[Section]:
    """Return the runs in sections, keeping their order.

    Raises:
        BadParameter: there is no run.
        SerbenchError: a run is given twice.
    """
    if not runs:
        raise BadParameter("a report needs at least one run: `serbench runs` lists them")
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
    """Return what comparable runs have in common; the last two are digests."""
    config, pins = run.config, run.facts.pins
    return config.dataset, config.protocol, config.labels, pins.corpus, pins.protocol


def _folder(name: str) -> str:
    """Return a folder name from untrusted text, with characters safe for all disks and links.

    >>> _folder("../<script>.. toy:seed=3")
    'script-toy-seed-3'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:LONGEST].rstrip("-") or "run"


def _unique(names: Sequence[str]) -> list[str]:
    """Return the names, with a number after each repeated one.

    >>> _unique(["a", "A", "b"])
    ['a', 'A-2', 'b']
    """
    unique: dict[str, str] = {}  # by lower case, since some disks ignore case
    for name in names:
        number, free = 2, name
        while free.lower() in unique:
            free, number = f"{name}-{number}", number + 1
        unique[free.lower()] = free
    return list(unique.values())
