"""The leaderboard's main tables in LaTeX, for a paper: booktabs, one table a setting.

They compile with pdflatex, whatever strangers call their models.
"""

from collections.abc import Iterable, Sequence

from serbench import tables
from serbench.leaderboard.formats import cells
from serbench.leaderboard.ranking.board import Board, Section, Table
from serbench.text import latex

COLUMNS = "rllllllll"


def document(board: Board) -> str:
    """Every main table, ready to be included."""
    return whole(map(part, board.sections))


def part(section: Section) -> str:
    """The tables of one corpus; "" where it has none."""
    return "\n\n".join(map(_table, section.tables))


def whole(parts: Iterable[str]) -> str:
    """The file, made of the tables of each corpus."""
    head = "% made by `serbench leaderboard build`; needs booktabs, and fontenc with T1"
    return "\n\n".join([head, *filter(None, parts)]) + "\n"


def _table(table: Table) -> str:
    rows: list[Sequence[str]] = []
    before = ""
    for row in cells.main(table):
        if before and row.kind == "chance" != before:
            rows.append(())
        rows.append(row.cells)
        before = row.kind
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex(cells.title(table))}}}",
            tables.latex_table(cells.MAIN, rows, COLUMNS),
            *(rf"\par\footnotesize {latex(note)}" for note in cells.objections(table)),
            r"\end{table}",
        ]
    )
