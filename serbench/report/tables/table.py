"""A table of a report as Markdown, LaTeX and CSV; only CSV has numbers in full precision."""

import math
from dataclasses import dataclass

from serbench import tables
from serbench.escaping import markdown, one_line
from serbench.metrics.intervals import Interval, MeanStd

Cell = str | int | float | MeanStd | Interval | None
"""Text, a count, a number, a mean with its deviation, an interval, or None if unknown."""

FORMS = {"md": "markdown", "tex": "latex", "csv": "csv"}
"""One of `tables.FORMATS` by file ending."""

HALVES = {
    "spread": ("mean", "std"),
    "number spread": ("mean", "std"),
    "interval": ("low", "high"),
    "duration": ("seconds",),
}
"""The suffixes of a column's heads in CSV, by its kind."""

LONGEST = 2_000  # characters of a caption or a cell
SHOWN = 50  # rows in Markdown and LaTeX
FRACTIONS = "in %, in the CSV file as fractions"  # the unit of scores in captions
SCORES = ("precision", "uar", "f1", "accuracy")
HEADS = ("precision", "recall (UAR)", "F1", "accuracy (WA)")  # of the columns of `SCORES`


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str  # the head of the column
    # "text", "count", "percent" (fractions, shown as percentages), "number", "duration" (seconds),
    # "spread" or "interval" (of fractions), "number spread"
    kind: str = "text"

    @property
    def csv_heads(self) -> list[str]:
        """The heads of the column's CSV columns."""
        if self.kind not in HALVES:
            return [self.title]
        return [f"{self.title} {half}" for half in HALVES[self.kind]]


@dataclass(frozen=True)
class Table:
    """A table of a report."""

    name: str  # of its files, without endings
    title: str  # its content, in a few words
    caption: str  # how to read it
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]  # one cell per column

    def file(self, ending: str) -> str:
        """Return the content of the file with an ending; Markdown includes title and caption."""
        table = self.text(FORMS[ending])
        if ending != "md":
            return f"{table}\n"
        more = f" The first {SHOWN} of {len(self.rows)} rows." * (len(self.rows) > SHOWN)
        title, caption = (
            markdown(one_line(text, LONGEST), LONGEST) for text in (self.title, self.caption)
        )
        return f"# {title}\n\n{table}\n\n{caption}{more}\n"

    def text(self, form: str) -> str:
        """Return the table in one of `tables.FORMATS`.

        CSV has all rows, numbers in full precision and scores as fractions. The other formats, for
        readers, have rounded numbers and only the first rows.
        """
        if form == "csv":
            heads = [head for column in self.columns for head in column.csv_heads]
            return tables.table(heads, [self._in_full(row) for row in self.rows], "csv")
        rows = self.shown()[:SHOWN]
        if form == "markdown":
            rows = [
                [
                    markdown(cell, LONGEST) if column.kind == "text" else cell
                    for column, cell in zip(self.columns, row, strict=True)
                ]
                for row in rows
            ]
        return tables.table([column.title for column in self.columns], rows, form)

    def shown(self) -> list[list[str]]:
        """Return all rows as text for readers."""
        return [
            [_shown(column, cell) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    def _in_full(self, row: tuple[Cell, ...]) -> list[str]:
        """Return the CSV cells of a row, in full precision: one per CSV head."""
        texts: list[str] = []
        for column, cell in zip(self.columns, row, strict=True):
            if cell is None:
                texts += [""] * len(column.csv_heads)
            elif isinstance(cell, str):
                texts.append(one_line(cell, LONGEST))
            else:
                numbers = cell if isinstance(cell, MeanStd | Interval) else (cell,)
                texts += ["" if math.isnan(number) else repr(number) for number in numbers]
        return texts


def _shown(column: Column, cell: Cell) -> str:
    """Return a cell as text for readers."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "-"
    if isinstance(cell, str):
        return one_line(cell, LONGEST)
    if isinstance(cell, Interval):
        return tables.interval(cell)
    if isinstance(cell, MeanStd):
        if column.kind == "spread":
            return tables.spread(cell)
        return f"{cell.mean:.3f}" + ("" if math.isnan(cell.std) else f" ± {cell.std:.3f}")
    if column.kind == "percent":
        return tables.percent(cell)
    if column.kind == "duration":
        return tables.duration(cell)
    if column.kind == "number":
        return "< 0.001" if 0 < cell < 0.0005 else f"{cell:.3f}"
    return str(cell)
