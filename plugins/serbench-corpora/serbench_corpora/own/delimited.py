"""Read a user's table of utterances from a spreadsheet, from pandas or typed by hand.

The table is JSON Lines or CSV: with commas, semicolons or tabs, with or without quotes, any line
ends, in UTF-8 with or without a byte-order mark. Other files are refused with a one-line message.
"""

import csv
import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from serbench import CorpusError, refuse, refusing, tables
from serbench_corpora.own.listing import ALWAYS, Row

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
REQUIRED = {  # fields that every row needs, with other common names of their columns
    "path": ("file", "file_name", "filename", "filepath", "audio", "wav"),
    "label": ("emotion", "class", "category", "target"),
    "speaker": ("speaker_id", "spk", "spk_id", "actor", "subject", "participant"),
}
WHY = {
    "path": "it says where the audio is",
    "label": "it says which emotion is heard",
    "speaker": "without it, a voice in both training and test would go unnoticed, and a model "
    "would get high scores for recognising voices",
}


def read(
    path: Path, fields: Mapping[str, str], name: str, attributes: Sequence[str] = ()
) -> Iterator[Row]:
    """Yield a row for each utterance of a table.

    Args:
        path: a CSV table, or JSON Lines if the name ends in .jsonl.
        fields: from each field of `Row` to its column; an optional field is left out if its column
            is "", or has the field's own name and is missing.
        name: the name of the table, for the messages.
        attributes: more columns to read; all but those of `listing.ALWAYS` must be there.

    Raises:
        CorpusError: a required column is missing, a row is broken, or the file cannot be read.
    """
    lines = _json_lines(path) if path.suffix == ".jsonl" else _csv_lines(path)
    heading = next(lines, None)
    if heading is None:
        return
    places = _places(heading[1], fields, path)
    more = {column: _place(heading[1], column, path) for column in attributes}
    for line, cells in lines:
        texts = {key: cells[place] for key, place in places.items()}
        known = {key: cells[place] for key, place in more.items() if place is not None}
        yield Row(f"{name}, line {line}", attributes=known, **texts)


def columns(path: Path) -> str:
    """Return the names of a CSV table's columns as text for a message.

    Raises:
        CorpusError: the heading is missing or repeats a name, or the file cannot be read.
    """
    return _listed(next(_csv_lines(path))[1])


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(name or "(no name)" for name in columns)


# ---- columns ----


def _places(columns: Sequence[str], fields: Mapping[str, str], source: Path) -> dict[str, int]:
    """Return each field's position in a row; column names match in upper and lower case."""
    lower = [column.casefold() for column in columns]
    places = {}
    for field, name in fields.items():
        if name and name.casefold() in lower:
            same = [column for column in columns if column.casefold() == name.casefold()]
            if len(same) > 1:
                raise CorpusError(
                    f"{source} has {len(same)} columns called {' and '.join(same)}: rename those "
                    f"that are not the {field}"
                )
            places[field] = lower.index(name.casefold())
        elif field in REQUIRED or name not in ("", field):
            raise CorpusError(_missing(columns, field, name or field, source))
    return places


def _place(columns: Sequence[str], attribute: str, source: Path) -> int | None:
    """Return an attribute's position in a row, or None if an optional one is not there."""
    lower = [column.casefold() for column in columns]
    if attribute.casefold() in lower:
        return lower.index(attribute.casefold())
    if attribute in ALWAYS:
        return None
    raise CorpusError(_missing(columns, "attributes", attribute, source))


def _missing(columns: Sequence[str], field: str, name: str, source: Path) -> str:
    lower = {column.casefold(): column for column in columns if column}
    close = [usual for usual in REQUIRED.get(field, ()) if usual in lower]
    close += difflib.get_close_matches(name.casefold(), list(lower), n=1)
    problem = f"{source} has no column {name!r} (columns: {_listed(columns)})"
    if close:
        meant = lower[close[0]]
        return f"{problem}: if you mean {meant!r}, write ,{field}={meant} behind the path"
    why = f"; {WHY[field]}" if field in WHY else ""
    return f"{problem}: add it, or write ,{field}=COLUMN behind the path{why}"


# ---- lines ----


def _csv_lines(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the heading, then each row that is not empty, with the number of its last line.

    The delimiter is the one that splits the heading into the most columns.
    """
    heading = next(_text_lines(path), "").rstrip("\r\n")
    if not heading.strip():
        raise CorpusError(
            f"{path} is empty: its first line must name the columns, such as path,label,speaker"
        )
    splits = {mark: next(csv.reader([heading], delimiter=mark), []) for mark in DELIMITERS}
    delimiter = max(splits, key=lambda mark: len(splits[mark]))
    columns = [cell.strip() for cell in splits[delimiter]]
    for name in columns:
        if name and columns.count(name) > 1:
            raise CorpusError(f"{path} has two columns {name!r}: rename or remove one of them")
    yield 1, columns
    reader = csv.reader(_text_lines(path), delimiter=delimiter, strict=True)
    try:
        next(reader)
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            while len(cells) > len(columns) and not cells[-1]:  # spreadsheets end lines with ";;;"
                cells.pop()
            if len(cells) == len(columns):
                yield reader.line_num, cells
                continue
            error = CorpusError(
                f"{path}, line {reader.line_num} has {tables.count(len(cells), 'cell')}, but the "
                f"heading has {len(columns)}: put cells with a {DELIMITERS[delimiter]} in quotes"
            )
            refuse(error, names=[f"{path.name}, line {reader.line_num}"])
    except csv.Error as broken:
        raise CorpusError(
            f"{path}, line {reader.line_num} is broken: {broken}; look for a quotation mark that "
            "is not closed"
        ) from broken


def _json_lines(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the keys of the first object, then every object's values for these keys."""
    keys: list[str] | None = None
    for number, line in enumerate(_text_lines(path), start=1):
        if not line.strip():
            continue
        row = None
        with refusing(f"{path.name}, line {number}"):
            row = _object(line, f"{path}, line {number}")
        if row is None:
            continue
        values = {name.strip(): _text(value) for name, value in row.items()}
        if keys is None:
            keys = list(values)
            yield number, keys
        yield number, [values.get(key, "") for key in keys]


def _object(line: str, where: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise CorpusError(f"{where} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise CorpusError(f"{where} must be an object {{...}} for one utterance")
    return row


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text_lines(path: Path) -> Iterator[str]:
    if path.is_dir():
        raise CorpusError(
            f"{path} is a folder: name the table in it, behind the colon or with --data, or write "
            f"folder:{path} for a folder of audio"
        )
    try:
        # utf-8-sig, since spreadsheets write a byte-order mark
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from stream
    except FileNotFoundError as error:
        raise CorpusError(
            f"there is no file {path}: name the table behind the colon, as in csv:my.csv, or with "
            "--data"
        ) from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} is not text in UTF-8, as line {_undecodable(path)} shows: save it again as "
            '"CSV UTF-8"'
        ) from error
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error


def _undecodable(path: Path) -> int:
    """Return the number of the first line that is not UTF-8."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
