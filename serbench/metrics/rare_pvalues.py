"""Compute p-values far below 1e-4 for the ranks of a long table, by importance sampling.

`serbench.metrics.significance` draws 10,000 exchanges at random, so that no p-value is below
1e-4. A table of a thousand models has half a million pairs and needs p-values of 1e-7. This module
computes the same test for macro F1: it draws exchanges mostly where the difference is large, and
weights them to compensate.
"""

import functools
import math

import numpy as np

from serbench.metrics.classification import Floats, Matrix, PerClass, per_class
from serbench.metrics.significance import (
    EXACT,
    ROUNDING,
    all_exchanges,
    require_same_utterances,
)

DRAWS = 2_000  # p-values are within 5 % of the exact ones, tiny ones within 20 %
TILTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0)
"""How far exchanges are pushed, roughly in standard deviations of the exchanged difference.

The first tilt, 0, keeps every weight below the number of tilts.
"""


def pvalue(first: Matrix, second: Matrix, *, draws: int = DRAWS, seed: int = 0) -> float:
    """Return the p-value of `significance.paired_permutation` for macro F1, however small.

    Exact, from all 2^S exchanges, with up to 12 speakers. With more speakers, exchanges are
    drawn from a mixture that pushes every speaker's predictions, by various strengths, to where
    they enlarge the difference. Exchanges have weights w = P(exchange) / Q(exchange), P uniform and
    Q the mixture: p = (w_0 + sum_i w_i [|d_i| >= |d_0|]) / (1 + draws), with d_0 the observed
    difference. Since the observed exchange is included, the test is valid with any number of draws:
    if the models were alike, p <= a would have a probability of at most a. This requires that Q
    depends only on the unordered pairs of predictions.

    Source: Harrison, Conservative hypothesis tests and confidence intervals using importance
    sampling, Biometrika, 2012.

    >>> good, bad = np.array([[[4, 0], [0, 4]]] * 30), np.array([[[2, 2], [2, 2]]] * 30)
    >>> bool(1e-9 < pvalue(good, bad) < 3e-9), 2**-29
    (True, 1.862645149230957e-09)

    Raises:
        SerbenchError: the models were not scored on the same utterances.
    """
    require_same_utterances(first, second, "ranked together")
    if not first.any():  # no speaker has a test utterance
        return 1.0
    halves, middle, truth = _halves(first, second)
    observed = abs(_differences(halves.sum(axis=0)[None], middle, truth)[0]) - ROUNDING
    if len(halves) <= EXACT:
        moved = (2 * all_exchanges(len(halves)) - 1) @ halves
        return float((np.abs(_differences(moved, middle, truth)) >= observed).mean())
    pushes = _slopes(middle, truth) @ halves.T  # (speakers,), each one's part of the difference
    signs, upwards = _tilted(np.abs(pushes), draws, seed), np.where(pushes < 0, -1.0, 1.0)
    differences = np.abs(_differences(signs @ (halves * upwards[:, None]), middle, truth))
    sums = np.append(signs @ np.abs(pushes), pushes.sum())
    weights = _weights(sums, np.abs(pushes))
    share = (weights[-1] + weights[:-1][differences >= observed].sum()) / (1 + draws)
    return min(1.0, float(share))  # the weighted share may slightly exceed 1


def _halves(first: Matrix, second: Matrix) -> tuple[Floats, Floats, Floats]:
    """Return half of each speaker's difference in counts, the models' mean counts, and the truth.

    Macro F1 needs only how often each label is predicted, and how often correctly: columns are the
    hits of each label, then its predictions, (speakers, 2 labels) and (2 labels,); the truth is
    (labels,). Labels that are never true are left out.
    """
    truth = first.sum(axis=(0, -1)).astype(np.float64)
    present = np.flatnonzero(truth)

    def columns(labels: PerClass) -> Floats:
        return np.hstack([labels.hits[:, present], labels.predicted[:, present]]).astype(np.float64)

    ours, theirs = columns(per_class(first)), columns(per_class(second))
    return (ours - theirs) / 2, (ours + theirs).sum(axis=0) / 2, truth[present]


def _differences(moved: Floats, middle: Floats, truth: Floats) -> Floats:
    """Return the differences (rows,) in macro F1 of models at middle + moved and middle - moved.

    See `serbench.metrics.classification.macro_f1` for the score and its source.
    """
    labels = len(truth)
    base = truth + middle[labels:]
    hits, predicted = moved[:, :labels], moved[:, labels:]
    # 2 (h + x) / (b + y) - 2 (h - x) / (b - y), as one division
    above = 4 * (hits * base - predicted * middle[:labels])
    differences: Floats = (above / (base**2 - predicted**2)).mean(axis=1)
    return differences


def _slopes(middle: Floats, truth: Floats) -> Floats:
    """Return how much the difference grows per unit moved in each column, (2 labels,)."""
    labels = len(truth)
    base = truth + middle[labels:]
    slopes: Floats = 4 / labels * np.concatenate([1 / base, -middle[:labels] / base**2])
    return slopes


@functools.lru_cache(maxsize=1)
def _uniform(draws: int, speakers: int, seed: int) -> tuple[Floats, tuple[int, ...]]:
    """Draw uniform numbers (draws, speakers) and how many rows each tilt gets, for all pairs.

    Rows with the same tilt are together, since the order of draws does not matter.
    """
    rng = np.random.default_rng(seed)
    rows = rng.multinomial(draws, [1 / len(TILTS)] * len(TILTS))
    return rng.random((draws, speakers)), tuple(rows.tolist())


def _tilted(sizes: Floats, draws: int, seed: int) -> Floats:
    """Draw signs (draws, speakers): 1 where a speaker raises the difference, else -1."""
    uniform, rows = _uniform(draws, len(sizes), seed)
    odds = 1 / (1 + np.exp(-2 * _strengths(sizes)[:, None] * sizes))  # (tilts, speakers)
    signs = np.empty_like(uniform)
    starts = np.cumsum([0, *rows])
    for start, end, chances in zip(starts[:-1], starts[1:], odds, strict=True):
        signs[start:end] = np.where(uniform[start:end] < chances, 1.0, -1.0)
    return signs


def _strengths(sizes: Floats) -> Floats:
    """Return strengths (tilts,): a speaker is pushed with odds exp(2 strength size)."""
    spread = math.sqrt(float((sizes**2).sum()))
    return np.array(TILTS) / spread if spread > 0 else np.zeros(len(TILTS))


def _weights(sums: Floats, sizes: Floats) -> Floats:
    """Return P / Q (rows,) of exchanges from the sums (rows,) of their signed sizes.

    A tilt of strength k draws an exchange with the sum s with the probability
    2^-S exp(k s) / prod_i cosh(k size_i). An exchange and its opposite differ equally, so each
    stands for both, and cosh(k s) replaces exp(k s).
    """
    strengths = _strengths(sizes)
    scale = _log_cosh(strengths[:, None] * sizes).sum(axis=1)  # (tilts,)
    logs = _log_cosh(strengths * sums[:, None]) - scale  # (rows, tilts)
    weights: Floats = len(TILTS) / np.exp(logs).sum(axis=1)
    return weights


def _log_cosh(values: Floats) -> Floats:
    sizes = np.abs(values)
    logs: Floats = sizes + np.log1p(np.exp(-2 * sizes)) - math.log(2)
    return logs
