"""Runs of a report in sections: those that can be compared stand together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from serbench.errors import BadParameter, SerbenchError
from serbench.results.display_names import TITLES, titled
from serbench.results.run import Run

LONGEST = 80  # characters of a folder's name


@dataclass(frozen=True)
class Section:
    """Runs on the same utterances under the same protocol and labels.

    Attributes:
        folder: its name in the report.
        title: what its runs have in common.
        runs: in the order in which they were given.
        names: what each run is called.
        folders: the name of each run's folder in the section's.
    """

    folder: str
    title: str
    runs: tuple[Run, ...]
    names: tuple[str, ...]
    folders: tuple[str, ...]


def sections(runs: Sequence[Run]) -> list[Section]:
    """The runs in sections, in the order in which they were given.

    Raises:
        BadParameter: there is no run.
        SerbenchError: a run is given twice.
    """
    if not runs:
        raise BadParameter("a report needs a run or more: `serbench runs` lists them")
    _refuse_twice(runs)
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(_setting(run), []).append(run)
    folders = _unique([_folder(" ".join(setting[:3])) for setting in groups])
    return [
        Section(
            folder=folder,
            title=_title(setting),
            runs=tuple(group),
            names=tuple(titled(group)),
            folders=tuple(_unique([_folder(run.name) for run in group])),
        )
        for folder, (setting, group) in zip(folders, groups.items(), strict=True)
    ]


def _refuse_twice(runs: Sequence[Run]) -> None:
    names = [run.name for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SerbenchError(f"run {twice} is given twice: name each run once")


def _setting(run: Run) -> tuple[str, ...]:
    """What runs that can be compared have in common."""
    words = (run.config[one] for one in ("dataset", "protocol", "labels"))
    pins = run.facts["pins"]
    return (*map(str, words), str(pins["corpus"]), str(pins["protocol"]))


def _title(setting: tuple[str, ...]) -> str:
    dataset, protocol, labels, corpus, folds = setting
    return (
        f"{TITLES.get(dataset, dataset)}, protocol {protocol}, labels {labels} "
        f"(corpus {corpus[:8]}, protocol {folds[:8]})"
    )


def _folder(words: str) -> str:
    """A folder's name made of a stranger's words: letters that every disk and every link takes.

    >>> _folder("../<script>.. toy:seed=3")
    'script-toy-seed-3'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", words).strip("-")[:LONGEST].rstrip("-") or "run"


def _unique(names: Sequence[str]) -> list[str]:
    """The same names, a number after those that are there already.

    >>> _unique(["a", "A", "b"])
    ['a', 'A-2', 'b']
    """
    found: list[str] = []
    for name in names:
        taken, number, free = {one.lower() for one in found}, 2, name
        while free.lower() in taken:  # some disks do not tell capitals from small letters
            free, number = f"{name}-{number}", number + 1
        found.append(free)
    return found
