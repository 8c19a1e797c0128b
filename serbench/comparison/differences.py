"""Every number that says how one run's answers differ from another's on the same utterances."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from serbench.comparison.alignment import Tested
from serbench.metrics import intervals, significance
from serbench.metrics.classification import METRICS, per_class
from serbench.metrics.intervals import Interval


@dataclass(frozen=True)
class Difference:
    """A number of both runs, and an interval of how much higher the first run's is.

    Attributes:
        first: the first run's, a fraction.
        other: the other run's.
        interval: the 95 % interval of the difference, over speakers.
    """

    first: float
    other: float
    interval: Interval

    @property
    def difference(self) -> float:
        """How much higher the first run's is."""
        return self.first - self.other


@dataclass(frozen=True)
class Score(Difference):
    """A metric of all test utterances together.

    Attributes:
        metric: its name.
        pvalue: of exchanging the predictions speaker by speaker.
        adjusted: the same, by Holm for all tests of the comparison.
        detectable: the smallest true difference that would be found at 5 % with 80 % power.
    """

    metric: str
    pvalue: float
    adjusted: float
    detectable: float


@dataclass(frozen=True)
class Recall(Difference):
    """The recall of one label; exploratory, since there are many and none is corrected for that.

    Attributes:
        label: whose.
        utterances: how many have it.
    """

    label: str
    utterances: int


@dataclass(frozen=True)
class Pair:
    """The first run against one other.

    Attributes:
        other: the other run's name.
        scores: one a metric.
        recalls: one a label.
        tests: what both say of the test utterances, the first run's answers first.
    """

    other: str
    scores: tuple[Score, ...]
    recalls: tuple[Recall, ...]
    tests: tuple[Tested, Tested]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many utterances which of the two gets right."""
        first, other = (one.prediction == one.truth for one in self.tests)
        return {
            "both": int((first & other).sum()),
            "only_first": int((first & ~other).sum()),
            "only_other": int((other & ~first).sum()),
            "neither": int((~first & ~other).sum()),
        }

    @property
    def apart(self) -> list[tuple[str, ...]]:
        """The utterances that one gets and the other does not.

        Rows of fold, utterance, speaker, truth, first prediction, other prediction.
        """
        first, other = self.tests
        right = [one.prediction == one.truth for one in self.tests]
        answers = (first.truth, first.prediction, other.prediction)
        return [
            (
                first.folds[at],
                first.keys[at][0],
                first.speakers[at],
                *(first.labels[of[at]] for of in answers),
            )
            for at in np.flatnonzero(right[0] != right[1])
        ]


def contrast(name: str, first: Tested, other: Tested, metrics: Sequence[str]) -> Pair:
    """Every number about a run against the other, whose name is given; p-values unadjusted."""
    scores = tuple(_score(first, other, metric) for metric in metrics)
    return Pair(name, scores, _recalls(first, other), (first, other))


def _score(first: Tested, other: Tested, metric: str) -> Score:
    compute = METRICS[metric].compute
    both = (first.confusions, other.confusions)
    pvalue = significance.paired_permutation(*both, compute).pvalue
    return Score(
        first=float(compute(both[0].sum(axis=0))),
        other=float(compute(both[1].sum(axis=0))),
        interval=intervals.paired_interval(*both, compute),
        metric=metric,
        pvalue=pvalue,
        adjusted=pvalue,
        detectable=significance.detectable_difference(*both, compute),
    )


def adjusted(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The same pairs with p-values adjusted by Holm for all tests that were made."""
    pvalues = iter(significance.holm([one.pvalue for pair in pairs for one in pair.scores]))
    return tuple(
        replace(
            pair,
            scores=tuple(replace(one, adjusted=float(next(pvalues))) for one in pair.scores),
        )
        for pair in pairs
    )


def _recalls(first: Tested, other: Tested) -> tuple[Recall, ...]:
    both = np.stack([first.confusions, other.confusions], axis=1)
    lows, highs = intervals.bootstrap(both, intervals.differences(lambda labels: labels.recall))
    ours, theirs = per_class(both.sum(axis=0)).recall
    return tuple(
        Recall(
            first=float(ours[at]),
            other=float(theirs[at]),
            interval=Interval(float(lows[at]), float(highs[at])),
            label=label,
            utterances=int(both[:, 0, at].sum()),
        )
        for at, label in enumerate(first.labels)
    )
