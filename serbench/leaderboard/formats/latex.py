"""The leaderboard's main tables in LaTeX, for a paper: booktabs, one table a setting.

They compile with pdflatex, whatever strangers call their models.
"""

from collections.abc import Iterable

from serbench.leaderboard.formats import cells
from serbench.leaderboard.ranking.board import Board, Section, Table
from serbench.tables import latex_row
from serbench.text import escaped

COLUMNS = "rllllllll"


def tables(board: Board) -> str:
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
    rows, before = [], ""
    for each in cells.main(table):
        if before and each.kind == "chance" != before:
            rows.append(r"\midrule")
        rows.append(latex_row(each.cells))
        before = each.kind
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{escaped(cells.title(table))}}}",
            rf"\begin{{tabular}}{{{COLUMNS}}}",
            r"\toprule",
            latex_row(cells.MAIN),
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {escaped(note)}" for note in cells.objections(table)),
            r"\end{table}",
        ]
    )
