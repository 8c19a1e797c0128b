"""Reads a table that somebody made with a spreadsheet, pandas or by hand, a row at a time.

Commas, semicolons or tabs; quoted or not; any line ends; UTF-8 with or without a byte-order mark.
Whatever else it is, is refused in a line.
"""

import csv
import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.errors import CorpusError
from serbench_corpora.own.rows import Row

NEEDED = ("path", "label", "speaker")
ALSO = {  # what such columns are often called
    "path": ("file", "file_name", "filename", "filepath", "audio", "wav"),
    "label": ("emotion", "class", "category", "target"),
    "speaker": ("speaker_id", "spk", "spk_id", "actor", "subject", "participant"),
}
WHY = {
    "path": "it says where the audio is",
    "label": "it says which emotion is heard",
    "speaker": "without it nobody can see whether a voice is both in training and in test, and a "
    "model would be praised for knowing voices",
}


def choose(columns: Sequence[str], names: Mapping[str, str], source: Path) -> dict[str, int]:
    """Where in a row each field of an utterance is.

    Upper and lower case make no difference. A field that can be left out is, where its column is
    called as usual and not there, or is "".

    Args:
        columns: of the table.
        names: of each field its column.
        source: the table, for the messages.

    Raises:
        CorpusError: a column is missing; what may be meant is named.
    """
    places = {column.casefold(): at for at, column in reversed([*enumerate(columns)])}
    chosen = {}
    for field, name in names.items():
        if name and name.casefold() in places:
            alike = [one for one in columns if one.casefold() == name.casefold()]
            if len(alike) > 1:
                raise CorpusError(
                    f"{source} has {len(alike)} columns called {' and '.join(alike)}: which is the "
                    f"{field}? Rename the others"
                )
            chosen[field] = places[name.casefold()]
        elif field in NEEDED or name not in ("", field):
            raise CorpusError(_lacking(columns, field, name or field, source))
    return chosen


def _lacking(columns: Sequence[str], field: str, name: str, source: Path) -> str:
    low = {column.casefold(): column for column in columns if column}
    close = [one for one in ALSO.get(field, ()) if one in low]
    close += difflib.get_close_matches(name.casefold(), list(low), n=1)
    wrong = f"{source} has no column {name!r} (columns: {listed(columns)})"
    if close:
        meant = low[close[0]]
        return f"{wrong}: if {meant!r} is meant, write ,{field}={meant} behind the path"
    why = f"; {WHY[field]}" if field in WHY else ""
    return f"{wrong}: add it, or write ,{field}=COLUMN behind the path{why}"


def reader(chosen: Mapping[str, int]) -> Callable[[str, Sequence[str]], Row]:
    """What makes a row of the place where it is and its cells."""
    fields = tuple(chosen.items())

    def read(where: str, cells: Sequence[str]) -> Row:
        return Row(where, **{field: cells[at] for field, at in fields})

    return read


DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Heading:
    """The first line of a table.

    Attributes:
        columns: their names, without the space around them.
        delimiter: what stands between cells.
    """

    columns: tuple[str, ...]
    delimiter: str


def heading(path: Path) -> Heading:
    """The heading of a table; the delimiter is the one that makes most columns of it.

    Raises:
        CorpusError: there is none, two columns have one name, or the file cannot be read.
    """
    first = next(_lines(path), "").rstrip("\r\n")
    if not first.strip():
        raise CorpusError(
            f"{path} is empty: its first line must name the columns, such as path,label,speaker"
        )
    made = [next(csv.reader([first], delimiter=one), []) for one in DELIMITERS]
    cells = max(made, key=len)
    columns = tuple(cell.strip() for cell in cells)
    for name in columns:
        if name and columns.count(name) > 1:
            raise CorpusError(f"{path} has two columns {name!r}: rename or remove one of them")
    return Heading(columns, DELIMITERS[made.index(cells)])


def rows(path: Path, known: Heading) -> Iterator[tuple[int, list[str]]]:
    """Each row below the heading: the line where it ends, and a cell for each column.

    Cells are without the space around them; rows of nothing but empty cells are passed by.

    Raises:
        CorpusError: a row has more or fewer cells, or the file cannot be read.
    """
    reader = csv.reader(_lines(path), delimiter=known.delimiter, strict=True)
    width = len(known.columns)
    try:
        next(reader)
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            while len(cells) > width and not cells[-1]:  # spreadsheets end lines with ";;;"
                cells.pop()
            if len(cells) != width:
                raise CorpusError(
                    f"{path}, line {reader.line_num} has {len(cells)} cells, but the heading "
                    f"{width}: put cells with a {_NAMES[known.delimiter]} in quotes"
                )
            yield reader.line_num, cells
    except csv.Error as error:
        raise CorpusError(
            f"{path}, line {reader.line_num} is broken: {error}; look for a quotation mark that is "
            "not closed"
        ) from error


_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line of a file of JSON objects, its values as text; null is "".

    Raises:
        CorpusError: a line is no such object, or the file cannot be read.
    """
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CorpusError(f"{path}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise CorpusError(f"{path}, line {number} must be an object, {{...}}, of one utterance")
        yield number, {str(name).strip(): _text(value) for name, value in row.items()}


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(path: Path) -> Iterator[str]:
    if path.is_dir():
        raise CorpusError(
            f"{path} is a folder: name the table in it, behind the colon or with --data, or write "
            f"folder:{path} for a folder of audio"
        )
    try:
        # utf-8-sig: spreadsheets begin their tables with a byte-order mark
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from stream
    except FileNotFoundError as error:
        raise CorpusError(
            f"there is no file {path}: name the table behind the colon, as in csv:my.csv, or with "
            "--data"
        ) from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} is not text in UTF-8, see line {_undecoded(path)}: save it again as "
            '"CSV UTF-8"'
        ) from error
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error


def _undecoded(path: Path) -> int:
    """The first line that is no UTF-8."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def listed(names: Sequence[str]) -> str:
    """The columns of a table, for a message; an unnamed one is shown as such."""
    return ", ".join(name or "(no name)" for name in names)
