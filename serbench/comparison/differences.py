"""Compute how the predictions of two runs differ on the same utterances."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from serbench.comparison.alignment import TestUtterances
from serbench.metrics import intervals, significance
from serbench.metrics.classification import METRICS, per_class
from serbench.metrics.intervals import Interval


@dataclass(frozen=True)
class Difference:
    """A score of two runs, and an interval of how much higher the first run's is."""

    first: float  # score of the first run, a fraction
    other: float  # score of the other run
    interval: Interval  # the 95 % interval of the difference, over speakers

    @property
    def difference(self) -> float:
        """The first run's score minus the other's."""
        return self.first - self.other


@dataclass(frozen=True)
class MetricDifference(Difference):
    """A metric of all test utterances together."""

    metric: str  # name
    pvalue: float  # from exchanging the predictions speaker by speaker
    adjusted: float  # the p-value, adjusted by Holm for all tests of the comparison
    detectable: float  # the smallest true difference detected at 5 % with 80 % power


@dataclass(frozen=True)
class RecallDifference(Difference):
    """The recall of one label; exploratory: intervals are not adjusted for their number."""

    label: str
    utterances: int  # how many have the label


class Disagreement(NamedTuple):
    """The names of an utterance that one of two runs gets right and the other gets wrong."""

    fold: str
    utterance: str
    speaker: str
    truth: str
    first: str
    other: str


@dataclass(frozen=True)
class Pair:
    """The first run compared with one other run."""

    other: str  # the other run's name
    scores: tuple[MetricDifference, ...]  # one per metric
    recalls: tuple[RecallDifference, ...]  # one per label
    tests: tuple[TestUtterances, TestUtterances] = field(
        repr=False
    )  # of the first run, and of the other

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many utterances both runs, only one or neither gets right."""
        first, other = (test.prediction == test.truth for test in self.tests)
        return {
            "both": int((first & other).sum()),
            "only_first": int((first & ~other).sum()),
            "only_other": int((other & ~first).sum()),
            "neither": int((~first & ~other).sum()),
        }

    @property
    def disagreements(self) -> list[Disagreement]:
        """The utterances that one run gets right and the other gets wrong."""
        first, other = self.tests
        right = [test.prediction == test.truth for test in self.tests]
        columns = (first.truth, first.prediction, other.prediction)
        return [
            Disagreement(
                first.folds[at],
                first.keys[at][0],
                first.speakers[at],
                *(first.labels[column[at]] for column in columns),
            )
            for at in np.flatnonzero(right[0] != right[1])
        ]


def pair(name: str, first: TestUtterances, other: TestUtterances, metrics: Sequence[str]) -> Pair:
    """Compare the first run with another, called `name`; p-values are not adjusted yet."""
    both = (first.confusions, other.confusions)
    pooled = [matrices.sum(axis=0) for matrices in both]
    scores = []
    for metric in metrics:
        compute = METRICS[metric].compute
        pvalue = significance.paired_permutation(*both, compute).pvalue
        scores.append(
            MetricDifference(
                first=float(compute(pooled[0])),
                other=float(compute(pooled[1])),
                interval=intervals.paired_interval(*both, compute),
                metric=metric,
                pvalue=pvalue,
                adjusted=pvalue,
                detectable=significance.detectable_difference(*both, compute),
            )
        )
    lows, highs = intervals.bootstrap(
        np.stack(both, axis=1), intervals.differences(lambda labels: labels.recall)
    )
    ours, theirs = (per_class(matrix).recall for matrix in pooled)
    recalls = [
        RecallDifference(
            first=float(ours[at]),
            other=float(theirs[at]),
            interval=Interval(float(lows[at]), float(highs[at])),
            label=label,
            utterances=int(pooled[0][at].sum()),
        )
        for at, label in enumerate(first.labels)
    ]
    return Pair(name, tuple(scores), tuple(recalls), (first, other))


def adjusted(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Adjust the p-values of pairs by Holm's method for all their tests."""
    pvalues = iter(significance.holm([score.pvalue for pair in pairs for score in pair.scores]))
    return tuple(
        replace(
            pair,
            scores=tuple(replace(score, adjusted=float(next(pvalues))) for score in pair.scores),
        )
        for pair in pairs
    )
