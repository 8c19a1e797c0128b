"""Print results: unchanged to files and pipes, fitted to the width of a terminal.

On a terminal, words wrap, tables that are too wide are divided without breaking a row, the best
rows are bold, and rows of chance are dim. NO_COLOR turns all styles off; FORCE_COLOR keeps
them in pipes too.
"""

import itertools
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

import typer

from serbench.escaping import FILLER, Cells

BOLD, DIM, YELLOW, RED = "1", "2", "33", "31"
GAP = "  "  # between columns
SMALLEST = 40  # columns of a terminal
NARROWEST = 16  # columns of wrapped text
LONG = 24  # characters of a cell that may wrap
TALL = 2  # if a row has this many lines or more, blank lines separate rows
WARNINGS = ("NOT RANKED:", "LEAKY", "LEAKS:", "WARNING:", "FEW SPEAKERS:", "Do not compare")
LINKS = re.compile("(?<=[_/,:=-])")  # the places in a long word after which a line may end
RULE = re.compile(r"-+(  +-+)+")

Row = Sequence[str]


def is_terminal(stream: TextIO | None = None) -> bool:
    """Return whether standard output, or another stream, is a terminal that can move its cursor."""
    stream = sys.stdout if stream is None else stream
    # a closed stream is None
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def has_styles(stream: TextIO | None = None) -> bool:
    """Return whether text may be bold and coloured; see https://no-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal(stream)


def styled(text: str, code: str, stream: TextIO | None = None) -> str:
    """Return text in a style, if the stream has styles."""
    return f"\x1b[{code}m{text}\x1b[0m" if text and code and has_styles(stream) else text


def columns() -> int:
    """Return the width of the terminal; lines are not made narrower than `SMALLEST`."""
    return max(shutil.get_terminal_size().columns, SMALLEST)


def show(text: str, best: Collection[int] = (), form: str = "text") -> None:
    """Print text that may contain tables.

    Args:
        text: lines, and tables as `serbench.tables` writes them.
        best: positions of the rows of the first table that stand out.
        form: the format of the text; all but "text" are printed as they are.
    """
    width = columns() if is_terminal() else None
    if form != "text" or (width is None and not has_styles()):
        typer.echo(text)
        return
    lines: list[str] = []
    cells = Cells()
    for part in _parts(cells.of(text).split("\n")):
        if isinstance(part, str):
            lines += _prose(part, width)
        else:
            lines += part.lines(width, best)
            best = ()
    typer.echo(cells.text("\n".join(lines)), color=has_styles())


def complain(start: str, line: str) -> None:
    """Print an error or a warning to standard error; its first word is coloured on a terminal."""
    code = YELLOW if start == "warning:" else RED
    start = styled(start, code, sys.stderr)
    typer.echo(f"{start} {line}", err=True, color=has_styles(sys.stderr))


def suggest(commands: Sequence[str]) -> None:
    """Print commands that may come next to standard error, if the result goes to a terminal."""
    if commands and is_terminal():
        margin = " " * len("next: ")
        lines = f"\n{margin}".join(commands)
        typer.echo(f"\n{styled('next:', DIM, sys.stderr)} {lines}", err=True, color=has_styles())


def show_names(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names, each with a text; on a terminal, texts wrap beside or below their names."""
    cells = Cells()
    pairs = [(cells.of(name), cells.of(text)) for name, text in pairs]
    longest = max((len(name) for name, _ in pairs), default=0)
    if not is_terminal():
        for name, text in pairs:
            typer.echo(cells.text(f"{name:<{longest}}{GAP}{text}"))
        return
    width = columns()
    margin = longest + len(GAP) if longest < width / 3 else 4
    for name, text in pairs:
        beside = name.ljust(margin - len(GAP)) + GAP if len(name) + len(GAP) <= margin else ""
        wrapper = textwrap.TextWrapper(
            width - margin, break_long_words=False, break_on_hyphens=False
        )
        lines = wrapper.wrap(text) or [""]
        head, *others = lines if beside else ["", *lines]
        typer.echo(styled(cells.text(beside or name), BOLD) + cells.text(head))
        for line in others:
            typer.echo(" " * margin + cells.text(line))


