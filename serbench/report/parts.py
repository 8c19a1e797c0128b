"""Writes one part of a report, what is about one run or about a section, in whatever process."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from serbench.parallel import Tell, Words
from serbench.report import evidence, pictures, scoring, style
from serbench.report.made import Made
from serbench.report.pictures import Picture
from serbench.report.sections import Section
from serbench.report.sheets import FORMS, Sheet
from serbench.results import run as stored
from serbench.results.run import Run


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


def _sheets(found: Sequence[Run], names: Sequence[str], about: str) -> Iterator[Sheet]:
    if about:
        (run,), (name,) = found, names
        yield scoring.folds(run, name)
        yield scoring.emotions(run, name)
        yield evidence.mistakes(run, name)
        yield evidence.leaks(run, name)
    else:
        yield scoring.table_two(found, names)
        yield evidence.calibration(found, names)
        yield scoring.sexes(found, names)
        yield evidence.costs(found, names)


def _pictures(found: Sequence[Run], words: Words) -> Iterator[Picture]:
    if words["about"]:
        return pictures.of_run(found[0], words["names"][0])
    return pictures.of_section(found, words["names"])


def _tables(at: Path, sheet: Sheet) -> list[Path]:
    paths = [at / f"{sheet.name}.{ending}" for ending in FORMS]
    for path in paths:
        path.write_text(sheet.file(path.suffix[1:]), encoding="utf-8")
    return paths


def _made(kind: str, of: Sheet | Picture, words: Words, root: Path, paths: Sequence[Path]) -> Made:
    files = tuple(path.relative_to(root).as_posix() for path in paths)
    return Made(kind, of.title, of.caption, words["section"], words["about"], files)
