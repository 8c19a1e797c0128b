"""The leaderboard as a static HTML page: no network, no framework, readable without scripts."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from urllib.parse import quote

from serbench.leaderboard.formats import columns, notes, picture
from serbench.leaderboard.formats.columns import AnyRow
from serbench.leaderboard.ranking.board import Section, Table
from serbench.leaderboard.ranking.entry import Entry, Rejected
from serbench.leaderboard.ranking.row import Row
from serbench.leaderboard.submissions.safe_read import shown
from serbench.results.literature import PublishedRow

LONGEST = 3000  # characters of a cell
MINOR = ("recall", "accuracy", "checked")
"""The columns that a phone shows below a row, with those of the place "more"."""


def part(section: Section, submissions: str) -> str:
    """Return the section of one corpus; links begin with the folder of submissions."""
    pieces = (f"<section><h2>{escaped(section.title)}</h2>", *_section(section, submissions))
    return "\n".join((*pieces, "</section>"))


def whole(parts: Iterable[str], rejected: Sequence[Rejected]) -> str:
    """Return the page, from the section of each corpus."""
    return document("serbench leaderboard", "\n".join(_body(parts, rejected)), "page.js")


def document(title: str, body: str, script: str = "", sheet: str = "") -> str:
    """Return a page that may only use its own style and script.

    Args:
        title: of the window; untrusted.
        body: HTML.
        script: the name of a file beside this module, or "".
        sheet: the path from the page to a file with the text of `style`; "" includes the text.
    """
    text, code = style(), _beside(script) if script else ""
    policy = f"default-src 'none'; style-src '{'self' if sheet else _hash(text)}'; "
    policy += f"script-src '{_hash(code)}'; " if script else ""
    styled = f'<link rel="stylesheet" href="{sheet}">' if sheet else f"<style>{text}</style>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escaped(title)}</title>
{styled}
</head>
<body>
{body}
{f"<script>{code}</script>" if script else ""}
</body>
</html>
"""


def style() -> str:
    """Return the style of all pages."""
    return _beside("page.css")


def _beside(name: str) -> str:
    return resources.files("serbench.leaderboard.formats").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def escaped(text: str) -> str:
    """Escape untrusted text for HTML.

    >>> escaped("<b>&'")
    '&lt;b&gt;&amp;&#x27;'
    """
    return escape(shown(text, LONGEST))


def run_page(entry: Entry) -> str:
    """Return the path from the board to the page of a submitted run."""
    return f"runs/{entry.folder}.html"


def listed(items: Iterable[str], kind: str = "notes") -> str:
    """Return untrusted texts as a list."""
    return f'<ul class="{kind}">{"".join(f"<li>{escaped(item)}</li>" for item in items)}</ul>'


def described(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and contents, which are HTML, as a list of descriptions."""
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in pairs) + "</dl>"


def _body(parts: Iterable[str], rejected: Sequence[Rejected]) -> Iterator[str]:
    yield "<h1>Speech emotion recognition, measured with serbench</h1>"
    yield '<p class="soft">Scores in %. <a href="#legend">How to read the tables</a>; every row '
    yield "opens, and every run has a page.</p>"
    yield _FORM
    yield from parts
    if rejected:
        yield "<section><h2>Rejected</h2>"
        yield listed(f"{outcome.folder}: {'; '.join(outcome.reasons)}" for outcome in rejected)
        yield "</section>"
    yield '<section id="legend"><h2>How to read the tables</h2>'
    yield f"{listed(notes.ABOUT)}</section>"


_FORM = """<form hidden>
<label>Search <input type="search" name="text"></label>
<label>Corpus <select name="corpus"><option value="">all</option></select></label>
<label>Protocol <select name="protocol"><option value="">all</option></select></label>
<label>Checked <select name="status"><option value="">all</option></select></label>
</form>"""


def _section(section: Section, submissions: str) -> Iterator[str]:
    for place, table in enumerate(section.tables):
        name = picture.name(section, place)
        yield f'<article id="{name}"><h3>{escaped(notes.heading(table))}</h3>'
        yield f'<p class="soft">{escaped(notes.size(table))}</p>'
        yield _table("page", _rows(table), section.corpus, table.protocol, notes.title(table))
        left_out = picture.left_out(table)
        more = f' <a href="#{name}">{left_out}</a>' if left_out else ""
        yield f"<figure><figcaption>{escaped(picture.ABOUT)}{more}</figcaption>"
        for layout, kind in ((picture.WIDE, "wide"), (picture.NARROW, "narrow")):
            yield f'<div class="{kind}">{picture.svg(table, layout)}</div>'
        yield "</figure><details><summary>Notes</summary>"
        yield f"{listed(notes.of_table(table))}</details></article>"
    if section.published:
        title = "Published, tested otherwise" if section.tables else "Published"
        yield f"<article><h3>{title}</h3>"
        rows = [_row(row, "other") for row in section.published]
        yield f"{_table('other', rows, section.corpus, '', title)}</article>"


def _table(where: str, rows: Iterable[str], corpus: str, protocol: str, title: str) -> str:
    heads = "".join(
        f'<th scope="col" title="{escaped(column.hint)}">{column.title}</th>'
        if column.hint
        else f'<th scope="col">{column.title}</th>'
        for column in columns.headed(where)
    )
    data = {"corpus": corpus, "protocol": protocol, "name": f"{corpus}: {title}"}
    attributes = " ".join(f'data-{name}="{escaped(text)}"' for name, text in data.items())
    return (
        f"<table {attributes}><thead><tr>{heads}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table>"
    )


def _rows(table: Table) -> Iterator[str]:
    """Yield every row; the first row of a lower rank has a class of its own."""
    before = 1
    for row in columns.ordered(table):
        if not isinstance(row, Row):
            yield _row(row, "page")
            continue
        rank = row.rank or before
        yield _row(row, "page", "lead " if rank > before else "")
        before = rank


def _row(row: AnyRow, where: str, lead: str = "") -> str:
    kind = status = columns.KINDS[type(row)]
    additions: Mapping[str, str] = {}
    if isinstance(row, Row):
        kind, status = "unranked" if row.rank is None else "ranked", row.status
        additions = {
            "model": _model(row),
            "pooled F1 [95 %]": picture.line(row.pooled, row.interval),
        }
    elif isinstance(row, PublishedRow):
        tested = [row.tested, row.classes and f"labels {row.classes}", *row.caveats]
        more = listed(filter(None, tested)) if any(tested) else ""
        additions = {"model": _opened(columns.reference(row), more)}
    else:
        status = "-"
    cells = ""
    for column in columns.headed(where):
        title, text = column.title, column.cell(row)
        styles = [column.style, "minor" if title in MINOR else "", "none" if text == "-" else ""]
        cells += (
            f'<td class="{" ".join(filter(None, styles))}" data-of="{title}"'
            f' data-value="{escaped(text)}">{escaped(text)}{additions.get(title, "")}</td>'
        )
    return f'<tr class="{lead}{kind}" data-status="{escaped(status)}">{cells}</tr>'


def _opened(summary: str, content: str) -> str:
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def _model(row: Row) -> str:
    """Return what opens below a model's title: everything without a column of its own."""
    minor = [column for column in columns.headed("page") if column.title in MINOR]
    facts = [
        (f'<span class="{kind}">{column.title}</span>', escaped(column.cell(row)))
        for kind, group in (("phone", minor), ("", columns.headed("more")))
        for column in group
    ]
    facts.insert(len(minor), ("runs", runs_linked(row.entries, "")))
    remarks = [*row.objections, *row.reproductions, *row.flags, *row.notes]
    return _opened(row.detail or "more", described(facts) + (listed(remarks) if remarks else ""))


def seed(entry: Entry) -> str:
    """Return the seed of a run, for readers."""
    return "unknown seed" if entry.known_seed is None else f"seed {entry.seed}"


def runs_linked(entries: Iterable[Entry], up: str) -> str:
    """Return links to the pages of submitted runs, by seed; `up` leads to the board."""
    return ", ".join(
        f'<a href="{quote(up + run_page(entry))}">{seed(entry)} ({escaped(entry.short)})</a>'
        if entry.folder
        else escaped(entry.short)
        for entry in entries
    )
