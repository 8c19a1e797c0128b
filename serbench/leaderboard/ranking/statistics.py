"""Compute p-values and intervals, the two slow statistics of a table, only once each.

Keys are digests of the counts that a statistic was computed from, so it is valid in every table.
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
    """A model's confusion counts, (speakers, labels, labels), and their digest."""

    counts: Floats

    @cached_property
    def key(self) -> str:
        """The digest, computed once."""
        cells = np.ascontiguousarray(self.counts, np.float64)
        return hashlib.sha256(str(cells.shape).encode() + cells.tobytes()).hexdigest()[:32]


@dataclass
class Statistics:
    """All statistics computed so far, and which of them were requested."""

    pvalues: dict[str, float] = field(default_factory=dict)  # by the keys of both models, sorted
    intervals: dict[str, Interval] = field(default_factory=dict)  # of F1, by a model's key
    asked: set[str] = field(default_factory=set)  # keys of the requested p-values and intervals

    def fork(self) -> "Statistics":
        """Return statistics that share these values, but record only their own requests."""
        return Statistics(self.pvalues, self.intervals)

    def pvalue(self, first: SpeakerCounts, other: SpeakerCounts) -> float:
        """Return the p-value of the difference between two models."""
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
