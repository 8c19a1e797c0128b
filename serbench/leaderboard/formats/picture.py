"""The scores of a table and their intervals as a picture: SVG in the colours of its surroundings.

Names come from strangers and are escaped here. All numbers are rounded, so the picture is the same
on every processor.
"""

import math
import re
from dataclasses import dataclass
from html import escape

from serbench import tables
from serbench.leaderboard.formats import columns, notes
from serbench.leaderboard.ranking.board import ChanceRow, Section, Table
from serbench.leaderboard.ranking.row import Row
from serbench.leaderboard.submissions.safe_read import shown
from serbench.metrics.intervals import Interval
from serbench.results.literature import PublishedRow

MOST_ROWS = 60
RIGHT = 26  # pixels for half of the last tick's label
NAMESPACE = "http://www.w3.org/2000/svg"
TICKS = range(0, 101, 20)  # %
ABOUT = (
    "Dots: F1 over all test utterances together; lines: its 95 % interval over speakers; diamonds: "
    "published means; dashed: the better of two ways to guess."
)
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1f24; }
.soft { fill: #59636e; }
.grid { stroke: #d1d9e0; }
.chance { stroke: #59636e; stroke-dasharray: 4; }
.score { stroke: #0550ae; fill: #0550ae; stroke-width: 2; }
.apart { stroke: #8c959f; fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .soft { fill: #9198a1; } .grid { stroke: #3d444d; }
  .chance { stroke: #9198a1; } .score { stroke: #79c0ff; fill: #79c0ff; }
  .apart { stroke: #6e7681; fill: #6e7681; }
}
"""


@dataclass(frozen=True)
class Layout:
    """Sizes in a picture, in pixels."""

    width: int
    label: int  # width of the column of labels; 0 puts each label above its line
    step: int  # height of a row
    characters: int  # the most characters of a label


WIDE = Layout(width=960, label=430, step=26, characters=62)
NARROW = Layout(width=360, label=0, step=42, characters=48)


def name(section: Section, place: int) -> str:
    """Return a name for addresses of a corpus's table; `place` counts from 0."""
    corpus = re.sub(r"[^A-Za-z0-9-]", "-", section.corpus)
    return f"{corpus}-{place + 1}"


def path(section: Section, place: int) -> str:
    """Return the path from the board to the picture of a corpus's table; `place` counts from 0."""
    return f"pictures/{name(section, place)}.svg"


def left_out(table: Table) -> str:
    """Return how many rows of a table are not in its picture; "" if all are."""
    count = len(_drawn(table)) - MOST_ROWS
    return f"{tables.count(count, 'more row')} in the table." if count > 0 else ""


def _shortened(text: str, most: int) -> str:
    """Return a label without its middle if it is too long; rows of one title differ at the end.

    >>> _shortened("Whisper base, fine-tuned (recipe=paper)", 30)
    'Whisper base, f…(recipe=paper)'
    """
    return text if len(text) <= most else f"{text[: most // 2]}…{text[1 - most + most // 2 :]}"


def _drawn(table: Table) -> list[Row | PublishedRow]:
    return [row for row in columns.ordered(table) if not isinstance(row, ChanceRow)]


def pictures(section: Section) -> dict[str, str]:
    """Return the picture of each table of a corpus as a file, by its path from the board."""
    return {
        path(section, place): svg(table, WIDE, standalone=True)
        for place, table in enumerate(section.tables)
    }


def svg(table: Table, layout: Layout, standalone: bool = False) -> str:
    """Return the picture.

    Args:
        table: its rows are drawn from top to bottom, as tables list them.
        layout: for wide or narrow screens.
        standalone: include the style, for a separate file; a page has this style in its own.
    """
    rows, more = _drawn(table)[:MOST_ROWS], left_out(table)
    left, right = layout.label or 14, layout.width - RIGHT
    top, bottom = 8, 8 + layout.step * len(rows)

    def x(share: float) -> str:
        return f"{left + (right - left) * share:.1f}"

    parts = []
    for tick in TICKS:
        at = x(tick / 100)
        parts.append(f'<path class="grid" d="M{at} {top}V{bottom}"/>')
        parts.append(
            f'<text class="soft" x="{at}" y="{bottom + 18}" text-anchor="middle">{tick} %</text>'
        )
    if table.chance:
        at = x(max(row.scores["f1"].mean for row in table.chance))
        parts.append(f'<path class="chance" d="M{at} {top}V{bottom}"/>')
    for place, row in enumerate(rows):
        title = columns.titled(row) if isinstance(row, Row) else columns.system(row)
        label = escape(shown(_shortened(title, layout.characters)))
        middle = top + layout.step * place + (layout.step // 2 if layout.label else 28)
        y = middle + 4 if layout.label else middle - 12
        soft = "" if isinstance(row, Row) and row.rank is not None else ' class="soft"'
        parts.append(f'<text{soft} x="{0 if layout.label else left}" y="{y}">{label}</text>')
        if isinstance(row, Row):
            kind = "score" if row.rank is not None else "score apart"
            if not math.isnan(row.interval.low):
                low, high = map(x, row.interval)
                parts.append(f'<path class="{kind}" d="M{low} {middle}H{high}"/>')
            parts.append(f'<circle class="{kind}" cx="{x(row.pooled)}" cy="{middle}" r="4"/>')
        elif not math.isnan(mean := row.score("f1").mean):
            parts.append(f'<path class="apart" d="M{x(mean)} {middle - 5}l5 5l-5 5l-5 -5z"/>')
    height = bottom + (48 if more else 26)
    if more:
        parts.append(f'<text class="soft" x="0" y="{bottom + 40}">{more}</text>')
    about = escape(shown(f"F1 of {notes.title(table)}. {ABOUT}", 500))
    style = f"<style>{STYLE}</style>" if standalone else ""
    size = f' xmlns="{NAMESPACE}" width="{layout.width}" height="{height}"' if standalone else ""
    return (
        f'<svg{size} viewBox="0 0 {layout.width} {height}" '
        f'role="img" aria-label="{about}">{style}\n' + "\n".join(parts) + "\n</svg>\n"
    )


def line(pooled: float, interval: Interval) -> str:
    """Return a score and its interval on a scale from 0 to 100 %, for a cell."""
    if math.isnan(interval.low):
        return ""
    low, high, at = (f"{100 * value:.1f}" for value in (*interval, pooled))
    return (
        '<svg class="line" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="M0 4H100"/><path class="score" d="M{low} 4H{high}"/>'
        f'<circle class="score" cx="{at}" cy="4" r="2"/></svg>'
    )
