"""Format numbers for readers, and tables as text, Markdown, HTML, CSV or LaTeX."""

from __future__ import annotations  # metrics in annotations need no numpy: names are completed fast

import csv
import html
import io
import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serbench.errors import SerbenchError
from serbench.escaping import Cells, csv_cell, latex, markdown, shown

if TYPE_CHECKING:
    from serbench.metrics.intervals import Interval, MeanStd

FORMATS = ("text", "markdown", "csv", "latex")
_TABULATE = {"text": "simple", "markdown": "github"}
# names no colour, so that it fits light and dark pages; only elements of the class are changed
_STYLE = """<style>
.serbench table {border-collapse: collapse; width: auto; margin: .5em 0}
.serbench div {overflow-x: auto}
.serbench table :is(th, td) {padding: .2em .8em; border: 0; background: none; text-align: left}
.serbench tbody {border-top: 1px solid}
.serbench tbody :is(th, td) {font-variant-numeric: tabular-nums; white-space: nowrap}
.serbench tbody th {font-weight: normal}
.serbench tbody + tbody {opacity: .75}
.serbench ul {margin: .5em 0; padding-left: 1.5em; font-size: .85em; opacity: .85}
.serbench p {margin: .5em 0}
</style>"""


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

    >>> from serbench.metrics.intervals import MeanStd
    >>> spread(MeanStd(0.3483, 0.028))
    '34.83 ± 2.80'
    """
    return percent(value.mean) + ("" if math.isnan(value.std) else f" ± {percent(value.std)}")


def interval(value: Interval) -> str:
    """Return an interval of fractions in %, in brackets.

    >>> from serbench.metrics.intervals import Interval
    >>> interval(Interval(0.31, 0.385))
    '[31.00, 38.50]'
    """
    return "-" if math.isnan(value.low) else f"[{percent(value.low)}, {percent(value.high)}]"


def pandas() -> Any:
    """Import pandas, an extra, when a data frame is requested.

    Raises:
        SerbenchError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        remedy = "pip install 'serbench[frames]'"
        raise SerbenchError(f"a data frame needs pandas: {remedy}") from error
    return pandas


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "fold"), count(3, "fold")
    ('1 fold', '3 folds')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def are(number: int) -> str:
    """Return the verb that goes with a number of things.

    >>> are(1), are(3)
    ('is', 'are')
    """
    return "is" if number == 1 else "are"


def duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours, whichever reads best.

    >>> duration(7.26), duration(125), duration(4000)
    ('7.3 s', '2 min 5 s', '1 h 7 min')
    """
    if seconds < 60 or not math.isfinite(seconds):
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def size(number: float) -> str:
    """Return a number of bytes in megabytes or gigabytes.

    >>> size(2_340_000), size(4_300_000_000)
    ('2.3 MB', '4.3 GB')
    """
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], form: str = "text") -> str:
    """Return a table in one of `FORMATS`, or in HTML, where a row without cells is a line.

    Control characters become visible, and no cell breaks the table. Markup in Markdown cells
    remains markup; `serbench.escaping.markdown` escapes it.
    """
    if form == "html":
        return GroupedTable((), head, rows).html()
    cells = [[shown(cell) for cell in row] for row in (head, *filter(None, rows))]
    if form == "csv":
        sheet = io.StringIO()
        writer = csv.writer(sheet, lineterminator="\n")
        writer.writerows([csv_cell(cell) for cell in row] for row in cells)
        return sheet.getvalue().rstrip("\n")
    if form == "latex":
        return latex_table(cells[0], cells[1:], "l" * len(head))
    if form == "markdown":
        cells = [[cell.replace("|", "\\|").replace("<", "&lt;") for cell in row] for row in cells]
    import tabulate  # with tables of the widths of letters, which no fold needs

    wide = Cells()  # tabulate knows the width of wide letters only where wcwidth is installed
    head, *rows = ([wide.of(cell) for cell in row] for row in cells)
    text: str = tabulate.tabulate(
        rows, head, tablefmt=_TABULATE[form], disable_numparse=True, stralign="left"
    )
    return wide.text(text)


def page(title: str, body: str, notes: Sequence[str], form: str) -> str:
    """Return a formatted table with a title above and notes below.

    Args:
        title: a line, perhaps with untrusted names; HTML may lack it.
        body: the table, in the same format.
        notes: lines, perhaps with untrusted names.
        form: "text", "markdown" or "html"; a page in HTML takes its colours from the page around.
    """
    if form == "markdown":
        lines = [f"- {markdown(note, 3000)}" for note in notes]
        return "\n".join([markdown(title, 300), "", body, "", *lines])
    if form == "html":
        title, *notes = (html.escape(shown(line)) for line in (title, *notes))
        above = f"<p>{title}</p>\n" if title else ""
        items = "".join(f"<li>{note}</li>" for note in notes)
        below = f"\n<ul>{items}</ul>" if notes else ""
        return f'<div class="serbench">{_STYLE}{above}<div>{body}</div>{below}</div>'
    return "\n".join([shown(title), "", body, "", *map(shown, notes)])


@dataclass(frozen=True)
class GroupedTable:
    """A table whose columns have headings in groups: one per corpus, over one per metric.

    Attributes:
        groups: the heading of each group, and how many columns it spans; the first column, with
            the names of the rows, is in none.
        head: one cell per column.
        rows: one cell per column; a row without cells is a line across the table.
        bold: positions (row, column) of the cells that stand out.
    """

    groups: Sequence[tuple[str, int]]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    bold: Collection[tuple[int, int]] = ()

    def text(self) -> str:
        """Return the table for a terminal, with `*` after bold cells."""
        wide = Cells()

        def text(cell: str) -> str:
            return wide.of(shown(cell))

        rows = [
            [text(cell) + "*" * ((at, column) in self.bold) for column, cell in enumerate(row)]
            for at, row in enumerate(self.rows)
            if row
        ]
        head = list(map(text, self.head))
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        titles, start = [" " * widths[0]], 1
        for title, span in self.groups:
            own = sum(widths[start : start + span]) + 2 * (span - 1)
            widths[start + span - 1] += max(0, len(text(title)) - own)
            titles.append(text(title).ljust(own))
            start += span
        lines = [
            titles,
            *(
                [cell.ljust(w) for cell, w in zip(row, widths, strict=True)]
                for row in (head, ["-" * width for width in widths], *rows)
            ),
        ]
        return wide.text("\n".join("  ".join(line).rstrip() for line in lines))

    def markdown(self) -> str:
        """Return the table in GitHub's Markdown, with the groups above the heads of columns."""
        spans = [title for title, span in self.groups for _ in range(span)]
        heads = [
            f"{markdown(title, 300)}<br>{markdown(head, 300)}"
            for title, head in zip(spans, self.head[1:], strict=True)
        ]
        rows = [
            [
                f"**{markdown(cell, 300)}**" if (at, column) in self.bold else markdown(cell, 300)
                for column, cell in enumerate(row)
            ]
            for at, row in enumerate(self.rows)
            if row
        ]
        lines = [[markdown(self.head[0], 300), *heads], ["---"] * len(self.head), *rows]
        return "\n".join(
            f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
        )

    def html(self) -> str:
        """Return the table in HTML, without a style; see `page`."""

        def cell(tag: str, text: str, more: str = "") -> str:
            return f"<{tag}{more}>{html.escape(shown(text))}</{tag}>"

        groups = "".join(cell("th", title, f' colspan="{span}"') for title, span in self.groups)
        heads = "".join(cell("th", head) for head in self.head)
        above = [f"<tr><th></th>{groups}</tr>"] if groups else []
        lines = ["<thead>", *above, f"<tr>{heads}</tr></thead>", "<tbody>"]
        for at, row in enumerate(self.rows):
            cells = "".join(
                cell("td", text, ' style="font-weight: bold"' if (at, column) in self.bold else "")
                if column
                else cell("th", text)
                for column, text in enumerate(row)
            )
            lines.append(f"<tr>{cells}</tr>" if row else "</tbody><tbody>")
        return "\n".join(["<table>", *lines, "</tbody></table>"])

    def latex(self) -> str:
        r"""Return the table with `\multicolumn`; see `latex_table`."""
        spans = itertools.accumulate((span for _, span in self.groups), initial=2)
        titles = "".join(
            rf" & \multicolumn{{{span}}}{{c}}{{{latex(title)}}}" for title, span in self.groups
        )
        rules = " ".join(
            rf"\cmidrule(lr){{{start}-{start + span - 1}}}"
            for start, (_, span) in zip(spans, self.groups, strict=False)
        )
        columns = "l" * len(self.head)
        lines = latex_table(self.head, self.rows, columns, self.bold).split("\n")
        return "\n".join([*lines[:2], rf"{titles.lstrip()} \\", rules, *lines[2:]])


def latex_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    columns: str,
    bold: Collection[tuple[int, int]] = (),
) -> str:
    """Return a LaTeX table; the document needs the packages booktabs and fontenc (T1).

    Args:
        head: one cell per column.
        rows: one cell per column; a row without cells is a line across the table.
        columns: how each column is aligned: "rll".
        bold: positions (row, column) of the cells in bold.
    """
    body = [
        _latex_row(row, [column for at_row, column in bold if at_row == at]) if row else r"\midrule"
        for at, row in enumerate(rows)
    ]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _latex_row(head),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _latex_row(cells: Sequence[str], bold: Collection[int] = ()) -> str:
    r"""Return a row that does not begin with [ or *: LaTeX would add them to the row before.

    >>> _latex_row(["[1pt]", "a"], [1])
    '{}[1pt] & \\textbf{a} \\\\'
    """
    text = " & ".join(
        rf"\textbf{{{latex(cell)}}}" if at in bold else latex(cell) for at, cell in enumerate(cells)
    )
    return "{}" * text.startswith(("[", "*")) + text + r" \\"
