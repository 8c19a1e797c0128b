"""The leaderboard's main tables in LaTeX, for a paper: booktabs, one table a setting.

They compile with pdflatex, whatever strangers call their models.
"""

import unicodedata

from serbench.leaderboard import cells
from serbench.leaderboard.board import Board, Table
from serbench.leaderboard.strict import shown

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "×": r"$\times$",
}
LAST_LETTER = "\u017f"  # of Latin Extended-A, which fonts have in T1
COLUMNS = "rllllllll"


def escaped(text: str) -> str:
    r"""Words as LaTeX shows them; characters that fonts lack, by their number.

    >>> escaped("50 % of a_b ± 1")
    '50 \\% of a\\_b $\\pm$ 1'
    """
    plain = unicodedata.normalize("NFC", shown(text))
    if max(plain, default="") <= LAST_LETTER:
        return plain.translate(_SPECIAL)
    return "".join(_character(one) for one in plain)


def _character(one: str) -> str:
    if one in SPECIAL or one <= LAST_LETTER:
        return one.translate(_SPECIAL)
    return rf"\texttt{{U+{ord(one):04X}}}"


_SPECIAL = str.maketrans(SPECIAL)


def tables(board: Board) -> str:
    """Every main table, ready to be included."""
    parts = ["% made by `serbench leaderboard build`; needs booktabs, and fontenc with T1"]
    for section in board.sections:
        parts += [_table(table) for table in section.tables]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    rows, before = [], ""
    for row in cells.main(table):
        if before and row.kind == "chance" != before:
            rows.append(r"\midrule")
        rows.append(" & ".join(escaped(cell) for cell in row.cells) + r" \\")
        before = row.kind
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{escaped(cells.title(table))}}}",
            rf"\begin{{tabular}}{{{COLUMNS}}}",
            r"\toprule",
            " & ".join(escaped(name) for name in cells.MAIN) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )
