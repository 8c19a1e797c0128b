"""How numbers look to a user: one way to round them, one way to lay them out."""

import math
from collections.abc import Sequence

import tabulate as tabulating

from serbench.metrics.intervals import Interval, MeanStd
from serbench.text import escaped, inert, shown

FORMATS = ("text", "markdown", "csv", "latex")
_TABULATE = {"text": "simple", "markdown": "github"}


def percent(value: float | None) -> str:
    """A fraction as a percentage with two digits, "-" where it is not known.

    >>> percent(0.3483), percent(None)
    ('34.83', '-')
    """
    return "-" if value is None or math.isnan(value) else f"{100 * value:.2f}"


def signed(value: float) -> str:
    """A difference of fractions in percentage points.

    >>> signed(0.0421), signed(-0.1), signed(0.0)
    ('+4.21', '-10.00', '0.00')
    """
    shown = percent(value)
    if shown in ("0.00", "-0.00", "-"):
        return shown.removeprefix("-") or "-"
    return shown if value < 0 else f"+{shown}"


def spread(value: MeanStd) -> str:
    """Mean and standard deviation over folds, as the paper prints them.

    >>> spread(MeanStd(0.3483, 0.028))
    '34.83 ± 2.80'
    """
    return percent(value.mean) + ("" if math.isnan(value.std) else f" ± {percent(value.std)}")


def interval(value: Interval) -> str:
    """An interval in brackets.

    >>> interval(Interval(0.31, 0.385))
    '[31.00, 38.50]'
    """
    return "-" if math.isnan(value.low) else f"[{percent(value.low)}, {percent(value.high)}]"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whatever reads best.

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
    """Rows under a head, in one of `FORMATS`: whatever names hold, it shows them and no more."""
    lines = [[shown(cell) for cell in row] for row in (head, *rows)]
    if form == "csv":
        return _csv(lines)
    if form == "latex":
        return _latex(lines[0], lines[1:])
    cells = [[_plain(cell) for cell in row] for row in lines] if form == "markdown" else lines
    text_of: str = tabulating.tabulate(
        cells[1:], cells[0], tablefmt=_TABULATE[form], disable_numparse=True, stralign="left"
    )
    return text_of


def _plain(cell: str) -> str:
    """A cell that Markdown takes as text: names may come from plugins and corpora."""
    return cell.replace("|", "\\|").replace("<", "&lt;")


def _csv(lines: Sequence[Sequence[str]]) -> str:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(inert, line) for line in lines)
    return text.getvalue().rstrip("\n")


def latex_row(cells: Sequence[str]) -> str:
    r"""A row; one that begins with [ or * would be read as an option of the row before it.

    >>> latex_row(["[1pt]", "a"])
    '{}[1pt] & a \\\\'
    """
    text = " & ".join(escaped(cell) for cell in cells)
    return "{}" * text.startswith(("[", "*")) + text + r" \\"


def _latex(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a head; it needs booktabs, and fontenc with T1."""
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'l' * len(head)}}}",
            r"\toprule",
            latex_row(head),
            r"\midrule",
            *map(latex_row, rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )
