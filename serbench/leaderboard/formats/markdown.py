"""The leaderboard as Markdown for a repository's page, and as plain text for a terminal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import quote

from serbench import tables
from serbench.escaping import markdown
from serbench.leaderboard.formats import columns, notes
from serbench.leaderboard.ranking.board import Board, Section, Table
from serbench.leaderboard.ranking.entry import Rejected
from serbench.leaderboard.submissions.safe_read import shown

MOST_ROWS = 100  # of a table in Markdown; HTML, CSV and JSON contain all rows
LONGEST, LONGEST_NOTE = 300, 3000  # characters of a cell, of a note


def _cell(text: str) -> str:
    return markdown(text, LONGEST)


def _paragraph(text: str) -> str:
    return markdown(text, LONGEST_NOTE)


def _unbroken(text: str) -> str:
    """Return a cell that keeps each score and its deviation on one line."""
    return _cell(text).replace(" ± ", "&nbsp;±&nbsp;")


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


BESIDE = (
    "This page with sorting and search: [index.html](index.html). All rows in full precision: "
    "[leaderboard.csv](leaderboard.csv), [leaderboard.json](leaderboard.json). For LaTeX: "
    "[leaderboard.tex](leaderboard.tex).",
    "How ranks are computed: [comparing runs](../docs/comparing.md#ranks-with-ties).",
)


def part(section: Section, submissions: str) -> str:
    """Return the page's section about one corpus.

    Args:
        section: the corpus's section of the board.
        submissions: path from the page to the folder of submissions: "submissions".
    """
    return "\n\n".join([f"## {_paragraph(section.title)}", *_section(section, submissions)])


def whole(parts: Iterable[str], rejected: Sequence[Rejected]) -> str:
    """Return the page, from the section of each corpus."""
    pieces = [
        "# Leaderboard",
        "<!-- made by `serbench leaderboard build`; do not edit -->",
        _list([*notes.ABOUT, *BESIDE]),
        *parts,
    ]
    if rejected:
        pieces += [
            "## Rejected",
            "These submissions failed a check, and are not listed above:",
            _list(
                f"Folder {_paragraph(outcome.folder)}: {_paragraph('; '.join(outcome.reasons))}"
                for outcome in rejected
            ),
        ]
    return "\n\n".join(pieces) + "\n"


def _section(section: Section, submissions: str) -> Iterator[str]:
    for table in section.tables:
        yield f"### {_paragraph(notes.title(table))}"
        yield _table("main", _shown(table), _unbroken, "markdown")
        yield _list(map(_paragraph, [*_hidden(table), *notes.of_table(table)]))
        if runs := _runs(table, submissions):
            head = f"<details><summary>The {tables.count(len(runs), 'run')} of this table</summary>"
            titles = [column.title for column in columns.headed("runs")]
            yield "\n\n".join([head, tables.table(titles, runs, "markdown"), "</details>"])
    if not section.tables:
        yield "Nothing measured yet."
    if section.published:
        yield "### Published, tested otherwise" if section.tables else "### Published"
        yield _table("other", section.published, _cell, "markdown")


def _table(
    where: str, rows: Iterable[columns.AnyRow], escape: Callable[[str], str], form: str
) -> str:
    headed = columns.headed(where)
    cells = [[escape(column.cell(row)) for column in headed] for row in rows]
    return tables.table([column.title for column in headed], cells, form)


def _shown(table: Table) -> list[columns.AnyRow]:
    """Return the rows of a table, but only the first `MOST_ROWS` of the measured ones."""
    hidden = {id(row) for row in table.rows[MOST_ROWS:]}
    return [row for row in columns.ordered(table) if id(row) not in hidden]


def _hidden(table: Table) -> list[str]:
    hidden = len(table.rows) - MOST_ROWS
    return (
        [f"{hidden} more measured rows are in the HTML page and the files."] if hidden > 0 else []
    )


def _runs(table: Table, submissions: str) -> list[list[str]]:
    """Return the runs of the rows that are shown, with links to their folders."""
    return [
        [
            _linked(notes.named(run, row), run.folder, submissions),
            *(_cell(column.cell(run)) for column in columns.headed("runs")[1:]),
        ]
        for row in table.rows[:MOST_ROWS]
        for run in row.entries
    ]


def _linked(text: str, folder: str, submissions: str) -> str:
    return f"[{_cell(text)}]({quote(f'{submissions}/{folder}')})" if folder else _cell(text)


def text(board: Board, form: str = "text") -> str:
    """Return the tables without links, for a terminal, as "text" or "markdown"."""
    escape, paragraph = (shown, shown) if form == "text" else (_cell, _paragraph)

    def heading(level: int, title: str) -> str:
        title = paragraph(title)
        if form == "markdown":
            return f"{'#' * level} {title}"
        return f"{title}\n{'==-'[level - 1] * len(title)}"

    parts = [heading(1, "Leaderboard"), _list(notes.ABOUT)]
    for section in board.sections:
        parts.append(heading(2, section.title))
        for table in section.tables:
            parts.append(heading(3, notes.title(table)))
            parts.append(_table("main", columns.ordered(table), escape, form))
            parts.append(_list(map(paragraph, notes.of_table(table))))
        if section.published:
            parts.append(heading(3, "Published"))
            parts.append(_table("other", section.published, escape, form))
    parts += [f"Unreadable: {paragraph('; '.join(run.reasons))}" for run in board.rejected]
    return "\n\n".join(parts)