def _prose(line: str, width: int | None) -> list[str]:
    """Wrap a line at spaces, indented like its beginning; keep long words whole."""
    if width is None or len(line) <= width:
        wrapped = [line]
    elif not line.strip("=-"):  # below a heading
        wrapped = [line[:width]]
    else:
        margin = " " * (len(line) - len(line.lstrip(" -")))
        wrapper = textwrap.TextWrapper(
            width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
        )
        wrapped = wrapper.wrap(line)
    code = YELLOW if line.startswith(WARNINGS) else ""
    return [styled(each, code) for each in wrapped]


@dataclass(frozen=True)
class _Table:
    """A table in text, by its columns."""

    groups: Row  # headings above the heads of columns, each at its first column; () without any
    head: Row
    rows: Sequence[Row]

    def lines(self, width: int | None, best: Collection[int]) -> list[str]:
        """Return the lines of the table, fitted to a width; None sets no limit."""
        codes = [
            DIM
            if row[0].strip().startswith(("chance", "control-"))
            else BOLD * (at in best or (self.head[0], row[0]) == ("rank", "1"))
            for at, row in enumerate(self.rows)
        ]
        natural = self._widths()
        if width is None or _total(natural) <= width:
            return self._drawn(range(len(self.head)), natural, codes)
        for is_first_wrapped in (False, True):
            if widths := self._narrowed(natural, width, is_first_wrapped):
                return self._drawn(range(len(self.head)), widths, codes)
        if not self.groups and _total(natural[1:]) + len(GAP) <= width:
            return self._stacked(natural[1:], codes)
        return self._bands(natural, width, codes)

    def _widths(self) -> list[int]:
        return [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]

    def _narrowed(self, natural: Sequence[int], width: int, is_first_wrapped: bool) -> list[int]:
        """Return widths at which the table fits and long cells wrap; [] if no widths fit."""
        wrapped = {at for at, most in enumerate(natural) if at and most > LONG}
        if is_first_wrapped and any(" " in row[0].strip() for row in self.rows):
            wrapped.add(0)
        for most in range(max(natural), NARROWEST - 1, -1):
            widths = [min(w, most) if at in wrapped else w for at, w in enumerate(natural)]
            if _total(widths) <= width:
                return widths
        return []

    def _drawn(
        self, columns: Sequence[int], widths: Sequence[int], codes: Sequence[str]
    ) -> list[str]:
        """Return the lines of a table of some of the columns."""
        lines = []
        if self.groups:
            lines.append(self._headings(columns, widths))
        lines += _row_lines([self.head[at] for at in columns], widths, "")
        lines.append(styled(GAP.join("-" * w for w in widths), DIM))
        drawn = [
            _row_lines([row[at] for at in columns], widths, code)
            for row, code in zip(self.rows, codes, strict=True)
        ]
        if max(map(len, drawn), default=0) > TALL:
            drawn = [[*row, ""] for row in drawn[:-1]] + drawn[-1:]
        return [*lines, *itertools.chain(*drawn)]

    def _headings(self, columns: Sequence[int], widths: Sequence[int]) -> str:
        line, start = "", 0
        for at, width in zip(columns, widths, strict=True):
            if self.groups[at]:
                line = f"{line[: start - 1].ljust(start)}{self.groups[at]}"
            start += width + len(GAP)
        return line

    def _stacked(self, widths: Sequence[int], codes: Sequence[str]) -> list[str]:
        """Return lines with the first cell of every row above its other cells."""
        others = range(1, len(self.head))
        below = _Table((), self.head, self.rows)._drawn(others, widths, codes)
        lines = [self.head[0]] if self.head[0] else []
        lines += [f"{GAP}{line}" for line in below[:2]]
        for row, code, line in zip(self.rows, codes, below[2:], strict=True):
            lines += [styled(row[0], code), f"{GAP}{line}"]
        return lines

    def _bands(self, natural: Sequence[int], width: int, codes: Sequence[str]) -> list[str]:
        """Return the table in bands, each with the names of rows and as many columns as fit."""
        keys = self._keys(natural, width)
        of_keys = [natural[at] for at in keys]
        of_keys = of_keys if len(keys) > 1 else [min(*of_keys, max(NARROWEST, width // 3))]
        most = width - _total(of_keys) - len(GAP)
        bands: list[list[int]] = []
        for at in range(len(natural)):
            if at in keys:
                continue
            wider = [*bands[-1], at] if bands else []
            if not wider or _total([min(natural[column], most) for column in wider]) > most:
                bands.append([])
            bands[-1].append(at)
        lines: list[str] = []
        for band in bands:
            lines += [""] if lines else []
            widths = [*of_keys, *(min(natural[at], most) for at in band)]
            lines += self._continued(band)._drawn([*keys, *band], widths, codes)
        return lines

    def _keys(self, natural: Sequence[int], width: int) -> list[int]:
        """Return the columns that name the rows, so that every band begins with them."""
        for count in (1, 2, 3):
            keys = list(range(count))
            names = {tuple(row[:count]) for row in self.rows}
            if len(names) == len(self.rows) and (
                count == 1 or _total([natural[at] for at in keys]) <= width / 2
            ):
                return keys
        columns = list(zip(*self.rows, strict=True))[:4]
        return [max(range(len(columns)), key=lambda at: len({*columns[at]}))]

    def _continued(self, band: Sequence[int]) -> "_Table":
        """Return the table with the heading of its group above the first column of a band."""
        if not self.groups or self.groups[band[0]]:
            return self
        last = max(at for at in range(band[0]) if self.groups[at])
        groups = [*self.groups]
        groups[band[0]] = self.groups[last]
        return _Table(groups, self.head, self.rows)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _row_lines(cells: Sequence[str], widths: Sequence[int], code: str) -> list[str]:
    """Return the lines of a row, whose cells wrap; a cell with a star at its end is bold."""
    columns = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for parts in itertools.zip_longest(*columns, fillvalue=""):
        aligned = [
            styled(part, "" if code or not cell.endswith("*") else BOLD) + " " * (width - len(part))
            for part, cell, width in zip(parts, cells, widths, strict=True)
        ]
        lines.append(styled(GAP.join(aligned).rstrip(), code))
    return lines


def _wrapped(cell: str, width: int) -> list[str]:
    """Divide a cell into lines at spaces, and words that are too long after marks as in paths."""
    if len(cell) <= width:
        return [cell]
    lines = [""]
    words = re.split(r"(?<=\s)", cell)
    pieces = ([word] if len(word.rstrip()) <= width else LINKS.split(word) for word in words)
    for piece in itertools.chain.from_iterable(pieces):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].rstrip()) > width:
            cut = max(width - (lines[-1][width] == FILLER), 1)  # no wide letter is cut in two
            lines[-1:] = [lines[-1][:cut], lines[-1][cut:]]
    return [line.rstrip() for line in lines]


def _parts(lines: Sequence[str]) -> Iterator[str | _Table]:
    """Yield lines, and each table among the lines as a `_Table`."""
    at = 0
    held: list[str] = []  # lines that may be the head of a table
    while at < len(lines):
        rule = lines[at]
        if held and RULE.fullmatch(rule):
            starts = [0, *(match.end() for match in re.finditer(" +", rule))]
            gaps = [place for place, mark in enumerate(rule) if mark == " "]
            end = at + 1
            # a row has spaces wherever the rule below the heads of columns has
            while (
                end < len(lines)
                and lines[end]
                and not any(lines[end][place : place + 1].strip(" ") for place in gaps)
            ):
                end += 1
            head = held.pop()
            groups: list[str] = []
            if held and held[-1].startswith(" " * starts[1]):
                titles = {m.start(): m[0] for m in re.finditer(r"\S+(?: \S+)*", held.pop())}
                groups = [titles.get(start, "") for start in starts]
            yield from held
            held = []
            rows = [_cells(line, starts) for line in lines[at + 1 : end]]
            yield _Table(groups, _cells(head, starts), rows)
            at = end
        else:
            held.append(rule)
            at += 1
    yield from held


def _cells(line: str, starts: Sequence[int]) -> list[str]:
    ends = [*starts[1:], None]
    return [line[start:end].rstrip() for start, end in zip(starts, ends, strict=True)]
