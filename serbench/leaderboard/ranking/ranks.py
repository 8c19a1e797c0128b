"""Ranks with ties: who is ahead of whom, as far as so many speakers can tell.

A table sorted by score looks as if each row were better than the next. Here a row has a lower rank
only where a test says so, and the whole table is wrong that way in at most 5 of 100 such tables.

**The walk.** Models stand in the order of their scores. The first leads rank 1. Each model in turn
is tested against the leader of the current rank, and nobody else: by exchanging answers speaker by
speaker, macro F1 (`rare_pvalues.pvalue`). A model that is not significantly worse shares the rank,
one that is leads the next rank. So a rank says "not shown to be worse than its leader"; two models
of different ranks that were not tested against each other may still be alike.

**Significant** means: by Holm, for all n (n - 1) / 2 pairs of the table. Only n - 1 tests are made,
but which ones the scores decide, and the best of many equals against the worst of them is no test
picked in advance: counted as n - 1, twenty equal models would be told apart in 23 of 100 tables.
Pairs that are not tested count as p = 1, which can only make Holm's procedure reject less; so the
chance that any test tells equal models apart stays at most 5 %, whichever tests the walk makes.
With r of m pairs rejected, Holm rejects what is at most 0.05 / (m - r): the walk starts at 0.05 / m
and is made again while r grows.

Sources: Holm, A simple sequentially rejective multiple test procedure, 1979; that pairs of ordered
means need the range, not n - 1 tests: Tukey, The problem of multiple comparisons, 1953.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from serbench.metrics import rare_pvalues
from serbench.metrics.classification import Matrix, macro_f1
from serbench.metrics.significance import smallest_pvalue

LEVEL = 0.05

Pairwise = Callable[[int, int], float]
"""From the positions of two models to the p-value of their difference."""


@dataclass(frozen=True)
class PairTest:
    """The test of a model against the leader of a rank."""

    leader: int  # the leader's position, as given
    other: int  # the model's
    pvalue: float  # of exchanging their answers; not adjusted
    apart: bool  # whether it is significant, so that the model leads the next rank


@dataclass(frozen=True)
class Ranking:
    """The ranks of the models of one table."""

    ranks: tuple[int, ...]  # one a model, as given; 1 is best
    tests: tuple[PairTest, ...]  # those that were made, in the order of the scores
    threshold: float  # the p-value up to which two models are apart
    smallest: float  # the smallest p-value that so many speakers can give

    @property
    def separable(self) -> bool:
        """Whether so many speakers can tell any two models of such a table apart."""
        return self.smallest <= self.threshold


def rank(
    scores: Sequence[float], matrices: Sequence[Matrix], pairwise: Pairwise | None = None
) -> Ranking:
    """Rank models that were tested on the same utterances.

    Args:
        scores: one a model, for their order.
        matrices: of each model (speakers, labels, labels), confusions in the same order of
            speakers.
        pairwise: the test of two of them; by default `rare_pvalues.pvalue`.

    >>> good, bad = np.array([[[4, 0], [0, 4]]] * 30), np.array([[[2, 2], [2, 2]]] * 30)
    >>> rank([0.5, 1.0, 1.0], [bad, good, good]).ranks
    (2, 1, 1)
    >>> rank([0.5, 1.0], [bad[:5], good[:5]]).ranks  # five speakers show nothing
    (1, 1)
    """
    compare = pairwise or (lambda one, other: rare_pvalues.pvalue(matrices[one], matrices[other]))
    pairs = len(scores) * (len(scores) - 1) // 2
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], at))
    smallest = smallest_pvalue(len(matrices[0])) if matrices else 1.0
    threshold = LEVEL / max(pairs, 1)
    if smallest > threshold:  # no test could matter
        return Ranking((1,) * len(scores), (), threshold, smallest)
    pooled = macro_f1(np.stack([matrix.sum(axis=0) for matrix in matrices]))
    pvalues: dict[tuple[int, int], float] = {}

    def against(leader: int, other: int) -> float:
        """Test a pair once; return 1 where the pooled score, which is tested, favours the other."""
        if (leader, other) not in pvalues:
            better = pooled[leader] > pooled[other]
            pvalues[leader, other] = compare(leader, other) if better else 1.0
        return pvalues[leader, other]

    while True:
        ranks, tests = _walk(order, against, threshold)
        rejected = _rejections(sorted(pvalues.values()), pairs)
        if (higher := LEVEL / max(pairs - rejected, 1)) <= threshold:
            return Ranking(ranks, tests, threshold, smallest)
        threshold = higher


def _walk(
    order: Sequence[int], against: Pairwise, threshold: float
) -> tuple[tuple[int, ...], tuple[PairTest, ...]]:
    """Return the ranks and tests of one walk; p-values up to `threshold` are significant."""
    ranks, tests, leader = [1] * len(order), [], order[0]
    for other in order[1:]:
        pvalue = against(leader, other)
        tests.append(PairTest(leader, other, pvalue, pvalue <= threshold))
        ranks[other] = ranks[leader] + tests[-1].apart
        leader = other if tests[-1].apart else leader
    return tuple(ranks), tuple(tests)


def _rejections(pvalues: Sequence[float], pairs: int) -> int:
    """Return how many sorted p-values Holm rejects; all pairs not among them have p = 1.

    >>> _rejections([0.01, 0.024, 0.06], 3)
    2
    """
    held = (at for at, pvalue in enumerate(pvalues) if pvalue > LEVEL / (pairs - at))
    return next(held, len(pvalues))
