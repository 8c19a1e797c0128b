"""Tables in LaTeX that compile with pdflatex, whatever strangers call their models."""

from collections.abc import Sequence

from serbench.text import escaped


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
