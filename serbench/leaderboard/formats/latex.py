"""The leaderboard's main tables in LaTeX, for a paper: one booktabs table per setting.

The tables compile with pdflatex, whatever the names of submitted models.
"""

from collections.abc import Iterable, Sequence

from serbench import tables
from serbench.escaping import latex
from serbench.leaderboard.formats import columns, notes
from serbench.leaderboard.ranking.board import ChanceRow, Section, Table
from serbench.leaderboard.ranking.entry import Rejected


def part(section: Section, _: str) -> str:
    """Return the tables of one corpus; "" if it has none."""
    return "\n\n".join(map(_table, section.tables))


def whole(parts: Iterable[str], _: Sequence[Rejected]) -> str:
    """Return the file, from the tables of each corpus."""
    head = "% made by `serbench leaderboard build`; needs booktabs, and fontenc with T1"
    return "\n\n".join([head, *filter(None, parts)]) + "\n"


def _table(table: Table) -> str:
    shown = columns.headed("latex")
    ordered = columns.ordered(table)
    rows: list[Sequence[str]] = [[column.cell(row) for column in shown] for row in ordered]
    chance = sum(isinstance(row, ChanceRow) for row in ordered)
    if 0 < chance < len(rows):
        rows.insert(len(rows) - chance, ())  # draws a line above chance
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex(notes.title(table))}}}",
            tables.latex_table(
                [column.title for column in shown],
                rows,
                "".join("r" if column.style == "rank" else "l" for column in shown),
            ),
            *(rf"\par\footnotesize {latex(note)}" for note in notes.objections(table, exact=True)),
            r"\end{table}",
        ]
    )
