"""The leaderboard for other programs: a sheet (csv) of every row, and all of it as JSON.

Scores are fractions. The format of the JSON is in `docs/results.md`.
"""

import csv
import functools
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from serbench.leaderboard.formats import columns
from serbench.leaderboard.formats.columns import AnyRow, Column, values
from serbench.leaderboard.ranking.board import Board, Section, Table
from serbench.leaderboard.ranking.entry import Rejected
from serbench.leaderboard.submissions.safe_read import shown
from serbench.results.literature import PublishedRow
from serbench.text import csv_cell, finite

SCHEMA = 1
REMEMBERED = 4096  # texts: names, dates and digests stand in many rows
SETTING = ("dataset", "protocol", "labels", "corpus_digest", "protocol_digest", "audio_digest")


def sheet(board: Board) -> str:
    """Return every measured and every published row, and chance, one a line."""
    return whole_sheet(map(sheet_part, board.sections))


def sheet_part(section: Section) -> str:
    """Return the lines of one corpus."""
    keys = _keys()[1:]
    rows = ([section.corpus, *(row.get(key) for key in keys)] for row in _sheet(section))
    return _lines(map(_cell, row) for row in rows)


def whole_sheet(parts: Iterable[str]) -> str:
    """Return the sheet, made of the lines of each corpus."""
    return "".join([_lines([_keys()]), *parts])


def _keys() -> list[str]:
    return ["corpus", *SETTING, "kind", *(column.key for column in _keyed())]


def _keyed() -> list[Column]:
    """Return the columns with a key, each standard deviation beside its mean."""
    keyed = [column for column in columns.COLUMNS if column.key]
    places = {column.key: place for place, column in enumerate(keyed)}
    return sorted(keyed, key=lambda one: places.get(one.key.removesuffix("_std"), places[one.key]))


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    """Return a value in a sheet; a quote precedes what a spreadsheet would take for a formula."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int | float):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return csv_cell(_shown(str(value)))


@functools.lru_cache(maxsize=REMEMBERED)
def _shown(value: str) -> str:
    return shown(value, 2000)


def _sheet(section: Section) -> Iterator[dict[str, object]]:
    keyed = _keyed()
    for table in section.tables:
        rows: tuple[AnyRow, ...] = (*table.rows, *table.published, *table.chance)
        for row in rows:
            yield {**_setting(table), "kind": columns.KINDS[type(row)], **values(row, keyed)}
    for row in section.published:
        setting = {"protocol": row.tested, "labels": row.classes}
        yield {**setting, "kind": "published", **values(row, keyed)}


def _setting(table: Table) -> dict[str, str]:
    contents = (table.dataset, table.protocol, table.labels, *table.pins, table.audio)
    return dict(zip(SETTING, contents, strict=True))


def page(board: Board) -> str:
    """Return all of it as JSON."""
    return whole_page(map(page_part, board.sections), board.rejected)


def page_part(section: Section) -> str:
    """Return the object of one corpus."""
    content = {
        "corpus": section.corpus,
        "title": section.title,
        "tables": [_table(table) for table in section.tables],
        "published": _published(section.published),
    }
    return _laid_out(finite(content, digits=9), 4)


def whole_page(parts: Iterable[str], rejected: Sequence[Rejected]) -> str:
    """Return the JSON, made of the object of each corpus."""
    refused = [{"submission": one.folder, "reasons": list(one.reasons)} for one in rejected]
    corpora = ",\n".join(parts)
    return (
        f'{{\n"schema": {SCHEMA},\n"corpora": [\n{corpora}\n],\n'
        f'"rejected": {_laid_out(refused, 4)}\n}}\n'
    )


def _laid_out(value: Any, levels: int) -> str:
    """Return JSON with a line for every row of a table; what is deeper stays on its line."""
    if not levels or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_laid_out(one, levels - 1)}" for key, one in value.items()]
        return "{\n" + ",\n".join(parts) + "\n}"
    return "[\n" + ",\n".join(_laid_out(one, levels - 1) for one in value) + "\n]"


def _published(rows: Sequence[PublishedRow]) -> list[dict[str, object]]:
    keyed = _keyed()
    return [
        {**values(row, keyed), "tested": row.tested, "classes": row.classes, "source": row.source}
        for row in rows
    ]


def _table(table: Table) -> dict[str, Any]:
    ranking = table.ranking
    names = [row.first.run for row in table.rows]
    return {
        **_setting(table),
        "leaks": table.leaks,
        "folds": table.folds,
        "speakers": table.speakers,
        "utterances": table.utterances,
        "ranking": {
            "threshold": ranking.threshold,
            "smallest_p": ranking.smallest,
            "separable": ranking.separable,
            "tests": [
                {
                    "leader": names[test.leader],
                    "other": names[test.other],
                    "p": test.pvalue,
                    "apart": test.apart,
                }
                for test in ranking.tests
            ],
        },
        "measured": [
            {
                "kind": "measured",
                **values(row, columns.COLUMNS),
                "runs": [values(run, columns.RUN_COLUMNS) for run in row.entries],
            }
            for row in table.rows
        ],
        "published": _published(table.published),
        "chance": [values(row, columns.COLUMNS) for row in table.chance],
    }
