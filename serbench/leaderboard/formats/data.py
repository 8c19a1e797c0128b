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

from serbench.leaderboard.formats import cells
from serbench.leaderboard.ranking.board import Board, Section, Table
from serbench.leaderboard.ranking.entry import Entry, Rejected
from serbench.leaderboard.ranking.row import SHOWN, Line
from serbench.leaderboard.submissions.safe_read import shown
from serbench.metrics.intervals import MeanStd
from serbench.results.literature import Row
from serbench.text import csv_cell, finite

SCHEMA = 1
REMEMBERED = 4096  # texts: names, dates and digests stand in many rows
COLUMNS = (
    "corpus",
    "dataset",
    "protocol",
    "labels",
    "corpus_digest",
    "protocol_digest",
    "audio_digest",
    "kind",
    "rank",
    "reference",
    "model",
    "modality",
    *(name + part for name in SHOWN for part in ("", "_std")),
    "pooled_f1",
    "f1_low",
    "f1_high",
    "seeds",
    "checked",
    "reproductions",
    "objection",
    "leakage",
    "parameters",
    "checkpoint",
    "revision",
    "seconds",
    "device",
    "finished",
    "serbench",
    "submitted",
    "flags",
    "submissions",
)


def sheet(board: Board) -> str:
    """Every measured and every published row, and chance, one a line."""
    return whole_sheet(map(sheet_part, board.sections))


def sheet_part(section: Section) -> str:
    """The lines of one corpus."""
    return _lines([_cell(row.get(name)) for name in COLUMNS] for row in _sheet(section))


def whole_sheet(parts: Iterable[str]) -> str:
    """The sheet, made of the lines of each corpus."""
    return "".join([_lines([COLUMNS]), *parts])


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    """A value in a sheet; what a spreadsheet would take for a formula gets a quote before it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int | float):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return csv_cell(_shown(str(value)))


@functools.lru_cache(maxsize=REMEMBERED)
def _shown(value: str) -> str:
    return shown(value, 2000)


def _sheet(section: Section) -> Iterator[dict[str, object]]:
    for table in section.tables:
        common = {"corpus": section.corpus, **_setting(table)}
        yield from ({**common, **_measured(line)} for line in table.lines)
        yield from ({**common, "kind": "published", **_published(row)} for row in table.published)
        for guess in table.guesses:
            yield {**common, "kind": "chance", "model": guess.name, **_flat(guess.scores)}
    for row in section.published:
        tested = {"corpus": section.corpus, "protocol": row.tested, "labels": row.classes}
        yield {**tested, "kind": "published", **_published(row)}


def _setting(table: Table) -> dict[str, object]:
    return {
        "dataset": table.dataset,
        "protocol": table.protocol,
        "labels": table.labels,
        "corpus_digest": table.pins[0],
        "protocol_digest": table.pins[1],
        "audio_digest": table.audio,
    }


def _flat(found: dict[str, MeanStd]) -> dict[str, object]:
    """Rounded, so that a deviation of nothing is 0 on every machine."""
    means = {name: round(one.mean, 9) for name, one in found.items()}
    return {**means, **{f"{name}_std": round(one.std, 9) for name, one in found.items()}}


def _measured(line: Line) -> dict[str, object]:
    first = line.first
    return {
        "kind": "measured",
        "rank": line.rank,
        "reference": first.who if first.folder else "",
        "model": line.name,
        "modality": "speech",
        **_flat(dict(line.scores)),
        "pooled_f1": line.pooled,
        "f1_low": line.interval.low,
        "f1_high": line.interval.high,
        "seeds": " ".join(str(one.seed) for one in line.entries),
        "checked": line.status,
        "reproductions": "; ".join(line.reproductions),
        "objection": "; ".join(line.objections),
        "leakage": first.leaks or "none",
        "parameters": first.parameters,
        "checkpoint": first.checkpoint,
        "revision": first.revision,
        "seconds": line.seconds,
        "device": first.device,
        "finished": line.finished,
        "serbench": first.serbench,
        "submitted": max(one.day for one in line.entries),
        "flags": "; ".join((*line.flags, *line.notes)),
        "submissions": " ".join(one.folder for one in line.entries),
    }


def _published(row: Row) -> dict[str, object]:
    low, high = row.intervals.get("f1", (None, None))
    return {
        "reference": cells.reference(row),
        "model": row.system,
        "modality": row.modality,
        **{
            name: (row.scores if not part else row.stds).get(published)
            for published, shown_as in _PUBLISHED.items()
            for part in ("", "_std")
            for name in [shown_as + part]
        },
        "f1_low": low,
        "f1_high": high,
        "checked": "published",
        "objection": "; ".join(row.caveats),
    }


_PUBLISHED = {"accuracy": "accuracy", "precision": "precision", "recall": "uar", "f1": "f1"}
"""What literature calls a score, and what it is called here."""


def page(board: Board) -> str:
    """All of it as JSON."""
    return whole_page(map(page_part, board.sections), board.rejected)


def page_part(section: Section) -> str:
    """The object of one corpus."""
    found = {
        "corpus": section.corpus,
        "title": section.title,
        "tables": [_table(table) for table in section.tables],
        "published": _rows(section.published),
    }
    return _laid_out(finite(found, digits=9), 4)


def whole_page(parts: Iterable[str], rejected: Sequence[Rejected]) -> str:
    """The JSON, made of the object of each corpus."""
    refused = [{"submission": one.folder, "reasons": list(one.reasons)} for one in rejected]
    corpora = ",\n".join(parts)
    return (
        f'{{\n"schema": {SCHEMA},\n"corpora": [\n{corpora}\n],\n'
        f'"rejected": {_laid_out(refused, 4)}\n}}\n'
    )


def _laid_out(value: Any, levels: int) -> str:
    """JSON with a line for every row of a table; what is in a row, or deeper, stays on its line."""
    if not levels or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_laid_out(one, levels - 1)}" for key, one in value.items()]
        return "{\n" + ",\n".join(parts) + "\n}"
    return "[\n" + ",\n".join(_laid_out(one, levels - 1) for one in value) + "\n]"


def _rows(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [
        {**_published(row), "tested": row.tested, "classes": row.classes, "source": row.source}
        for row in rows
    ]


def _table(table: Table) -> dict[str, Any]:
    place = table.standing
    names = [line.first.run for line in table.lines]
    return {
        **_setting(table),
        "leaks": table.leaks,
        "folds": table.folds,
        "speakers": table.speakers,
        "utterances": table.utterances,
        "ranking": {
            "threshold": place.threshold,
            "smallest_p": place.smallest,
            "separable": place.separable,
            "tests": [
                {"leader": names[one.leader], "other": names[one.other], "p": one.pvalue}
                | {"apart": one.apart}
                for one in place.tests
            ],
        },
        "measured": [
            {**_measured(line), "runs": [_run(one) for one in line.entries]} for line in table.lines
        ],
        "published": _rows(table.published),
        "chance": [{"model": one.name, **_flat(one.scores)} for one in table.guesses],
    }


def _run(entry: Entry) -> dict[str, object]:
    return {
        "run": entry.run,
        "submission": entry.folder,
        "seed": entry.seed,
        "params": dict(entry.params),
        "folds": entry.folds,
        "seconds": entry.seconds,
        "finished": entry.finished,
        "checked": entry.status,
        "submitter": entry.submitter,
        "account": entry.account,
        "submitted": entry.submitted,
        "seen": entry.seen,
    }
