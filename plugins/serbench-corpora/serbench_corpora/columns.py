"""Which column of somebody's table is which: named as usual, or by its owner."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from serbench.errors import CorpusError
from serbench_corpora import tables
from serbench_corpora.rows import Row

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
    wrong = f"{source} has no column {name!r} (columns: {tables.listed(columns)})"
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
