"""A row of the leaderboard: one configuration of a model, with all its seeds.

Seeds are no models of their own: a row's score is, in each fold, the mean over its seeds, and its
rank is tested on the mean of their counts, so that a configuration gains nothing by luck of a seed
nor by having been run more often. With one seed that is the run itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serbench.leaderboard.ranking.entry import REPRODUCED, SAYS_SUBMITTER, STATUSES, Entry
from serbench.leaderboard.ranking.statistics import SpeakerCounts, Statistics
from serbench.metrics.classification import METRICS, Floats
from serbench.metrics.intervals import Interval, MeanStd, mean_std
from serbench.results.display_names import told_apart, with_checkpoint
from serbench.results.run import SHOWN


@dataclass(frozen=True, eq=False)
class Row:
    """Runs that differ in their seed alone."""

    name: str  # of the model, told apart from the others of its table
    entries: tuple[Entry, ...]  # one a seed, by seed
    by_speaker: SpeakerCounts  # mean counts over the seeds
    # of each of `SHOWN` the mean over seeds in each fold, as mean and deviation over folds
    scores: Mapping[str, MeanStd]
    pooled: float  # F1 of all test utterances of all seeds together
    interval: Interval  # the 95 % interval of that, over speakers
    objections: tuple[str, ...] = ()  # every reason why it has no rank
    rank: int | None = None  # from 1; None where it is not ranked

    @property
    def first(self) -> Entry:
        """The run of the first seed, for what all seeds share."""
        return self.entries[0]

    @property
    def status(self) -> str:
        """The worst status of its seeds; reproduced if one of them was, and all recomputed.

        A run made again speaks for its code and recipe, which all seeds share.
        """
        statuses = {entry.status for entry in self.entries}
        if statuses == {REPRODUCED, "recomputed"}:
            return REPRODUCED
        return max(statuses, key=STATUSES.index)

    @property
    def reproductions(self) -> tuple[str, ...]:
        """The reproductions of all seeds."""
        return tuple(record for entry in self.entries for record in entry.reproductions)

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of all seeds, each once."""
        return tuple(dict.fromkeys(flag for entry in self.entries for flag in entry.flags))

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all seeds, each once."""
        return tuple(dict.fromkeys(note for entry in self.entries for note in entry.notes))

    @property
    def checked(self) -> str:
        """The status, and a reproduction that only the submitter claims."""
        claimed = any(record.endswith(SAYS_SUBMITTER) for record in self.reproductions)
        claim = f"; reproduced, {SAYS_SUBMITTER}" if claimed and self.status != REPRODUCED else ""
        return self.status + claim

    @property
    def seconds(self) -> float:
        """Seconds of fitting and predicting one run, the mean over seeds."""
        return float(np.mean([entry.seconds for entry in self.entries]))

    @property
    def finished(self) -> str:
        """When its last run finished."""
        return max(entry.finished for entry in self.entries)


def make_rows(entries: Iterable[Entry], statistics: Statistics) -> list[Row]:
    """Make the rows of one table without ranks: sound rows by F1, then those with objections."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.seed, entry.run)):
        groups.setdefault(_configuration(entry), []).append(entry)
    names = told_apart(
        {
            first.run: (with_checkpoint(first.model, first.checkpoint), dict(first.params))
            for first, *_ in groups.values()
        }
    )
    scores = _fold_scores([entry for group in groups.values() for entry in group])
    rows = []
    for group in groups.values():
        counts = np.stack([entry.by_speaker for entry in group]).mean(axis=0, dtype=np.float64)
        by_speaker = SpeakerCounts(counts)
        folds = np.mean([scores[entry.run] for entry in group], axis=0)  # (`SHOWN`, folds)
        rows.append(
            Row(
                name=names[group[0].run],
                entries=tuple(group),
                by_speaker=by_speaker,
                scores=dict(zip(SHOWN, map(mean_std, folds), strict=True)),
                pooled=float(METRICS["f1"].compute(counts.sum(axis=0))),
                interval=statistics.interval(by_speaker),
                objections=group[0].objections,
            )
        )
    return sorted(
        rows,
        key=lambda row: (bool(row.objections), -row.scores["f1"].mean, row.name, row.first.run),
    )


def _configuration(entry: Entry) -> tuple[object, ...]:
    """Return what runs must share to be seeds of one configuration.

    Nobody may add a seed to what another submitted; and what is not ranked stays by itself, so that
    it cannot take a sound run with it.
    """
    if not entry.ranked:
        return (entry.run,)
    configuration = (entry.configuration, entry.checkpoint, entry.revision, entry.sender)
    return *configuration, entry.confusions.shape, entry.speakers


def _fold_scores(entries: Sequence[Entry]) -> dict[str, Floats]:
    """Return the scores of each run's folds, (`SHOWN`, folds), by the run's name.

    Runs with counts of one shape are scored at once.
    """
    shapes: dict[tuple[int, ...], list[Entry]] = {}
    for entry in entries:
        shapes.setdefault(entry.confusions.shape, []).append(entry)
    by_run: dict[str, Floats] = {}
    for group in shapes.values():
        matrices = np.stack([entry.confusions for entry in group])  # (runs, folds, labels, labels)
        scores = np.stack([METRICS[metric].compute(matrices) for metric in SHOWN], axis=1)
        by_run |= {entry.run: each for entry, each in zip(group, scores, strict=True)}
    return by_run
