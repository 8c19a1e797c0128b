"""The leaderboard as data: measured runs, ranked where they are comparable, and the literature.

`serbench.leaderboard.formats` turns it into files.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from serbench.leaderboard.ranking.comparability import comparable_groups
from serbench.leaderboard.ranking.entry import Entry, Rejected
from serbench.leaderboard.ranking.ranks import Ranking, rank
from serbench.leaderboard.ranking.row import Row, make_rows
from serbench.leaderboard.ranking.statistics import Statistics
from serbench.metrics import classification, intervals
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import MeanStd
from serbench.results import literature
from serbench.results.display_names import TITLES
from serbench.results.literature import PublishedRow
from serbench.results.run import SHOWN


@dataclass(frozen=True)
class ChanceRow:
    """The scores that guessing reaches on the same test sets."""

    name: str
    scores: dict[str, MeanStd]


@dataclass(frozen=True, eq=False)
class Table:
    """Everything measured on the same utterances under the same protocol and labels.

    Runs that see more of the test set than the utterance to predict have a table of their own.
    """

    dataset: str  # as typed, with its parameters
    protocol: str  # as typed
    labels: str  # as typed
    pins: tuple[str, str]  # the digests of corpus and protocol
    audio: str  # a digest of the audio; "" if no run has one
    apart: bool  # whether another table differs from this one only in its audio
    sees: str  # what else of the test set the models see, or ""; see `results.eligibility.sees`
    rows: tuple[Row, ...]  # those with a rank first, then the others; both by F1
    ranking: Ranking  # of the rows with a rank, in their order
    chance: tuple[ChanceRow, ...]  # empty if no run is complete
    published: tuple[PublishedRow, ...]  # results of the literature in this setting, by F1
    folds: int  # number of test sets
    speakers: int  # number of test speakers
    utterances: int  # number of test utterances, over all test sets

    @cached_property
    def leaks(self) -> str:
        """Why the protocol is leaky, or ""."""
        leaks = {row.first.leaks for row in self.rows}
        return min(leaks) if "" not in leaks else ""


@dataclass(frozen=True)
class Section:
    """One corpus."""

    corpus: str  # its name
    title: str  # as in a heading
    tables: tuple[Table, ...]  # per setting and audio; leaky ones last
    published: tuple[PublishedRow, ...]  # rows of the literature that fit none of the tables


@dataclass(frozen=True)
class Board:
    """A section for each corpus, and the rejected submissions."""

    sections: tuple[Section, ...]
    rejected: tuple[Rejected, ...] = ()


def board(entries: Sequence[Entry], rejected: Sequence[Rejected] = ()) -> Board:
    """Make the tables of all runs."""
    statistics = Statistics()
    sections = (section(name, runs, statistics) for name, runs in by_corpus(entries).items())
    return Board(tuple(sections), tuple(rejected))


def by_corpus(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Group entries by corpus, in the order of the sections; a group may be empty."""
    groups: dict[str, list[Entry]] = {name: [] for name in TITLES}
    for entry in sorted(entries, key=lambda entry: entry.corpus):
        groups.setdefault(entry.corpus, []).append(entry)
    return groups


def section(corpus: str, entries: Sequence[Entry], statistics: Statistics) -> Section:
    """Make the tables of one corpus from the entries of its runs."""
    published = literature.rows(corpus)
    tables = [
        _table(audio, len(groups) > 1, alike, published, statistics)
        for groups in comparable_groups(entries)
        for audio, runs in groups
        for alike in _by_sight(runs)
    ]
    tables.sort(key=_place)
    shown = {id(row) for table in tables for row in table.published}
    rest = tuple(row for row in published if id(row) not in shown)
    return Section(corpus, TITLES.get(corpus, corpus), tuple(tables), rest)


def _by_sight(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Group runs that see the same of the test set: others are not ranked with them."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.sees, []).append(entry)
    return list(groups.values())


def _place(table: Table) -> tuple[object, ...]:
    names = (table.dataset, table.protocol, table.labels)
    return bool(table.leaks), *names, table.sees, table.pins, -len(table.rows), table.audio


def _table(
    audio: str,
    apart: bool,
    entries: Sequence[Entry],
    published: Iterable[PublishedRow],
    statistics: Statistics,
) -> Table:
    first = entries[0]
    setting = (first.dataset, first.protocol, first.labels)
    rows = make_rows(entries, statistics)
    sound = [row for row in rows if not row.objections]
    ranking = rank(
        [row.scores["f1"].mean for row in sound],
        [row.by_speaker.counts for row in sound],
        lambda leader, other: statistics.pvalue(sound[leader].by_speaker, sound[other].by_speaker),
    )
    ranked = [replace(row, rank=place) for row, place in zip(sound, ranking.ranks, strict=True)]
    whole = next((row.first for row in rows if row.first.folds == row.first.total), None)
    tested = whole or first
    same = [row for row in published if row.is_comparable(*setting) and not first.sees]
    return Table(
        *setting,
        pins=(first.corpus_pin, first.protocol_pin),
        audio=audio,
        apart=apart,
        sees=first.sees,
        rows=(*ranked, *(row for row in rows if row.objections)),
        ranking=ranking,
        chance=_chance(whole) if whole else (),
        published=tuple(sorted(same, key=lambda row: -row.scores.get("f1", np.inf))),
        folds=len(tested.confusions),
        speakers=len(tested.speakers),
        utterances=int(tested.confusions.sum()),
    )


def _chance(entry: Entry) -> tuple[ChanceRow, ...]:
    guesses = classification.chance(entry.confusions.sum(axis=-1))
    return tuple(
        ChanceRow(
            f"chance ({name})",
            {metric: intervals.mean_std(METRICS[metric].compute(counts)) for metric in SHOWN},
        )
        for name, counts in zip(("majority", "stratified"), guesses, strict=True)
    )
