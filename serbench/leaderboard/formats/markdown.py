"""The leaderboard as Markdown for a repository's page, and as plain text for a terminal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import quote

from serbench import tables
from serbench.leaderboard.formats import cells
from serbench.leaderboard.ranking.board import Board, Section, Table
from serbench.leaderboard.ranking.entry import Rejected
from serbench.leaderboard.submissions.safe_read import shown
from serbench.results import literature
from serbench.text import markdown

MOST_LINES = 100  # of a table in Markdown; the page, the csv and the json have them all
LONGEST, LONGEST_NOTE = 300, 3000  # characters of a cell, of a note


def _cell(text: str) -> str:
    return markdown(text, LONGEST)


def _paragraph(text: str) -> str:
    return markdown(text, LONGEST_NOTE)


def readme(board: Board, submissions: str, beside: Sequence[str] = ()) -> str:
    """The page of the repository.

    Args:
        board: what to show.
        submissions: the folder of submissions as seen from the page: "submissions".
        beside: what else to say of it, as Markdown.
    """
    return whole([part(one, submissions) for one in board.sections], board.rejected, beside)


def part(section: Section, submissions: str) -> str:
    """What the page says of one corpus."""
    return "\n\n".join([f"## {_paragraph(section.title)}", *_markdown(section, submissions)])


def whole(parts: Iterable[str], rejected: Sequence[Rejected], beside: Sequence[str] = ()) -> str:
    """The page, made of what it says of each corpus."""
    about = [*cells.ABOUT, f"The paper: {literature.PAPER}.", *beside]
    pieces = [
        "# Leaderboard",
        "<!-- made by `serbench leaderboard build`; do not edit -->",
        "\n".join(f"- {note}" for note in about),
        *parts,
    ]
    if rejected:
        pieces += ["## Rejected", "Not listed above, because something is wrong with them:"]
        pieces.append(
            "\n".join(
                f"- Folder {_paragraph(one.folder)}: {_paragraph('; '.join(one.reasons))}"
                for one in rejected
            )
        )
    return "\n\n".join(pieces) + "\n"


def _markdown(section: Section, submissions: str) -> Iterator[str]:
    for table in section.tables:
        yield f"### {_paragraph(cells.title(table))}"
        yield tables.table(cells.MAIN, _rows(table, _unbroken), "markdown")
        yield "\n".join(f"- {_paragraph(note)}" for note in (*_more(table), *cells.notes(table)))
        if runs := _runs(table, submissions):
            head = f"<details><summary>The {len(runs)} runs of this table</summary>"
            yield "\n\n".join([head, tables.table(cells.RUNS, runs, "markdown"), "</details>"])
    if not section.tables:
        yield "Nothing measured yet."
    if section.published:
        yield "### Published, tested otherwise" if section.tables else "### Published"
        rows = [[_cell(cell) for cell in cells.published(row)] for row in section.published]
        yield tables.table(cells.PUBLISHED, rows, "markdown")


def _rows(table: Table, escape: Callable[[str], str], most: int = MOST_LINES) -> list[list[str]]:
    rows, measured = [], 0
    for row in cells.main(table):
        measured += row.line is not None
        if row.line is None or measured <= most:
            rows.append([escape(cell) for cell in row.cells])
    return rows


def _unbroken(text: str) -> str:
    """Escaped, with scores that stay on one line."""
    return _cell(text).replace(" ± ", "&nbsp;±&nbsp;")


def _more(table: Table) -> list[str]:
    hidden = len(table.lines) - MOST_LINES
    return [f"{hidden} more measured rows are in the page and the files."] if hidden > 0 else []


def _runs(table: Table, submissions: str) -> list[list[str]]:
    """The runs of the rows that are shown, each with a link to its folder."""
    return [
        [_linked(row[0], entry.folder, submissions), *map(_cell, row[1:])]
        for line in table.lines[:MOST_LINES]
        for entry in line.entries
        for row in [cells.run(entry, line)]
    ]


def _linked(words: str, folder: str, submissions: str) -> str:
    return f"[{_cell(words)}]({quote(f'{submissions}/{folder}')})" if folder else _cell(words)


def text(board: Board, form: str = "text") -> str:
    """The tables without links and pages, for a terminal, as "text" or "markdown"."""
    escape, heading = (shown, _underlined) if form == "text" else (_cell, _hashed)
    paragraph = shown if form == "text" else _paragraph
    about = "\n".join(f"- {note}" for note in (*cells.ABOUT, f"The paper: {literature.PAPER}."))
    parts = [heading(1, "Leaderboard"), about]
    for section in board.sections:
        parts.append(heading(2, paragraph(section.title)))
        for table in section.tables:
            parts.append(heading(3, paragraph(cells.title(table))))
            parts.append(tables.table(cells.MAIN, _rows(table, escape, len(table.lines)), form))
            parts.append("\n".join(f"- {paragraph(note)}" for note in cells.notes(table)))
        if section.published:
            parts.append(heading(3, "Published"))
            rows = [[escape(cell) for cell in cells.published(row)] for row in section.published]
            parts.append(tables.table(cells.PUBLISHED, rows, form))
    parts += [f"Unreadable: {paragraph('; '.join(one.reasons))}" for one in board.rejected]
    return "\n\n".join(parts)


def _hashed(level: int, words: str) -> str:
    return f"{'#' * level} {words}"


def _underlined(level: int, words: str) -> str:
    return f"{words}\n{'==-'[level - 1] * len(words)}"
