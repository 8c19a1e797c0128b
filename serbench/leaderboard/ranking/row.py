"""A line of the leaderboard: one configuration of a model, with all its seeds.

Seeds are no models of their own: a line's score is, in each fold, the mean over its seeds, and its
rank is tested on the mean of their counts, so that a configuration gains nothing by luck of a seed
nor by having been run more often. With one seed that is the run itself.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serbench.leaderboard.ranking.entry import REPRODUCED, SAYS_SUBMITTER, STATUSES, Entry
from serbench.leaderboard.ranking.statistics import Keyed, Numbers
from serbench.metrics.classification import METRICS, Floats
from serbench.metrics.intervals import Interval, MeanStd
from serbench.results.display_names import called, told_apart

SHOWN = ("accuracy", "precision", "uar", "f1")


@dataclass(frozen=True, eq=False)
class Line:
    """Runs that differ in their seed alone.

    Attributes:
        name: of the model, told apart from the others of its table.
        entries: one a seed, by seed.
        by_speaker: mean counts over the seeds.
        scores: of each of `SHOWN` the mean over seeds in each fold, as mean and deviation over
            folds.
        pooled: F1 of all test utterances of all seeds together.
        interval: the 95 % interval of that, over speakers.
        objections: every reason why it has no rank.
        rank: from 1; None where it is not ranked.
    """

    name: str
    entries: tuple[Entry, ...]
    by_speaker: Keyed
    scores: Mapping[str, MeanStd]
    pooled: float
    interval: Interval
    objections: tuple[str, ...] = ()
    rank: int | None = None

    @property
    def first(self) -> Entry:
        """What all of them have alike can be asked of the first."""
        return self.entries[0]

    @property
    def status(self) -> str:
        """Of its seeds the least that is known; reproduced if one of them was, and all recomputed.

        A run made again speaks for its code and recipe, which all seeds share.
        """
        found = {entry.status for entry in self.entries}
        return REPRODUCED if found == {REPRODUCED, "recomputed"} else max(found, key=_rank_of)

    @property
    def reproductions(self) -> tuple[str, ...]:
        """Of all its seeds."""
        return tuple(record for entry in self.entries for record in entry.reproductions)

    @property
    def flags(self) -> tuple[str, ...]:
        """Of all its seeds, each once."""
        return tuple(dict.fromkeys(flag for entry in self.entries for flag in entry.flags))

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all its seeds, each once."""
        return tuple(dict.fromkeys(note for entry in self.entries for note in entry.notes))

    @property
    def checked(self) -> str:
        """The status, and a reproduction that only the submitter claims."""
        said = any(one.endswith(SAYS_SUBMITTER) for one in self.reproductions)
        claim = f"; reproduced, {SAYS_SUBMITTER}" if said and self.status != REPRODUCED else ""
        return self.status + claim

    @property
    def seconds(self) -> float:
        """Of fitting and predicting one run, the mean over seeds."""
        return float(np.mean([entry.seconds for entry in self.entries]))

    @property
    def finished(self) -> str:
        """When the last of its runs was."""
        return max(entry.finished for entry in self.entries)


def _rank_of(status: str) -> int:
    return STATUSES.index(status)


def lines(entries: Iterable[Entry], numbers: Numbers) -> list[Line]:
    """The lines of one table, unranked, best first: what may be ranked, and then the rest."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: (one.seed, one.run)):
        groups.setdefault(_alike(entry), []).append(entry)
    names = _names([group[0] for group in groups.values()])
    scores = _of_folds([one for group in groups.values() for one in group])
    counts = [_mean_counts(group) for group in groups.values()]
    pooled = _pooled(counts)
    made = [
        Line(
            name=names[group[0].run],
            entries=tuple(group),
            by_speaker=each,
            scores=_spreads(np.mean([scores[one.run] for one in group], axis=0)),
            pooled=whole,
            interval=numbers.interval(each),
            objections=group[0].objections,
        )
        for group, each, whole in zip(groups.values(), counts, pooled, strict=True)
    ]
    return sorted(made, key=in_order)


def in_order(line: Line) -> tuple[bool, float, str, str]:
    """Sorts lines: those that may be ranked first, by their F1; the rest does not matter."""
    return bool(line.objections), -line.scores["f1"].mean, line.name, line.first.run


def _of_folds(entries: Sequence[Entry]) -> dict[str, Floats]:
    """The scores of each run's folds, (`SHOWN`, folds), by the run's name: all runs at once."""
    alike: dict[tuple[int, ...], list[Entry]] = {}
    for entry in entries:
        alike.setdefault(entry.confusions.shape, []).append(entry)
    found: dict[str, Floats] = {}
    for group in alike.values():
        matrices = np.stack([one.confusions for one in group])  # (runs, folds, labels, labels)
        scores = np.stack([METRICS[metric].compute(matrices) for metric in SHOWN], axis=1)
        found |= {one.run: each for one, each in zip(group, scores, strict=True)}
    return found


def _mean_counts(group: Sequence[Entry]) -> Keyed:
    return Keyed(np.stack([one.by_speaker for one in group]).mean(axis=0, dtype=np.float64))


def _pooled(counts: Sequence[Keyed]) -> list[float]:
    """F1 of all test utterances of each; of those with equally many labels at once."""
    matrices = [one.counts.sum(axis=0) for one in counts]
    found: dict[int, float] = {}
    for size in {len(one) for one in matrices}:
        alike = [at for at, one in enumerate(matrices) if len(one) == size]
        scores = METRICS["f1"].compute(np.stack([matrices[at] for at in alike]))
        found |= dict(zip(alike, scores.tolist(), strict=True))
    return [found[at] for at in range(len(matrices))]


def _spreads(folds: Floats) -> dict[str, MeanStd]:
    """`stats.mean_std` of every row, (`SHOWN`, folds), at once."""
    means = folds.mean(axis=1).tolist()
    single = folds.shape[1] == 1
    stds = [math.nan] * len(means) if single else folds.std(axis=1, ddof=1).tolist()
    return {
        name: MeanStd(*pair)
        for name, pair in zip(SHOWN, zip(means, stds, strict=True), strict=True)
    }


def _alike(entry: Entry) -> tuple[object, ...]:
    """What runs must share to be seeds of one configuration.

    Nobody may add a seed to what another submitted; and what is not ranked stays by itself, so that
    it cannot take a sound run with it.
    """
    if not entry.ranked:
        return (entry.run,)
    made = (entry.configuration, entry.checkpoint, entry.revision, entry.sender)
    return *made, entry.confusions.shape, entry.speakers


def _names(entries: Sequence[Entry]) -> Mapping[str, str]:
    return told_apart(
        {one.run: (called(one.model, one.checkpoint), dict(one.params)) for one in entries}
    )
