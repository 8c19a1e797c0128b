"""Compute p-values and intervals, the two slow numbers of a table, once each.

Their keys are digests of the counts that they follow from, so they hold in every table.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from serbench.metrics import intervals, rare_pvalues
from serbench.metrics.classification import Floats
from serbench.metrics.intervals import Interval


@dataclass(frozen=True, eq=False)
class SpeakerCounts:
    """A model's counts, (speakers, labels, labels), and their digest."""

    counts: Floats

    @cached_property
    def key(self) -> str:
        """The digest, computed once."""
        cells = np.ascontiguousarray(self.counts, np.float64)
        return hashlib.sha256(str(cells.shape).encode() + cells.tobytes()).hexdigest()[:32]


@dataclass
class Statistics:
    """All numbers computed so far, and which of them were asked for."""

    pvalues: dict[str, float] = field(default_factory=dict)  # by the keys of both models, sorted
    intervals: dict[str, Interval] = field(default_factory=dict)  # of F1, by a model's key
    asked: set[str] = field(default_factory=set)  # the keys of either that were asked for

    def fork(self) -> "Statistics":
        """Return statistics that share these numbers, but record their own requests."""
        return Statistics(self.pvalues, self.intervals)

    def pvalue(self, first: SpeakerCounts, other: SpeakerCounts) -> float:
        """Return the p-value of two models' difference."""
        key = " ".join(sorted((first.key, other.key)))
        if key not in self.pvalues:
            self.pvalues[key] = rare_pvalues.pvalue(first.counts, other.counts)
        self.asked.add(key)
        return self.pvalues[key]

    def interval(self, model: SpeakerCounts) -> Interval:
        """Return the 95 % interval of a model's F1."""
        if model.key not in self.intervals:
            self.intervals[model.key] = intervals.metric_intervals(model.counts)["f1"]
        self.asked.add(model.key)
        return self.intervals[model.key]
