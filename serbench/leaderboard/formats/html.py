"""The leaderboard as one static HTML page: no network, no framework, readable without scripts."""

import base64
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from urllib.parse import quote

from serbench.leaderboard.formats import columns, notes
from serbench.leaderboard.formats.columns import AnyRow, Column
from serbench.leaderboard.ranking.board import Section, Table
from serbench.leaderboard.ranking.entry import Rejected
from serbench.leaderboard.ranking.row import Row
from serbench.leaderboard.submissions.safe_read import shown
from serbench.metrics.intervals import Interval

LONGEST = 3000  # characters of a cell


def part(section: Section, submissions: str) -> str:
    """Return the section of one corpus; links begin with the folder of submissions."""
    pieces = (f"<section><h2>{escaped(section.title)}</h2>", *_section(section, submissions))
    return "\n".join((*pieces, "</section>"))


def whole(parts: Iterable[str], rejected: Sequence[Rejected]) -> str:
    """Return the page, from the section of each corpus."""
    folder = resources.files("serbench.leaderboard.formats")
    style, script = (folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
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


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def escaped(text: str) -> str:
    """Escape untrusted text for HTML.

    >>> escaped("<b>&'")
    '&lt;b&gt;&amp;&#x27;'
    """
    return escape(shown(text, LONGEST))


def _body(parts: Iterable[str], rejected: Sequence[Rejected]) -> Iterator[str]:
    yield "<h1>Speech emotion recognition, measured with serbench</h1>"
    yield _list(notes.ABOUT, "about")
    yield _FORM
    yield from parts
    if rejected:
        yield "<section><h2>Rejected</h2>"
        yield _list(
            [f"{folder.folder}: {'; '.join(folder.reasons)}" for folder in rejected], "notes"
        )
        yield "</section>"


_FORM = """<form hidden>
<label>Search <input type="search" name="text"></label>
<label>Corpus <select name="corpus"><option value="">all</option></select></label>
<label>Protocol <select name="protocol"><option value="">all</option></select></label>
<label>Checked <select name="status"><option value="">all</option></select></label>
</form>"""


def _section(section: Section, submissions: str) -> Iterator[str]:
    for table in section.tables:
        yield f"<article><h3>{escaped(notes.title(table))}</h3>"
        yield _table("page", _rows(table, submissions), section.corpus, table.protocol)
        yield f"{_list(notes.of_table(table), 'notes')}</article>"
    if section.published:
        title = "Published, tested otherwise" if section.tables else "Published"
        yield f"<article><h3>{title}</h3>"
        rows = [_row(row, "other") for row in section.published]
        yield f"{_table('other', rows, section.corpus, '')}</article>"


def _list(items: Sequence[str], kind: str) -> str:
    return f'<ul class="{kind}">{"".join(f"<li>{escaped(item)}</li>" for item in items)}</ul>'


def _table(where: str, rows: Iterable[str], corpus: str, protocol: str) -> str:
    head = "".join(f'<th scope="col">{column.title}</th>' for column in columns.headed(where))
    data = f'data-corpus="{escaped(corpus)}" data-protocol="{escaped(protocol)}"'
    return (
        f'<div class="wide"><table {data}><thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def _rows(table: Table, submissions: str) -> Iterator[str]:
    """Yield every row; the first row of a lower rank has a class of its own."""
    before = 1
    for row in columns.ordered(table):
        if not isinstance(row, Row):
            yield _row(row, "page")
            continue
        rank = row.rank or before
        yield _row(row, "page", _additions(row, submissions), "lead " if rank > before else "")
        before = rank


def _row(
    row: AnyRow, where: str, additions: Mapping[str, str] | None = None, lead: str = ""
) -> str:
    """Return a row; `additions` maps titles of columns to HTML that follows their texts."""
    kind = status = columns.KINDS[type(row)]
    if isinstance(row, Row):
        kind, status = "unranked" if row.rank is None else "ranked", row.status
    elif kind == "chance":
        status = "-"
    cells = (_cell(row, column, additions or {}) for column in columns.headed(where))
    return f'<tr class="{lead}{kind}" data-status="{escaped(status)}">{"".join(cells)}</tr>'


def _cell(row: AnyRow, column: Column, additions: Mapping[str, str]) -> str:
    text = column.cell(row)
    size = ""
    if column.style == "size" and isinstance(row, Row) and column.measured:
        size = f' data-value="{column.measured(row) or math.nan:.6g}"'
    return (
        f'<td class="{_class(column.style, text)}" data-of="{column.title}"{size}>'
        f"{escaped(text)}{additions.get(column.title, '')}</td>"
    )


def _class(style: str, text: str) -> str:
    names = ["number" if style == "size" else style, "none" if text == "-" else ""]
    return " ".join(filter(None, names))


def _additions(row: Row, submissions: str) -> dict[str, str]:
    return {
        "model": _links(row, submissions) + _small([*row.flags, *row.notes, *row.objections]),
        "pooled F1 [95 %]": _drawn(row.pooled, row.interval),
        "checked": _small(row.reproductions),
    }


def _links(row: Row, submissions: str) -> str:
    """Return links to the folders of a row's runs."""
    links = [
        f'<a href="{quote(f"{submissions}/{entry.folder}")}/">{escaped(entry.short)}</a>'
        for entry in row.entries
        if entry.folder
    ]
    return f"<small>{', '.join(links)}</small>" if links else ""


def _small(texts: Sequence[str]) -> str:
    return "".join(f"<small>{escaped(text)}</small>" for text in texts if text)


def _drawn(pooled: float, interval: Interval) -> str:
    """Draw a score and its interval on a scale from 0 to 100 %."""
    if math.isnan(interval.low):
        return ""
    low, high, at = (f"{100 * value:.1f}" for value in (*interval, pooled))
    return (
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="M0 4H100"/><line x1="{low}" x2="{high}" y1="4" y2="4"/>'
        f'<circle cx="{at}" cy="4" r="2"/></svg>'
    )
