"""Tables in LaTeX that compile with pdflatex, whatever strangers call their models."""

import unicodedata
from collections.abc import Sequence

from serbench.errors import shown

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


def row(cells: Sequence[str]) -> str:
    r"""A row; one that begins with [ or * would be read as an option of the row before it.

    >>> row(["[1pt]", "a"])
    '{}[1pt] & a \\\\'
    """
    text = " & ".join(escaped(cell) for cell in cells)
    return "{}" * text.startswith(("[", "*")) + text + r" \\"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a head; it needs booktabs, and fontenc with T1."""
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'l' * len(head)}}}",
            r"\toprule",
            row(head),
            r"\midrule",
            *map(row, rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )
