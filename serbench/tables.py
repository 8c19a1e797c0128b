"""Format numbers for readers, and tables as text, Markdown, CSV or LaTeX."""

import csv
import io
import math
from collections.abc import Sequence

import tabulate

from serbench.escaping import csv_cell, latex, shown
from serbench.metrics.intervals import Interval, MeanStd

FORMATS = ("text", "markdown", "csv", "latex")
_TABULATE = {"text": "simple", "markdown": "github"}


def percent(value: float | None) -> str:
    """Return a fraction as a percentage with two digits, "-" for None and NaN.

    >>> percent(0.3483), percent(None)
    ('34.83', '-')
    """
    return "-" if value is None or math.isnan(value) else f"{100 * value:.2f}"


def signed(value: float) -> str:
    """Return a difference of fractions in percentage points, with its sign.

    >>> signed(0.0421), signed(-0.1), signed(0.0)
    ('+4.21', '-10.00', '0.00')
    """
    points = percent(value)
    if points in ("0.00", "-0.00", "-"):
        return points.removeprefix("-") or "-"
    return points if value < 0 else f"+{points}"


def spread(value: MeanStd) -> str:
    """Return mean and standard deviation in %, as the paper prints them.

    >>> spread(MeanStd(0.3483, 0.028))
    '34.83 ± 2.80'
    """
    return percent(value.mean) + ("" if math.isnan(value.std) else f" ± {percent(value.std)}")


def interval(value: Interval) -> str:
    """Return an interval of fractions in %, in brackets.

    >>> interval(Interval(0.31, 0.385))
    '[31.00, 38.50]'
    """
    return "-" if math.isnan(value.low) else f"[{percent(value.low)}, {percent(value.high)}]"


def duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours, whichever reads best.

    >>> duration(7.26), duration(125), duration(4000)
    ('7.3 s', '2 min 5 s', '1 h 7 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], form: str = "text") -> str:
    """Return a table in one of `FORMATS`.

    Control characters become visible, and no cell breaks the table. Markup in Markdown cells
    remains markup; `serbench.escaping.markdown` escapes it.
    """
    cells = [[shown(cell) for cell in row] for row in (head, *rows)]
    if form == "csv":
        sheet = io.StringIO()
        writer = csv.writer(sheet, lineterminator="\n")
        writer.writerows([csv_cell(cell) for cell in row] for row in cells)
        return sheet.getvalue().rstrip("\n")
    if form == "latex":
        return latex_table(cells[0], cells[1:], "l" * len(head))
    if form == "markdown":
        cells = [[cell.replace("|", "\\|").replace("<", "&lt;") for cell in row] for row in cells]
    text: str = tabulate.tabulate(
        cells[1:], cells[0], tablefmt=_TABULATE[form], disable_numparse=True, stralign="left"
    )
    return text


def latex_table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: str) -> str:
    """Return a LaTeX table; the document needs the packages booktabs and fontenc (T1).

    Args:
        head: one cell per column.
        rows: one cell per column; a row without cells is a line across the table.
        columns: how each column is aligned: "rll".
    """
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _latex_row(head),
            r"\midrule",
            *(_latex_row(row) if row else r"\midrule" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _latex_row(cells: Sequence[str]) -> str:
    r"""Return a row that does not begin with [ or *: LaTeX would add them to the row before.

    >>> _latex_row(["[1pt]", "a"])
    '{}[1pt] & a \\\\'
    """
    text = " & ".join(latex(cell) for cell in cells)
    return "{}" * text.startswith(("[", "*")) + text + r" \\"
