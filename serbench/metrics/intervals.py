"""Compute the uncertainty of a score: its spread over folds and its interval over speakers.

Utterances of one speaker are not independent, so speakers are resampled; trained models stay fixed.
All functions take one confusion matrix per speaker, (speakers, labels, labels), so that one matrix
product computes thousands of resamples. Tests between models are in
`serbench.metrics.significance`.

A `metric` computes scores (...) from the counts of each label (..., 3, labels), as those of
`METRICS` do; `level` is the probability of an interval to cover the truth; `seed` seeds draws.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.errors import BadParameter
from serbench.metrics.classification import (
    METRICS,
    Floats,
    Labels,
    Matrix,
    PerClass,
    by_group,
    every_metric,
    per_class,
)

CHUNK = 2**22  # cells computed at once: 32 MB of float64
REMEMBERED = 4096  # runs; intervals verify a run's card, and appear again in its row


class Interval(NamedTuple):
    """The ends of an interval; both nan where there are fewer than two speakers."""

    low: float
    high: float


class MeanStd(NamedTuple):
    """Mean and sample standard deviation; `std` is nan for a single value."""

    mean: float
    std: float


def mean_std(values: Sequence[float] | Floats) -> MeanStd:
    """Return mean and sample standard deviation over folds: sqrt(sum_i (x_i - mean)^2 / (n - 1)).

    The paper's Table II prints both, and does not say whether it divides by n - 1 or by n.

    >>> mean_std([1.0, 3.0])
    MeanStd(mean=2.0, std=1.4142135623730951)
    """
    array = np.asarray(values, dtype=np.float64)
    std = float(array.std(ddof=1)) if len(array) > 1 else math.nan
    return MeanStd(float(array.mean()), std)


def speaker_confusions(
    truth: Labels, prediction: Labels, speakers: Sequence[str], n_labels: int
) -> npt.NDArray[np.int64]:
    """Count utterances by label and speaker, (speakers, labels, labels), speakers sorted.

    >>> speaker_confusions(np.array([0, 1]), np.array([0, 0]), ["b", "a"], 2).tolist()
    [[[0, 0], [1, 0]], [[1, 0], [0, 0]]]

    Raises:
        SerbenchError: the lengths differ, or a label is not in 0 .. n_labels - 1.
    """
    counts = list(by_group(truth, prediction, speakers, n_labels).values())
    return np.array(counts, np.int64).reshape(-1, n_labels, n_labels)


def speaker_interval(
    confusions: Matrix,
    metric: Callable[[PerClass], Floats],
    *,
    level: float = 0.95,
    resamples: int = 5_000,
    seed: int = 0,
) -> Interval:
    """Return a confidence interval of a pooled score, by bootstrap over speakers.

    Speakers are drawn with replacement; the interval lies between quantiles of the scores of the
    resampled corpora. With S speakers the percentile interval is too narrow by about
    sqrt((S - 1) / S) z / t, so the quantiles are moved out to Phi(-t sqrt(S / (S - 1))), with t
    Student's quantile for S - 1 degrees of freedom. In simulations with easy and hard
    speakers, nominal 95 % intervals cover the truth in 93-94 % with 10 speakers (percentile: 89-91
    %), 95 % with 24 (94 %) and with 91, but 88 % with 4 (80 %): distrust a single fold's interval.
    Source: Hesterberg, What teachers should know about the bootstrap, The American Statistician,
    2015 (there: the expanded percentile interval).

    >>> from serbench.metrics.classification import accuracy
    >>> speaker_interval(np.array([[[5, 0], [0, 5]], [[5, 0], [0, 5]]]), accuracy)
    Interval(low=1.0, high=1.0)

    Raises:
        BadParameter: the level is not between 0 and 1, or `resamples` is below 1.
    """
    low, high = bootstrap(confusions, metric, level=level, resamples=resamples, seed=seed)
    return Interval(float(low), float(high))


def metric_intervals(confusions: Matrix) -> Mapping[str, Interval]:
    """Return the 95 % interval of each of `METRICS`: `speaker_interval` for all at once.

    >>> part = np.array([[5, 0], [0, 5]])
    >>> metric_intervals(np.stack([part, part]))["f1"]
    Interval(low=1.0, high=1.0)
    """
    counts = per_class(confusions).counts.astype(np.float64)
    return _remembered_intervals(counts.tobytes(), counts.shape, tuple(METRICS))


@functools.lru_cache(maxsize=REMEMBERED)
def _remembered_intervals(
    cells: bytes, shape: tuple[int, ...], names: tuple[str, ...]
) -> Mapping[str, Interval]:
    counts = np.frombuffer(cells).reshape(shape)  # (speakers, 3, labels)
    low, high = bootstrap(PerClass(counts), every_metric)
    return {name: Interval(float(low[at]), float(high[at])) for at, name in enumerate(names)}


def paired_interval(
    first: Matrix,
    second: Matrix,
    metric: Callable[[PerClass], Floats],
    *,
    level: float = 0.95,
    resamples: int = 5_000,
    seed: int = 0,
) -> Interval:
    """Return a confidence interval of how much better the first of two models is, over speakers.

    Like `speaker_interval`, for the difference of two pooled scores: a resampled corpus has the
    same speakers for both models, so that the effect of speakers who are hard for both cancels. In
    simulations it covers the truth in 93-95 % (docs/comparing.md). Source: Bisani and Ney,
    Bootstrap estimates for confidence intervals in ASR performance evaluation, 2004, with speakers
    as segments.

    >>> from serbench.metrics.classification import accuracy
    >>> good, bad = np.array([[[4, 0], [0, 4]]] * 5), np.array([[[2, 2], [2, 2]]] * 5)
    >>> paired_interval(good, bad, accuracy)
    Interval(low=0.5, high=0.5)

    Raises:
        BadParameter: the level is not between 0 and 1, or `resamples` is below 1.
    """
    both = np.stack([first, second], axis=1)
    difference = differences(metric)
    low, high = bootstrap(both, difference, level=level, resamples=resamples, seed=seed)
    return Interval(float(low), float(high))


def differences(metric: Callable[[PerClass], Floats]) -> Callable[[PerClass], Floats]:
    """Turn a metric into its difference between two models, from counts (..., 2, 3, labels)."""

    def difference(both: PerClass) -> Floats:
        scores = metric(both)
        gained: Floats = scores[:, 0] - scores[:, 1]
        return gained

    return difference


def bootstrap(
    confusions: Matrix | PerClass,
    statistic: Callable[[PerClass], Floats],
    *,
    level: float = 0.95,
    resamples: int = 5_000,
    seed: int = 0,
) -> Floats:
    """Return the ends of intervals over speakers for statistics of the counts of each label.

    See `speaker_interval` for the method and its source. An interval leaves out resamples in
    which its statistic is undefined (none of the speakers drawn has the label).

    Args:
        confusions: (speakers, ..., labels, labels), or their `per_class`.
        statistic: function from the counts of each label, (resamples, ..., 3, labels), to values
            (resamples, ...).
        level: the probability of an interval to cover the truth.
        resamples: how many corpora are drawn.
        seed: seed of the draws.

    Returns:
        (2, ...): low and high; nan with fewer than two speakers, or no defined resample.

    Raises:
        BadParameter: the level is not between 0 and 1, or `resamples` is below 1.
    """
    if not 0 < level < 1:
        raise BadParameter(f"level is {level}, but must be between 0 and 1: 0.95 for 95 %")
    if resamples < 1:
        raise BadParameter(f"resamples is {resamples}, but must be at least 1")
    counts = per_class(confusions).counts
    if len(counts) < 2:
        return np.full((2, *statistic(PerClass(counts[:1])).shape[1:]), math.nan)
    draws = _draws(len(counts), resamples, seed, counts[0].size)
    scores = np.concatenate([statistic(PerClass(weighted(rows, counts))) for rows in draws])
    tail = _expanded_tail((1 - level) / 2, len(counts))
    return _quantiles(scores, (tail, 1 - tail))


def _quantiles(scores: Floats, at: tuple[float, float]) -> Floats:
    """Return quantiles (2, ...) of scores (resamples, ...), each over its defined resamples."""
    undefined = np.isnan(scores)
    if not undefined.any():
        return np.quantile(scores, at, axis=0)
    ends = np.full((2, *scores.shape[1:]), math.nan)
    for place in np.ndindex(scores.shape[1:]):
        defined = scores[(slice(None), *place)][~undefined[(slice(None), *place)]]
        if len(defined):
            ends[(slice(None), *place)] = np.quantile(defined, at)
    return ends


def _draws(speakers: int, resamples: int, seed: int, cells: int) -> Iterator[Floats]:
    """Yield how often each speaker is drawn, (resamples, speakers), in chunks of resamples."""
    sizes = tuple(chunks(resamples, speakers + cells))
    if len(sizes) == 1:  # cached, since a table needs the same draws for every row
        yield _first_draws(speakers, resamples, seed)
        return
    rng = np.random.default_rng(seed)
    for size in sizes:
        yield _drawn(speakers, size, rng)


@functools.lru_cache(maxsize=3)
def _first_draws(speakers: int, resamples: int, seed: int) -> Floats:
    drawn = _drawn(speakers, resamples, np.random.default_rng(seed))
    drawn.setflags(write=False)
    return drawn


def _drawn(speakers: int, resamples: int, rng: np.random.Generator) -> Floats:
    drawn = rng.integers(speakers, size=(resamples, speakers))
    drawn += speakers * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * speakers)
    return counts.reshape(resamples, speakers).astype(np.float64)


def chunks(rows: int, cells: int) -> Iterator[int]:
    """Yield the sizes of chunks of rows to compute at once; each row has `cells` cells."""
    most = max(1, CHUNK // cells)
    for start in range(0, rows, most):
        yield min(most, rows - start)


def weighted(weights: Floats, parts: Matrix) -> Floats:
    """Return weighted sums (rows, ...) of parts (speakers, ...) for weights (rows, speakers)."""
    flat = parts.reshape(len(parts), -1).astype(np.float64)
    return (weights @ flat).reshape(len(weights), *parts.shape[1:])


def _expanded_tail(tail: float, speakers: int) -> float:
    quantile = student_quantile(1 - tail, speakers - 1)
    return NormalDist().cdf(-quantile * math.sqrt(speakers / (speakers - 1)))


def student_quantile(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t by Cornish-Fisher expansion (Abramowitz and Stegun, 26.7.5).

    With three or more degrees of freedom, the 97.5 % quantile is within 0.2 % of the exact one.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**order for order, term in enumerate(terms, start=1))
