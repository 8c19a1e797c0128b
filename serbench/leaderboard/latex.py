"""The leaderboard's main tables in LaTeX, for a paper: booktabs, one table a setting.

They compile with pdflatex, whatever strangers call their models.
"""

from serbench.latex import escaped, row
from serbench.leaderboard import cells
from serbench.leaderboard.board import Board, Table

COLUMNS = "rllllllll"


def tables(board: Board) -> str:
    """Every main table, ready to be included."""
    parts = ["% made by `serbench leaderboard build`; needs booktabs, and fontenc with T1"]
    for section in board.sections:
        parts += [_table(table) for table in section.tables]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    rows, before = [], ""
    for each in cells.main(table):
        if before and each.kind == "chance" != before:
            rows.append(r"\midrule")
        rows.append(row(each.cells))
        before = each.kind
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{escaped(cells.title(table))}}}",
            rf"\begin{{tabular}}{{{COLUMNS}}}",
            r"\toprule",
            row(cells.MAIN),
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {escaped(note)}" for note in cells.objections(table)),
            r"\end{table}",
        ]
    )
