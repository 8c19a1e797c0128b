"""What a report consists of, and how its folder says so."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError

SCHEMA = 1
LISTING = "report.json"
PAGE = "index.html"


@dataclass(frozen=True)
class Made:
    """A picture or a table of a report.

    Attributes:
        kind: "picture" or "table".
        title: what it shows, in a few words.
        caption: how to read it.
        section: the title of its section.
        run: the name of the run it is about, or "" for all of its section.
        files: relative to the report's folder, one a format.
    """

    kind: str
    title: str
    caption: str
    section: str
    run: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        folder: where it is.
        runs: the names of the runs that it is about.
        made: its pictures and tables, in order.
    """

    folder: Path
    runs: tuple[str, ...]
    made: tuple[Made, ...]

    def __str__(self) -> str:
        count = {kind: sum(one.kind == kind for one in self.made) for kind in ("picture", "table")}
        files = sum(len(one.files) for one in self.made)
        counts = [_count(len(self.runs), "run"), _count(count["picture"], "picture")]
        return (
            f"{self.folder / PAGE}: {', '.join(counts)} and {_count(count['table'], 'table')} in "
            f"{files} files; {LISTING} lists them"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def listing(runs: tuple[str, ...], made: tuple[Made, ...]) -> str:
    """What `report.json` holds."""
    words = {
        "schema": SCHEMA,
        "serbench": version("serbench"),
        "runs": runs,
        "page": PAGE,
        "made": [asdict(one) for one in made],
    }
    return json.dumps(words, indent=1, ensure_ascii=False) + "\n"


def refuse_others(folder: Path) -> None:
    """Check that at a folder's place there is nothing, or a report and nothing else.

    Raises:
        SerbenchError: there is something else in it, or at its place.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SerbenchError(f"{folder} is a file: name a folder with --out")
    known = _listed(folder)
    # where there is no listing nothing below is looked at: it may be somebody's home
    found = folder.rglob("*") if known else folder.iterdir()
    strange = next((path for path in found if not _known(path, folder, known)), None)
    if strange is not None:
        raise SerbenchError(
            f"{folder} holds what serbench report did not write, such as "
            f"{strange.relative_to(folder)}: move it away, or name another folder with --out"
        )


def _known(path: Path, folder: Path, known: set[str]) -> bool:
    if known and path.is_dir() and not path.is_symlink():
        return True  # what is in it is looked at itself
    return path.relative_to(folder).as_posix() in known


def _listed(folder: Path) -> set[str]:
    """The files of the report that is in a folder, as its listing says."""
    try:
        words: Mapping[str, Any] = json.loads((folder / LISTING).read_text(encoding="utf-8"))
        files = {name for one in words["made"] for name in one["files"]}
        return {LISTING, PAGE, *map(str, files)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
