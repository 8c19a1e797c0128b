"""The leaderboard as one static page: no network, no framework, complete without its script."""

import base64
import functools
import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources
from urllib.parse import quote

from serbench import tables
from serbench.leaderboard.formats import cells
from serbench.leaderboard.formats.cells import Cells
from serbench.leaderboard.ranking.board import Board, Section, Table
from serbench.leaderboard.ranking.entry import Rejected
from serbench.leaderboard.ranking.row import Line
from serbench.leaderboard.submissions.safe_read import shown
from serbench.metrics.intervals import Interval
from serbench.results import literature

HEAD = (*cells.MAIN, "leakage", "parameters", "time", "finished", "serbench")
NUMBERS = ("accuracy", "F1", "recall", "pooled F1 [95 %]", "parameters", "time")
WORDS = ("model", "system", "caveats", "tested on")
REMEMBERED = 4096  # texts: names and dates stand in many rows


def page(board: Board, submissions: str) -> str:
    """The whole page.

    Args:
        board: what to show.
        submissions: the folder of submissions as seen from the page: "submissions".
    """
    return whole([part(one, submissions) for one in board.sections], board.rejected)


def part(section: Section, submissions: str) -> str:
    """What the page says of one corpus."""
    pieces = (f"<section><h2>{words(section.title)}</h2>", *_section(section, submissions))
    return "\n".join((*pieces, "</section>"))


def whole(parts: Iterable[str], rejected: Sequence[Rejected]) -> str:
    """The page, made of what it says of each corpus."""
    style, script = (_part(name) for name in ("page.css", "page.js"))
    body = "\n".join(_body(parts, rejected))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>serbench leaderboard</title>
<style>{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


def _part(name: str) -> str:
    return (
        resources.files("serbench.leaderboard.formats").joinpath(name).read_text(encoding="utf-8")
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.lru_cache(maxsize=REMEMBERED)
def words(text: str, most: int = 3000) -> str:
    """A stranger's words as text of the page.

    >>> words("<b>&'")
    '&lt;b&gt;&amp;&#x27;'
    """
    return escape(shown(text, most))


def _body(parts: Iterable[str], rejected: Sequence[Rejected]) -> Iterator[str]:
    yield "<h1>Speech emotion recognition, measured with serbench</h1>"
    about = (*cells.ABOUT, f"The paper: {literature.PAPER}.")
    yield _list(about, "about")
    yield _FORM
    yield from parts
    if rejected:
        yield "<section><h2>Rejected</h2>"
        found = [f"{one.folder}: {'; '.join(one.reasons)}" for one in rejected]
        yield _list(found, "notes")
        yield "</section>"


_FORM = """<form hidden>
<label>Search <input type="search" name="text"></label>
<label>Corpus <select name="corpus"><option value="">all</option></select></label>
<label>Protocol <select name="protocol"><option value="">all</option></select></label>
<label>Checked <select name="status"><option value="">all</option></select></label>
</form>"""


def _section(section: Section, submissions: str) -> Iterator[str]:
    for table in section.tables:
        yield f"<article><h3>{words(cells.title(table))}</h3>"
        yield _table(HEAD, _rows(table, submissions), section.corpus, table.protocol)
        yield f"{_list(cells.notes(table), 'notes')}</article>"
    if section.published:
        title = "Published, tested otherwise" if section.tables else "Published"
        yield f"<article><h3>{title}</h3>"
        rows = (
            _cells("published", "published", cells.PUBLISHED, cells.published(row))
            for row in section.published
        )
        yield f"{_table(cells.PUBLISHED, rows, section.corpus, '')}</article>"


def _list(notes: Sequence[str], kind: str) -> str:
    return f'<ul class="{kind}">{"".join(f"<li>{words(note)}</li>" for note in notes)}</ul>'


def _table(head: Sequence[str], rows: Iterator[str], corpus: str, protocol: str) -> str:
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    of = f'data-corpus="{words(corpus)}" data-protocol="{words(protocol)}"'
    return (
        f'<div class="wide"><table {of}><thead><tr>{names}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def _rows(table: Table, submissions: str) -> Iterator[str]:
    """Every row; the first of a lower rank is set off from the rank above."""
    before = 1
    for row in cells.main(table):
        rank = (row.line and row.line.rank) or before
        yield _row(row, submissions, "lead " if rank > before else "")
        before = rank


def _row(row: Cells, submissions: str, leads: str) -> str:
    line = row.line
    if line is None:
        values = (*row.cells, *["-"] * (len(HEAD) - len(row.cells)))
        return _cells(row.kind, row.cells[-1], HEAD, values)
    values = (
        *row.cells,
        "leaky" if line.first.leaks else "none",
        cells.parameters(line.first.parameters),
        tables.duration(line.seconds),
        line.finished[:10] or "-",
        line.first.serbench or "-",
    )
    more = {
        "model": _runs(line, submissions) + _small([*line.flags, *line.notes, *line.objections]),
        "pooled F1 [95 %]": _drawn(line.pooled, line.interval),
        "checked": _small(line.reproductions),
    }
    sizes = {"parameters": line.first.parameters or math.nan, "time": line.seconds}
    return _cells(leads + row.kind, line.status, HEAD, values, more, sizes)


def _cells(
    kind: str,
    status: str,
    head: Sequence[str],
    values: Sequence[str],
    more: dict[str, str] | None = None,
    sizes: dict[str, float] | None = None,
) -> str:
    """One row; `more` is what follows a cell's words, `sizes` what a column is sorted by."""
    made = []
    for name, value in zip(head, values, strict=True):
        size = (sizes or {}).get(name)
        sorted_by = f' data-value="{size:.6g}"' if size is not None else ""
        made.append(
            f'<td class="{_kind(name, value)}" data-of="{name}"{sorted_by}>'
            f"{words(value)}{(more or {}).get(name, '')}</td>"
        )
    return f'<tr class="{kind}" data-status="{words(status)}">{"".join(made)}</tr>'


@functools.lru_cache(maxsize=REMEMBERED)
def _kind(name: str, value: str) -> str:
    kinds = ["rank" if name == "rank" else "number" if name in NUMBERS else ""]
    kinds += ["words" if name in WORDS else "", "none" if value == "-" else ""]
    return " ".join(filter(None, kinds))


def _runs(line: Line, submissions: str) -> str:
    """Links to the folder of each of its runs."""
    links = (
        f'<a href="{quote(f"{submissions}/{entry.folder}")}/">{words(entry.short)}</a>'
        for entry in line.entries
        if entry.folder
    )
    found = ", ".join(links)
    return f"<small>{found}</small>" if found else ""


def _small(notes: Sequence[str]) -> str:
    return "".join(f"<small>{words(note)}</small>" for note in notes if note)


def _drawn(pooled: float, interval: Interval) -> str:
    """The interval on a scale from 0 to 100 %."""
    if math.isnan(interval.low):
        return ""
    low, high, at = (f"{100 * one:.1f}" for one in (*interval, pooled))
    return (
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="M0 4H100"/><line x1="{low}" x2="{high}" y1="4" y2="4"/>'
        f'<circle cx="{at}" cy="4" r="2"/></svg>'
    )
