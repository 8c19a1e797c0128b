"""A row of the leaderboard: one configuration of a model, with all its seeds.

Seeds are not ranked separately: in each fold, a row's score is the mean over its seeds, and its
rank is tested on their mean counts. So a configuration gains nothing from a lucky seed or from more
runs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serbench.leaderboard.ranking.entry import (
    NOT_RUN,
    REPRODUCED,
    SAYS_SUBMITTER,
    STATUSES,
    Entry,
)
from serbench.leaderboard.ranking.statistics import SpeakerCounts, Statistics
from serbench.metrics.classification import METRICS, Floats
from serbench.metrics.intervals import Interval, MeanStd, mean_std
from serbench.results.display_names import Words, distinctions, told_apart, with_checkpoint
from serbench.results.run import SHOWN


@dataclass(frozen=True, eq=False)
class Row:
    """Runs that differ only in their seed."""

    name: str  # of the model, with parameters if the table has several rows of the model
    title: str  # the model's name for people
    detail: str  # what distinguishes the row from others with this title; number of seeds
    entries: tuple[Entry, ...]  # one per seed, sorted by seed
    by_speaker: SpeakerCounts  # mean counts over the seeds
    # for each metric of `SHOWN`: mean and deviation over folds of each fold's mean over seeds
    scores: Mapping[str, MeanStd]
    pooled: float  # F1 over all test utterances of all seeds together
    interval: Interval  # the 95 % interval of the pooled F1, over speakers
    objections: tuple[str, ...] = ()  # every reason why it has no rank
    rank: int | None = None  # from 1; None if it is not ranked

    @property
    def first(self) -> Entry:
        """The run of the first seed, for values that all seeds share."""
        return self.entries[0]

    @property
    def status(self) -> str:
        """The worst status of the seeds; but if all are recomputed, one reproduced seed is enough.

        Reproducing a run confirms its code and recipe, which all seeds share.
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
        """The flags of all seeds, without repeats."""
        return tuple(dict.fromkeys(flag for entry in self.entries for flag in entry.flags))

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all seeds, without repeats."""
        return tuple(dict.fromkeys(note for entry in self.entries for note in entry.notes))

    @property
    def checked(self) -> str:
        """The status; a reproduction that only the submitter claims is added as such."""
        claimed = any(record.endswith(SAYS_SUBMITTER) for record in self.reproductions)
        claim = f"; reproduced, {SAYS_SUBMITTER}" if claimed and self.status != REPRODUCED else ""
        return self.status + claim

    @property
    def seconds(self) -> float:
        """The time to fit and predict one run, in seconds; the mean over seeds."""
        return float(np.mean([entry.seconds for entry in self.entries]))

    @property
    def finished(self) -> str:
        """When the last run finished."""
        return max(entry.finished for entry in self.entries)


def make_rows(entries: Iterable[Entry], statistics: Statistics) -> list[Row]:
    """Make the rows of one table without ranks: sound rows by F1, then those with objections."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.seed, entry.run)):
        groups.setdefault(_configuration(entry), []).append(entry)
    identities = {
        first.run: {**first.params, **{name: Words(text) for name, text in first.versions.items()}}
        for first, *_ in groups.values()
    }
    names = told_apart(
        {
            first.run: (with_checkpoint(first.model, first.checkpoint), identities[first.run])
            for first, *_ in groups.values()
        }
    )
    added = distinctions(
        {first.run: (first.title, identities[first.run]) for first, *_ in groups.values()}
    )
    senders = {first.sender for first, *_ in groups.values()}
    alike = Counter((first.title, added[first.run]) for first, *_ in groups.values())
    scores = _fold_scores([entry for group in groups.values() for entry in group])
    rows = []
    for group in groups.values():
        counts = np.stack([entry.by_speaker for entry in group]).mean(axis=0, dtype=np.float64)
        by_speaker = SpeakerCounts(counts)
        folds = np.mean([scores[entry.run] for entry in group], axis=0)  # (`SHOWN`, folds)
        rows.append(
            Row(
                name=names[group[0].run],
                title=group[0].title,
                detail=_detail(group, added[group[0].run], alike, len(senders) > 1),
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


def _detail(
    entries: Sequence[Entry],
    added: tuple[str, ...],
    alike: Mapping[tuple[str, tuple[str, ...]], int],
    has_senders: bool,
) -> str:
    """Return what distinguishes a row from others with its title: "head=logistic, 3 seeds"."""
    first, parts = entries[0], list(added)
    if first.is_imported:
        heard = [] if first.modality == "speech" else [first.modality]
        parts = [*heard, NOT_RUN, *parts]
    if not first.folder:  # users refer to their own runs by the last part of the name
        parts += [entry.short for entry in entries]
    elif alike[first.title, added] > 1:
        parts.append(first.short)
    if len(entries) > 1:
        parts.append(f"{len(entries)} seeds")
    if has_senders:
        name, is_confirmed = first.sender
        parts.append(f"by {name}{'' if is_confirmed else ', not confirmed'}")
    return ", ".join(parts)


def _configuration(entry: Entry) -> tuple[object, ...]:
    """Return a key that runs share if they are seeds of one configuration from one sender.

    An unranked run gets a row of its own, so that it cannot affect sound runs, unless all runs of
    its row are imported and have the same objections.
    """
    if not (entry.ranked or entry.is_imported):
        return (entry.run,)
    configuration = (entry.configuration, entry.checkpoint, entry.revision, entry.sender)
    return *configuration, entry.confusions.shape, entry.speakers, entry.objections


def _fold_scores(entries: Sequence[Entry]) -> dict[str, Floats]:
    """Return the scores of each run's folds, (`SHOWN`, folds), by the run's name."""
    shapes: dict[tuple[int, ...], list[Entry]] = {}
    for entry in entries:
        shapes.setdefault(entry.confusions.shape, []).append(entry)
    by_run: dict[str, Floats] = {}
    for group in shapes.values():  # scoring many runs at once is faster
        matrices = np.stack([entry.confusions for entry in group])  # (runs, folds, labels, labels)
        scores = np.stack([METRICS[metric].compute(matrices) for metric in SHOWN], axis=1)
        by_run |= zip([entry.run for entry in group], scores, strict=True)
    return by_run
