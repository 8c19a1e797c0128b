"""The leaderboard as CSV: a line for every measured, published and chance row.

Scores are fractions. `docs/results.md` describes the columns.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence

from serbench.escaping import csv_cell
from serbench.leaderboard.formats import columns
from serbench.leaderboard.formats.columns import AnyRow, values
from serbench.leaderboard.ranking.board import Section
from serbench.leaderboard.ranking.entry import Rejected
from serbench.leaderboard.submissions.safe_read import shown

LONGEST = 2000  # characters of a cell


def part(section: Section, _: str) -> str:
    """Return the lines of one corpus."""
    keys = _keys()[1:]
    rows = ([section.corpus, *(row.get(key) for key in keys)] for row in _rows(section))
    return _lines(map(_cell, row) for row in rows)


def whole(parts: Iterable[str], _: Sequence[Rejected]) -> str:
    """Return the file, from the lines of each corpus."""
    return "".join([_lines([_keys()]), *parts])


def _keys() -> list[str]:
    return ["corpus", *columns.SETTING, "kind", *(column.key for column in columns.keyed())]


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    """Format a value; a quote keeps spreadsheets from taking a text for a formula."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int | float):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return csv_cell(shown(str(value), LONGEST))


def _rows(section: Section) -> Iterator[dict[str, object]]:
    keyed = columns.keyed()
    for table in section.tables:
        rows: tuple[AnyRow, ...] = (*table.rows, *table.published, *table.chance)
        for row in rows:
            yield {**columns.setting(table), "kind": columns.KINDS[type(row)], **values(row, keyed)}
    for row in section.published:
        setting = {"protocol": row.tested, "labels": row.classes}
        yield {**setting, "kind": "published", **values(row, keyed)}
