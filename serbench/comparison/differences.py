"""Compute how the predictions of one run differ from another's on the same utterances."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from serbench.comparison.alignment import TestUtterances
from serbench.metrics import intervals, significance
from serbench.metrics.classification import METRICS, per_class
from serbench.metrics.intervals import Interval


@dataclass(frozen=True)
class Difference:
    """A score of both runs, and an interval of how much higher the first run's is."""

    first: float  # the first run's, a fraction
    other: float  # the other run's
    interval: Interval  # the 95 % interval of the difference, over speakers

    @property
    def difference(self) -> float:
        """The first run's score less the other's."""
        return self.first - self.other


@dataclass(frozen=True)
class MetricDifference(Difference):
    """A metric of all test utterances together."""

    metric: str  # its name
    pvalue: float  # of exchanging the predictions speaker by speaker
    adjusted: float  # the same, by Holm for all tests of the comparison
    detectable: float  # the smallest true difference that would be found at 5 % with 80 % power


@dataclass(frozen=True)
class RecallDifference(Difference):
    """The recall of one label; exploratory: intervals are not adjusted for how many there are."""

    label: str
    utterances: int  # how many have it


class Disagreement(NamedTuple):
    """An utterance that one of two runs gets right and the other does not; all names."""

    fold: str
    utterance: str
    speaker: str
    truth: str
    first: str
    other: str


@dataclass(frozen=True)
class Pair:
    """The first run against one other."""

    other: str  # the other run's name
    scores: tuple[MetricDifference, ...]  # one a metric
    recalls: tuple[RecallDifference, ...]  # one a label
    tests: tuple[TestUtterances, TestUtterances]  # the first run's, the other's

    @cached_property
    def counts(self) -> dict[str, int]:
        """The numbers of utterances that both, one or neither of the runs gets right."""
        first, other = (test.prediction == test.truth for test in self.tests)
        return {
            "both": int((first & other).sum()),
            "only_first": int((first & ~other).sum()),
            "only_other": int((other & ~first).sum()),
            "neither": int((~first & ~other).sum()),
        }

    @property
    def disagreements(self) -> list[Disagreement]:
        """The utterances that one run gets right and the other does not."""
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
    """Compare a run with the other, whose name is given; p-values are not adjusted yet."""
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
    """Adjust the p-values of pairs by Holm for all tests that were made."""
    pvalues = iter(significance.holm([score.pvalue for pair in pairs for score in pair.scores]))
    return tuple(
        replace(
            pair,
            scores=tuple(replace(score, adjusted=float(next(pvalues))) for score in pair.scores),
        )
        for pair in pairs
    )
