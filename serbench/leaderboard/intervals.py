"""The 95 % intervals of every metric of a run at once: a table of a thousand runs needs them all.

The numbers are those of `serbench.stats.speaker_interval`, from the same draws. All metrics follow
from three counts a label: how often it is right, how often answered, how often true; so that is
what is drawn and summed, not whole confusion matrices.
"""

import functools
from collections.abc import Mapping

import numpy as np

from serbench import stats
from serbench.metrics import METRICS, Floats, Matrix
from serbench.stats import Interval

REMEMBERED = 4096  # runs; each is needed to verify its card, and again for its row


def intervals(by_speaker: Matrix) -> Mapping[str, Interval]:
    """The interval of each of `METRICS`, pooled over all test utterances.

    Args:
        by_speaker: (speakers, labels, labels), one confusion matrix a speaker.

    >>> part = np.array([[5, 0], [0, 5]])
    >>> intervals(np.stack([part, part]))["f1"]
    Interval(low=1.0, high=1.0)
    """
    parts = np.stack(
        [
            np.diagonal(by_speaker, axis1=-2, axis2=-1),
            by_speaker.sum(axis=-2),
            by_speaker.sum(axis=-1),
        ],
        axis=1,
        dtype=np.float64,
    )
    return _remembered(parts.tobytes(), parts.shape)


@functools.lru_cache(maxsize=REMEMBERED)
def _remembered(cells: bytes, shape: tuple[int, ...]) -> Mapping[str, Interval]:
    low, high = stats.bootstrap(np.frombuffer(cells).reshape(shape), _every_metric)
    return {name: Interval(float(low[at]), float(high[at])) for at, name in enumerate(METRICS)}


def _every_metric(counts: Floats) -> Floats:
    """(rows, metrics) of counts (rows, 3, labels): right, answered, true; as `METRICS` has them."""
    right, answered, true = counts[:, 0], counts[:, 1], counts[:, 2]
    there = true > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(there, right / true, 0.0)
        precision = np.where(there & (answered > 0), right / answered, 0.0)
        f1 = np.where(there, 2 * right / (true + answered), 0.0)
        every, labels = true.sum(axis=1), there.sum(axis=1)
        accuracy = right.sum(axis=1) / every
        weighted = (true * f1).sum(axis=1) / every
        macro = [each.sum(axis=1) / labels for each in (recall, precision, f1)]
    return np.stack([accuracy, macro[0], macro[1], macro[0], macro[2], weighted], axis=1)
