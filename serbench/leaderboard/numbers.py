"""The two numbers of a table that take time, each computed once: p-values and intervals.

They are known by digests of the counts that they follow from, so they hold in every table.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from serbench.leaderboard import exchanging, intervals
from serbench.metrics import Floats
from serbench.stats import Interval


@dataclass
class Numbers:
    """What is known so far, and what of it was asked for.

    Attributes:
        pvalues: by the digests of both models' counts, the smaller one first.
        intervals: of F1, by the digest of a model's counts.
        asked: the keys of either that were asked for.
        computed: how many of them were not known.
    """

    pvalues: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    computed: int = 0

    def pvalue(self, first: Floats, other: Floats) -> float:
        """The p-value of two models' difference, from (speakers, labels, labels) of each."""
        key = " ".join(sorted(map(_digest, (first, other))))
        if key not in self.pvalues:
            self.pvalues[key] = exchanging.pvalue(first, other)
            self.computed += 1
        self.asked.add(key)
        return self.pvalues[key]

    def interval(self, by_speaker: Floats) -> Interval:
        """The 95 % interval of a model's F1, from (speakers, labels, labels)."""
        key = _digest(by_speaker)
        if key not in self.intervals:
            self.intervals[key] = intervals.intervals(by_speaker)["f1"]
            self.computed += 1
        self.asked.add(key)
        return self.intervals[key]


def _digest(counts: Floats) -> str:
    cells = np.ascontiguousarray(counts, np.float64)
    return hashlib.sha256(str(cells.shape).encode() + cells.tobytes()).hexdigest()[:32]
