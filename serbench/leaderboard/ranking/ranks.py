"""Ranks with ties: models are ranked apart only where a test on the speakers tells them apart.

A table sorted by score looks as if each row were better than the next. Here a row has a lower rank
only if a test shows that it is worse; at most 5 of 100 tables contain a false difference.

**The walk.** Models are taken in the order of their scores. The first leads rank 1. Each next model
is tested only against the leader of the current rank: by macro F1, exchanging predictions speaker
by speaker (`rare_pvalues.pvalue`). A model that is not significantly worse shares the rank; one
that is worse leads the next rank. So a rank means "not shown to be worse than its leader"; two
models of different ranks that were not tested against each other may still be equally good.

**Significant** means: by Holm, for all n (n - 1) / 2 pairs of the table. Only n - 1 tests are made,
but the scores decide which, and a test of the best against the worst of many equal models was not
chosen in advance: adjusted for n - 1 tests, 23 of 100 tables of twenty equal models would contain a
false difference. Pairs that are not tested count as p = 1, which can only make Holm's procedure
reject less; so the chance of any false difference is at most 5 %, whichever tests the walk makes.
With r of m pairs rejected, Holm rejects p-values up to 0.05 / (m - r): the walk starts at 0.05 / m
and is repeated while r grows.

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

    leader: int  # position of the leader in the arguments of `rank`
    other: int  # position of the model
    pvalue: float  # of exchanging their predictions; not adjusted
    apart: bool  # whether it is significant, so that the model leads the next rank


@dataclass(frozen=True)
class Ranking:
    """The ranks of the models of one table."""

    ranks: tuple[int, ...]  # one per model, in the order of the arguments of `rank`; 1 is best
    tests: tuple[PairTest, ...]  # all tests of the walk, in the order of the scores
    threshold: float  # the largest p-value that is significant
    smallest: float  # the smallest p-value that is possible with this number of speakers

    @property
    def separable(self) -> bool:
        """Whether there are enough speakers to tell any two models of the table apart."""
        return self.smallest <= self.threshold


def rank(
    scores: Sequence[float], matrices: Sequence[Matrix], pairwise: Pairwise | None = None
) -> Ranking:
    """Rank models that were tested on the same utterances.

    Args:
        scores: one per model; they decide the order.
        matrices: confusion matrices of each model, (speakers, labels, labels), with the speakers
            in the same order.
        pairwise: function that tests two models; by default `rare_pvalues.pvalue`.

    >>> good, bad = np.array([[[4, 0], [0, 4]]] * 30), np.array([[[2, 2], [2, 2]]] * 30)
    >>> rank([0.5, 1.0, 1.0], [bad, good, good]).ranks
    (2, 1, 1)
    >>> rank([0.5, 1.0], [bad[:5], good[:5]]).ranks  # five speakers show nothing
    (1, 1)
    """
    compare = pairwise or (lambda a, b: rare_pvalues.pvalue(matrices[a], matrices[b]))
    pairs = len(scores) * (len(scores) - 1) // 2
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], at))
    smallest = smallest_pvalue(len(matrices[0])) if matrices else 1.0
    threshold = LEVEL / max(pairs, 1)
    if smallest > threshold:  # no test could matter
        return Ranking((1,) * len(scores), (), threshold, smallest)
    pooled = macro_f1(np.stack([matrix.sum(axis=0) for matrix in matrices]))
    pvalues: dict[tuple[int, int], float] = {}

    def against(leader: int, other: int) -> float:
        """Test a pair once; return 1 if the tested score, pooled F1, favours `other`."""
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
    """Return how many sorted p-values Holm rejects; all other pairs have p = 1.

    >>> _rejections([0.01, 0.024, 0.06], 3)
    2
    """
    not_rejected = (at for at, pvalue in enumerate(pvalues) if pvalue > LEVEL / (pairs - at))
    return next(not_rejected, len(pvalues))
