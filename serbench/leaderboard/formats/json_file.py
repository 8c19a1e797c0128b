"""The leaderboard as JSON for other programs.

Scores are fractions. `docs/results.md` describes the format.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from serbench.escaping import finite
from serbench.leaderboard.formats import columns
from serbench.leaderboard.formats.columns import values
from serbench.leaderboard.ranking.board import Section, Table
from serbench.leaderboard.ranking.entry import Rejected
from serbench.results.literature import PublishedRow

SCHEMA = 1


def part(section: Section, _: str) -> str:
    """Return the JSON object of one corpus."""
    content = {
        "corpus": section.corpus,
        "title": section.title,
        "tables": [_table(table) for table in section.tables],
        "published": _published(section.published),
    }
    return _laid_out(finite(content, digits=9), 4)


def whole(parts: Iterable[str], rejected: Sequence[Rejected]) -> str:
    """Return the file, from the object of each corpus."""
    refused = [
        {"submission": outcome.folder, "reasons": list(outcome.reasons)} for outcome in rejected
    ]
    corpora = ",\n".join(parts)
    return (
        f'{{\n"schema": {SCHEMA},\n"corpora": [\n{corpora}\n],\n'
        f'"rejected": {_laid_out(refused, 4)}\n}}\n'
    )


def _laid_out(value: Any, levels: int) -> str:
    """Return JSON with `levels` levels laid out on lines; deeper values share a line."""
    if not levels or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_laid_out(item, levels - 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(parts) + "\n}"
    return "[\n" + ",\n".join(_laid_out(item, levels - 1) for item in value) + "\n]"


def _published(rows: Sequence[PublishedRow]) -> list[dict[str, object]]:
    keyed = columns.keyed()
    return [
        {**values(row, keyed), "tested": row.tested, "classes": row.classes, "source": row.source}
        for row in rows
    ]


def _table(table: Table) -> dict[str, Any]:
    ranking = table.ranking
    names = [row.first.run for row in table.rows]
    return {
        **columns.setting(table),
        "leaks": table.leaks,
        "sees": table.sees,
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
