"""The leaderboard as Markdown for a repository's page, and as plain text for a terminal."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from urllib.parse import quote

from serbench import tables
from serbench.escaping import Cells, markdown
from serbench.leaderboard.formats import columns, notes, picture
from serbench.leaderboard.ranking.board import Board, Section
from serbench.leaderboard.ranking.entry import Entry, Rejected
from serbench.leaderboard.ranking.row import Row
from serbench.leaderboard.submissions.safe_read import shown

MOST_ROWS = 100  # of a table in Markdown; HTML, CSV and JSON contain all rows
LONGEST, LONGEST_NOTE = 300, 3000  # characters of a cell, of a note


def _cell(text: str) -> str:
    return markdown(text, LONGEST)


def _paragraph(text: str) -> str:
    return markdown(text, LONGEST_NOTE)


def _unbroken(text: str) -> str:
    """Return a cell that keeps each score and its deviation on one line."""
    return _cell(text).replace(" ± ", "±")


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


BESIDE = (
    "With sorting, search and a page for every run: [index.html](index.html). All rows in full "
    "precision: [leaderboard.csv](leaderboard.csv), [leaderboard.json](leaderboard.json). For "
    "LaTeX: [leaderboard.tex](leaderboard.tex). What the columns mean: [below](#how-to-read-the-"
    "tables)."
)
RANKS = "How ranks are computed: [comparing runs](../docs/comparing.md#ranks-with-ties)."


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
        notes.MADE,
        BESIDE,
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
    pieces += ["## How to read the tables", _list([*notes.ABOUT, RANKS])]
    return "\n\n".join(pieces) + "\n"


def _section(section: Section, submissions: str) -> Iterator[str]:
    for place, table in enumerate(section.tables):
        yield f"### {_paragraph(notes.heading(table))}"
        hidden = {id(row) for row in table.rows[MOST_ROWS:]}
        rows = [row for row in columns.ordered(table) if id(row) not in hidden]
        yield _table("text", rows, _unbroken, "markdown")
        yield _paragraph(notes.size(table))
        yield f"![{picture.ABOUT}]({picture.path(section, place)})"
        if left_out := picture.left_out(table):
            yield f"In the picture: [{left_out}](index.html#{picture.name(section, place)})"
        more = f"{len(hidden)} more measured rows are in the HTML page and the files."
        remarks = [*([more] if hidden else []), *notes.of_table(table)]
        yield _folded("Notes", map(_paragraph, remarks))
        runs = [
            _run(run, row, submissions) for row in table.rows[:MOST_ROWS] for run in row.entries
        ]
        yield _folded(f"The {tables.count(len(runs), 'run')} of this table", runs)
    if not section.tables:
        yield (
            "Nothing measured yet: the audio was not at hand. With it, `serbench evaluate --model "
            f"MODEL --dataset {section.corpus}` measures a model."
        )
    if section.published:
        yield "### Published, tested otherwise" if section.tables else "### Published"
        yield _table("other text", section.published, _unbroken, "markdown")
        yield _folded(
            "How these were tested", map(_paragraph, notes.of_published(section.published))
        )


def _folded(title: str, items: Iterable[str]) -> str:
    return f"<details><summary>{title}</summary>\n\n{_list(items)}\n\n</details>"


def _table(
    where: str, rows: Iterable[columns.AnyRow], escape: Callable[[str], str], form: str
) -> str:
    headed = columns.headed(where)
    cells = [[escape(column.cell(row)) for column in headed] for row in rows]
    return tables.table([column.title for column in headed], cells, form)


def _run(run: Entry, row: Row, submissions: str) -> str:
    """Return a run with its exact name, its facts, and a link to its folder."""
    name = f"`{run.short}`" if re.fullmatch(r"[A-Za-z0-9.-]+", run.short) else _cell(run.short)
    if run.folder:
        name = f"[{name}]({quote(f'{submissions}/{run.folder}')})"
    facts = [
        f"{column.title} {_cell(text)}"
        for column in columns.RUN_COLUMNS
        if column.title and (text := column.cell(run)) != "-"
    ]
    return f"{name}: {'; '.join([_cell(row.name), *facts])}"


def text(board: Board, form: str = "text") -> str:
    """Return the tables without links, for a terminal, as "text" or "markdown"."""
    escape, paragraph = _cell, _paragraph
    if form == "text":
        escape, paragraph = shown, partial(shown, most=LONGEST_NOTE)

    def heading(level: int, title: str) -> str:
        title = paragraph(title)
        if form == "markdown":
            return f"{'#' * level} {title}"
        return f"{title}\n{'==-'[level - 1] * len(Cells().of(title))}"

    parts = [heading(1, "Leaderboard")]
    for section in board.sections:
        parts.append(heading(2, section.title))
        for table in section.tables:
            parts.append(heading(3, notes.heading(table)))
            parts.append(_table("text", columns.ordered(table), escape, form))
            parts.append(_list(map(paragraph, [notes.size(table), *notes.of_table(table)])))
        if section.published:
            otherwise = ", tested otherwise" if section.tables else ""
            parts.append(heading(3, f"Published{otherwise}"))
            parts.append(_table("other text", section.published, escape, form))
            parts.append(_list(map(paragraph, notes.of_published(section.published))))
    parts += [f"Unreadable: {paragraph('; '.join(run.reasons))}" for run in board.rejected]
    return "\n\n".join([*parts, heading(2, "How to read the tables"), _list(notes.ABOUT)])
