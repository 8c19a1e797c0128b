"""Runs of a report in sections: those that can be compared stand together."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from serbench.errors import BadParameter, SerbenchError
from serbench.parallel import Tell, Words
from serbench.report.figures import catalogue, style
from serbench.report.figures.catalogue import Figure
from serbench.report.manifest import Made
from serbench.report.tables import catalogue as tables
from serbench.report.tables.table import FORMS, Table
from serbench.results import run as stored
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


def parts(root: Path, section: Section, formats: Sequence[str]) -> list[Words]:
    """The parts of a section as plain words: what `write` takes.

    Args:
        root: the report's folder.
        section: of which.
        formats: of the pictures.
    """
    folders = [str(run.folder.resolve()) for run in section.runs]
    common = {"root": str(root), "section": section.title, "formats": list(formats)}
    names = list(section.names)
    whole = {**common, "at": section.folder, "about": "", "runs": folders, "names": names}
    return [
        whole,
        *(
            {
                **common,
                "at": f"{section.folder}/{own}",
                "about": run.name,
                "runs": [folder],
                "names": [name],
            }
            for run, name, folder, own in zip(
                section.runs, names, folders, section.folders, strict=True
            )
        ),
    ]


def write(words: Words, tell: Tell) -> Words:
    """Write the tables and the pictures of a part, telling of each; returns what was made."""
    found = [stored.read(Path(folder)) for folder in words["runs"]]
    root, names = Path(words["root"]), words["names"]
    at = root / words["at"]
    at.mkdir(parents=True, exist_ok=True)
    made = []
    for sheet in _sheets(found, names, words["about"]):
        made.append(_made("table", sheet, words, root, _tables(at, sheet)))
    for picture in _pictures(found, words) if words["formats"] else ():
        with style.drawing():
            figure = picture.draw()
            paths = style.save(figure, at / picture.name, picture.title, words["formats"])
        made.append(_made("picture", picture, words, root, paths))
        tell({"picture": picture.title})
    return {"made": [asdict(one) for one in made]}


def _sheets(found: Sequence[Run], names: Sequence[str], about: str) -> Iterator[Table]:
    if about:
        (run,), (name,) = found, names
        yield from tables.of_run(run, name)
    else:
        yield from tables.of_section(found, names)


def _pictures(found: Sequence[Run], words: Words) -> Iterator[Figure]:
    if words["about"]:
        return catalogue.of_run(found[0], words["names"][0])
    return catalogue.of_section(found, words["names"])


def _tables(at: Path, sheet: Table) -> list[Path]:
    paths = [at / f"{sheet.name}.{ending}" for ending in FORMS]
    for path in paths:
        path.write_text(sheet.file(path.suffix[1:]), encoding="utf-8")
    return paths


def _made(kind: str, of: Table | Figure, words: Words, root: Path, paths: Sequence[Path]) -> Made:
    files = tuple(path.relative_to(root).as_posix() for path in paths)
    return Made(kind, of.title, of.caption, words["section"], words["about"], files)
