"""A table of a report as Markdown, as LaTeX and, with every number in full, as CSV."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from serbench import tables
from serbench.metrics.intervals import Interval, MeanStd
from serbench.text import one_line

Cell = str | int | float | MeanStd | Interval | None
"""Text, a count, a number, a mean with its deviation, an interval, or nothing known."""

FORMS = {"md": "markdown", "tex": "latex", "csv": "csv"}
"""From a file's ending to one of `tables.FORMATS`."""

MARKS = re.compile(r"[\\`*\[]")  # what starts something in Markdown, in the middle of a line
LONGEST = 2_000  # characters of a caption or a cell
SHOWN = 50  # rows in Markdown and LaTeX
FRACTIONS = "in %, in the CSV file as fractions"  # how captions name the unit of scores


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its head.
        kind: "text", "count", "percent" (fractions, shown as percentages), "number", "duration"
            (seconds), "spread" or "interval" (of fractions), "number spread".
    """

    title: str
    kind: str = "text"


@dataclass(frozen=True)
class Sheet:
    """A table of a report.

    Attributes:
        name: what its files are called, without their endings.
        title: what it shows, in a few words.
        caption: how to read it.
        columns: their heads and kinds.
        rows: a cell a column.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def file(self, ending: str) -> str:
        """What its file of that ending holds: in Markdown also title and caption."""
        table = self.text(FORMS[ending])
        if ending != "md":
            return f"{table}\n"
        more = f" The first {SHOWN} of {len(self.rows)} rows." * (len(self.rows) > SHOWN)
        title, caption = (escaped(one).replace("<", "&lt;") for one in (self.title, self.caption))
        return f"# {title}\n\n{table}\n\n{caption}{more}\n"

    def text(self, form: str) -> str:
        """The table in a form of `tables.FORMATS`.

        CSV has every row, numbers in full precision and scores as fractions; the others have what
        a reader wants to see, and of many rows the first.
        """
        if form == "csv":
            head = [words for column in self.columns for words in _csv_heads(column)]
            whole = [
                [words for pair in zip(self.columns, row, strict=True) for words in _in_full(*pair)]
                for row in self.rows
            ]
            return tables.table(head, whole, "csv")
        rows = self.shown()[:SHOWN]
        if form == "markdown":
            texts = [column.kind == "text" for column in self.columns]
            rows = [
                [escaped(one) if text else one for one, text in zip(row, texts, strict=True)]
                for row in rows
            ]
        return tables.table([column.title for column in self.columns], rows, form)

    def shown(self) -> list[list[str]]:
        """Every row as a reader wants to see it."""
        return [
            [_shown(column, cell) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]


def escaped(text: str) -> str:
    r"""A stranger's text that Markdown shows as it is; "<" and "|" are left to `tables.table`.

    >>> escaped("[a](b) `c` \\ *d*")
    '\\[a](b) \\`c\\` \\\\ \\*d\\*'
    """
    return MARKS.sub(r"\\\g<0>", one_line(text, LONGEST)).replace("&", "&amp;")


def _shown(column: Column, cell: Cell) -> str:
    """A cell as a reader wants to see it."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "-"
    if isinstance(cell, str):
        return one_line(cell, LONGEST)
    if isinstance(cell, Interval):
        return tables.interval(cell)
    if isinstance(cell, MeanStd):
        return tables.spread(cell) if column.kind == "spread" else _plain_spread(cell)
    if column.kind == "percent":
        return tables.percent(cell)
    if column.kind == "duration":
        return tables.duration(cell)
    return f"{cell:.3f}" if column.kind == "number" else str(cell)


def _plain_spread(value: MeanStd) -> str:
    return f"{value.mean:.3f}" + ("" if math.isnan(value.std) else f" ± {value.std:.3f}")


def _csv_heads(column: Column) -> Sequence[str]:
    if column.kind in ("spread", "number spread"):
        return f"{column.title} mean", f"{column.title} std"
    if column.kind == "interval":
        return f"{column.title} low", f"{column.title} high"
    return (f"{column.title} seconds" if column.kind == "duration" else column.title,)


def _in_full(column: Column, cell: Cell) -> Sequence[str]:
    """A cell for a program: as many as its column has heads."""
    if isinstance(cell, MeanStd | Interval):
        return [_number(one) for one in cell]
    if cell is None:
        return [""] * len(_csv_heads(column))
    return [one_line(cell, LONGEST) if isinstance(cell, str) else _number(cell)]


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
