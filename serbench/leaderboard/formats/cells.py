"""What stands in the cells of the leaderboard, as plain text: the same words in every format.

Names and notes come from strangers and are not escaped here; each format does that in its own way.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from serbench import tables
from serbench.leaderboard.ranking.board import Guess, Table
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.ranking.row import Line
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import Interval
from serbench.results.literature import Row
from serbench.results.run import circumstances, reported

MAIN = (
    "rank",
    "reference",
    "model",
    "modality",
    "accuracy",
    "F1",
    "recall",
    "pooled F1 [95 %]",
    "checked",
)
RUNS = (
    "run",
    "seed",
    "F1",
    "parameters",
    "time",
    "finished",
    "serbench",
    "leakage",
    "checked",
    "submitted",
)
PUBLISHED = ("reference", "system", "modality", "accuracy", "F1", "recall", "tested on", "caveats")

ABOUT = (
    "Scores: % mean ± sample standard deviation (n - 1) over test sets, the columns of the paper's "
    "Table II, which does not say by which number it divides. Where "
    "a configuration was run with several seeds, a test set's score is the mean over the seeds.",
    "Pooled F1: of all test utterances together, with its 95 % interval over speakers.",
    "A table holds only runs on the same utterances and audio, under the same protocol and labels.",
    "Rank: rows of one rank are not shown to be worse than the first of them. A lower rank is led "
    "by a model that is, tested by exchanging answers speaker by speaker and adjusted for all "
    "pairs of the table. Leaky, incomplete and otherwise unsound runs have none.",
    "Published: as reported, and never ranked, since without its predictions nothing can be "
    "tested. What was tested under the same protocol and labels stands in the table, the rest "
    "below it.",
    "Reference: the account that sent a run, as the ledger has it; where that has none, the name "
    "that the submission gives itself, not confirmed.",
    "Checked: recomputed, all numbers follow from the stored predictions, the corpus and the "
    "protocol; reproduced, another account made folds again too, and they agree; not recomputed, "
    "the corpus or its labels are not public, and the counts are the submitter's own.",
    "Computed in: training a network amplifies differences in rounding, so the same command gives "
    "other scores on another processor; light models on frozen features agree.",
)
"""How to read the tables."""


class Cells(NamedTuple):
    """A row of the main table.

    Attributes:
        cells: under `MAIN`.
        kind: what the row is: "ranked", "unranked", "published" or "chance".
        line: the measured one, where there is one.
    """

    cells: tuple[str, ...]
    kind: str
    line: Line | None = None


@functools.lru_cache(maxsize=16)  # every format asks for the same ones, one after another
def main(table: Table) -> Sequence[Cells]:
    """The rows of a table: ranked and published by F1, then what has no rank, then chance."""
    ranked = [line for line in table.lines if line.rank is not None]
    mixed: list[tuple[float, Line | Row]] = [(line.scores["f1"].mean, line) for line in ranked]
    mixed += [(row.scores.get("f1", 0.0), row) for row in table.published]
    mixed.sort(key=lambda one: -one[0])
    rest = [line for line in table.lines if line.rank is None]
    return [
        *(_measured(one) if isinstance(one, Line) else _published(one) for _, one in mixed),
        *(_measured(line) for line in rest),
        *(_chance(guess) for guess in table.guesses),
    ]


def _measured(line: Line) -> Cells:
    seeds = f" ({len(line.entries)} seeds)" if len(line.entries) > 1 else ""
    if not line.first.folder:  # its runs are found by the last part of their names
        seeds = f" ({', '.join(entry.short for entry in line.entries)})"
    cells = (
        str(line.rank or "-"),
        line.first.who,
        line.name + seeds,
        "speech",
        *(tables.spread(line.scores[name]) for name in ("accuracy", "f1", "uar")),
        f"{tables.percent(line.pooled)} {tables.interval(line.interval)}",
        line.checked,
    )
    return Cells(cells, "unranked" if line.rank is None else "ranked", line)


def _published(row: Row) -> Cells:
    scores = [reported(row, name) for name in ("accuracy", "f1", "uar")]
    interval = tables.interval(Interval(*row.intervals["f1"])) if "f1" in row.intervals else "-"
    cells = ("-", reference(row), row.system, row.modality, *scores, interval, "published")
    return Cells(cells, "published")


def _chance(guess: Guess) -> Cells:
    scores = (tables.spread(guess.scores[name]) for name in ("accuracy", "f1", "uar"))
    return Cells(("-", "-", guess.name, "-", *scores, "-", "-"), "chance")


def reference(row: Row) -> str:
    """Where a published row stands: "the paper, Table III"."""
    return f"{row.reference}, Table {row.table}" if row.reference == "the paper" else row.reference


def run(entry: Entry, line: Line) -> tuple[str, ...]:
    """The row of one run, under `RUNS`."""
    score = float(METRICS["f1"].compute(entry.confusions).mean())
    return (
        named(entry, line),
        str(entry.seed),
        tables.percent(score),
        parameters(entry.parameters),
        tables.duration(entry.seconds),
        entry.finished[:10] or "-",
        entry.serbench or "-",
        "leaky" if entry.leaks else "none",
        entry.status,
        f"{entry.who}, {entry.day}" if entry.folder else "-",
    )


def named(entry: Entry, line: Line) -> str:
    """A run as it is called: "alexnet-mel (08683f95)"."""
    return f"{line.name} ({entry.short})"


def parameters(count: int | None) -> str:
    """How many parameters a model has, with three digits.

    >>> parameters(57021128), parameters(1234), parameters(None)
    ('57.0 M', '1.23 k', '-')
    """
    if count is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.{max(0, 3 - len(str(int(count / size))))}f} {unit}"
    return str(count)


def published(row: Row) -> tuple[str, ...]:
    """A row of the literature that fits no table, under `PUBLISHED`."""
    return (
        reference(row),
        row.system,
        row.modality,
        *(reported(row, name) for name in ("accuracy", "f1", "uar")),
        "; ".join(filter(None, [row.tested, row.classes and f"labels {row.classes}"])) or "-",
        "; ".join(row.caveats) or "-",
    )


def title(table: Table) -> str:
    """The heading of a table."""
    audio = f", audio {table.audio[:8] or 'unknown'}" if table.apart else ""
    return f"{table.dataset}, protocol {table.protocol}, labels {table.labels}{audio}"


def notes(table: Table) -> list[str]:
    """What to know of a table: its size, what ranks mean in it, who has none, and caveats."""
    corpus, protocol = (pin[:8] for pin in table.pins)
    audio = f", audio {table.audio[:8]}" if table.audio else ""
    found = [
        f"{table.folds} test sets, {table.speakers} test speakers, {table.utterances} test "
        f"utterances; digests: corpus {corpus}, protocol {protocol}{audio}.",
        _apart(table),
        _ranking(table),
    ]
    found += objections(table)
    found += circumstances([(line.first.short, line.first.computed) for line in table.lines])
    found += [
        f"Look at: {named(line.first, line)}: {note}."
        for line in table.lines
        for note in line.notes
    ]
    found += [
        f"{reference(row)}, {row.system}: {'; '.join(row.caveats)}."
        for row in table.published
        if row.caveats
    ]
    return [note for note in found if note]


def objections(table: Table) -> list[str]:
    """Why rows have no rank; where none has, because of leakage, only what else is wrong."""
    return [
        f"Not ranked: {named(line.first, line)}: {words}."
        for line in table.lines
        for words in ["; ".join(line.first.faults if table.leaks else line.objections)]
        if words
    ]


def _apart(table: Table) -> str:
    if not table.apart:
        return ""
    return (
        "Other audio: runs of the same utterances, but of other audio files, stand in another "
        "table, and are not ranked with these."
    )


def _ranking(table: Table) -> str:
    place, count = table.standing, len(table.standing.ranks)
    if table.leaks:
        return f"Leaky, so nothing is ranked: {table.leaks}."
    if count < 2:
        return ""
    if not place.separable:
        return (
            f"Too few speakers to rank anything: with {table.speakers} no p can be below "
            f"{place.smallest:.2g}, and telling two of {count} apart takes {place.threshold:.2g}. "
            "So all share rank 1, whatever their scores."
        )
    return (
        f"A lower rank means p at most {place.threshold:.2g} against the first row of the rank "
        f"above: 5 % for all pairs of these {count} by Holm."
    )
