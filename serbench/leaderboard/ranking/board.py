"""The leaderboard as data: measured runs, ranked where they are comparable, and the literature.

What it looks like is up to `markdown`, `page`, `latex` and `sheets`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from serbench.leaderboard.ranking import screening
from serbench.leaderboard.ranking.entry import Entry, Rejected
from serbench.leaderboard.ranking.ranks import Standing, standing
from serbench.leaderboard.ranking.row import SHOWN, Line, lines
from serbench.leaderboard.ranking.statistics import Numbers
from serbench.metrics import classification, intervals
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import MeanStd
from serbench.results import literature
from serbench.results.display_names import TITLES
from serbench.results.literature import Row


@dataclass(frozen=True)
class Guess:
    """What guessing reaches on the same test sets: its name, and a score by metric."""

    name: str
    scores: dict[str, MeanStd]


@dataclass(frozen=True, eq=False)
class Table:
    """Everything measured on the same utterances under the same protocol and labels.

    Attributes:
        dataset: with its parameters; `protocol` and `labels` are as typed, too.
        protocol: see there.
        labels: see there.
        pins: the digests of corpus and protocol.
        audio: a digest of the audio; "" where no run tells.
        apart: other tables differ from this one in their audio alone.
        lines: those with a rank first, then the others; both by F1.
        standing: of those with a rank, in their order.
        guesses: chance; none where no run is whole.
        published: rows of the literature that were tested the same way, by F1; they have no rank.
        folds: how many test sets the protocol has.
        speakers: how many are tested.
        utterances: how many tests there are.
    """

    dataset: str
    protocol: str
    labels: str
    pins: tuple[str, str]
    audio: str
    apart: bool
    lines: tuple[Line, ...]
    standing: Standing
    guesses: tuple[Guess, ...]
    published: tuple[Row, ...]
    folds: int
    speakers: int
    utterances: int

    @cached_property
    def leaks(self) -> str:
        """Why the protocol is leaky, where it is, or ""."""
        found = {line.first.leaks for line in self.lines}
        return min(found) if "" not in found else ""


@dataclass(frozen=True)
class Section:
    """One corpus.

    Attributes:
        corpus: its name.
        title: as in a heading.
        tables: one a setting, leaky ones last.
        published: rows of the literature that fit none of the tables.
    """

    corpus: str
    title: str
    tables: tuple[Table, ...]
    published: tuple[Row, ...]


@dataclass(frozen=True)
class Board:
    """All of it: one section a corpus, and what was rejected."""

    sections: tuple[Section, ...]
    rejected: tuple[Rejected, ...] = ()


def board(
    entries: Sequence[Entry], rejected: Sequence[Rejected] = (), numbers: Numbers | None = None
) -> Board:
    """Make the tables of entries.

    Args:
        entries: of all runs.
        rejected: what else was there.
        numbers: what is known already of p-values and intervals.
    """
    numbers = numbers or Numbers()
    sections = tuple(section(name, those, numbers) for name, those in by_corpus(entries).items())
    return Board(sections, tuple(rejected))


def by_corpus(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The entries of each corpus, in the order of the sections; there may be none of it."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.corpus, []).append(entry)
    return {name: found.get(name, []) for name in (*TITLES, *sorted(found.keys() - set(TITLES)))}


def section(corpus: str, entries: Sequence[Entry], numbers: Numbers) -> Section:
    """The tables of one corpus.

    Args:
        corpus: its name.
        entries: of its runs.
        numbers: what is known already of p-values and intervals.
    """
    published = literature.rows(corpus)
    tables = [
        replace(_table(together, published, numbers), audio=audio, apart=len(groups) > 1)
        for alike in screening.by_setting(entries)
        for groups in [screening.groups(alike)]
        for audio, together in groups
    ]
    tables.sort(key=_in_order)
    shown = {id(row) for table in tables for row in table.published}
    rest = tuple(row for row in published if id(row) not in shown)
    return Section(corpus, TITLES.get(corpus, corpus), tuple(tables), rest)


def _in_order(table: Table) -> tuple[object, ...]:
    names = (table.dataset, table.protocol, table.labels)
    return bool(table.leaks), *names, table.pins, -len(table.lines), table.audio


def _table(entries: Sequence[Entry], published: Iterable[Row], numbers: Numbers) -> Table:
    first = entries[0]
    found = lines(entries, numbers)
    ranked = [line for line in found if not line.objections]
    place = standing(
        [line.scores["f1"].mean for line in ranked],
        [line.by_speaker.counts for line in ranked],
        lambda one, other: numbers.pvalue(ranked[one].by_speaker, ranked[other].by_speaker),
    )
    placed = [replace(line, rank=at) for line, at in zip(ranked, place.ranks, strict=True)]
    names = (first.dataset, first.protocol, first.labels)
    whole = next((line.first for line in found if line.first.folds == line.first.total), first)
    return Table(
        *names,
        pins=(first.corpus_pin, first.protocol_pin),
        audio="",
        apart=False,
        lines=(*placed, *(line for line in found if line.objections)),
        standing=place,
        guesses=_guesses(whole) if whole.folds == whole.total else (),
        published=_alike(published, names),
        folds=len(whole.confusions),
        speakers=len(whole.speakers),
        utterances=int(whole.confusions.sum()),
    )


def _guesses(entry: Entry) -> tuple[Guess, ...]:
    chance = classification.chance(entry.confusions.sum(axis=-1))
    return tuple(
        Guess(
            f"chance ({name})",
            {one: intervals.mean_std(METRICS[one].compute(each)) for one in SHOWN},
        )
        for name, each in zip(("majority", "stratified"), chance, strict=True)
    )


def _alike(published: Iterable[Row], names: tuple[str, str, str]) -> tuple[Row, ...]:
    found = [row for row in published if literature.comparable(row, *names)]
    return tuple(sorted(found, key=lambda row: -row.scores.get("f1", np.inf)))
