"""The manifest of a report, `report.json`: its list of files, which a new report may replace."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from serbench.errors import SerbenchError
from serbench.escaping import shown
from serbench.tables import count

SCHEMA = 1
MANIFEST = "report.json"
PAGE = "index.html"


@dataclass(frozen=True)
class Item:
    """A picture or a table of a report."""

    kind: str  # "picture" or "table"
    title: str  # its content, in a few words
    caption: str  # how to read it
    section: str  # the title of its section
    run: str  # the name of its run, or "" if it is about the whole section
    files: Sequence[str]  # relative to the report's folder, one per format


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        folder: where it is.
        runs: the names of the runs that it is about.
        items: its pictures and tables, in order.
    """

    folder: Path
    runs: tuple[str, ...]
    items: tuple[Item, ...]

    def __repr__(self) -> str:
        return f"<Report {shown(str(self))}>"

    def __str__(self) -> str:
        kinds = ["run"] * len(self.runs) + [item.kind for item in self.items]
        counts = [(kinds.count(kind), kind) for kind in ("run", "picture", "table")]
        runs, pictures, tables = (count(n, noun) for n, noun in counts)
        files = count(sum(len(item.files) for item in self.items), "file")
        return (
            f"{self.folder / PAGE}: {runs}, {pictures} and {tables} in {files}; "
            f"{MANIFEST} lists them"
        )

    def manifest(self) -> str:
        """Return the content of `report.json`."""
        content = {
            "schema": SCHEMA,
            "serbench": version("serbench"),
            "runs": self.runs,
            "page": PAGE,
            "made": [asdict(item) for item in self.items],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def refuse_others(folder: Path) -> None:
    """Check that a folder does not exist, or contains a report and nothing else.

    Raises:
        SerbenchError: the folder contains other files, or is a file.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SerbenchError(f"{folder} is a file: name a folder with --out")
    files = _listed(folder)
    # without a manifest, do not search subfolders: this may be a home directory
    for path in folder.rglob("*") if files else folder.iterdir():
        is_folder_of_report = files and path.is_dir() and not path.is_symlink()
        if not is_folder_of_report and path.relative_to(folder).as_posix() not in files:
            raise SerbenchError(
                f"{folder} contains files that serbench report did not write, such as "
                f"{path.relative_to(folder)}: move them away, or name another folder with --out"
            )


def _listed(folder: Path) -> set[str]:
    """Return the files of the report in a folder, as its manifest lists them."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {MANIFEST, PAGE, *(str(file) for item in content["made"] for file in item["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
