"""The measured speed of a model and of its front end, and the time of a fold at that speed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serbench.corpus import PARTS, Fold
from serbench.evaluation.folds.model_isolation import ALONE
from serbench.evaluation.inputs import FEW

STEEP = 1.15  # smaller powers are treated as a straight line with noise
STEEPEST = 3.0


@dataclass(frozen=True)
class Growth:
    """Times measured for rising counts, and an extrapolation to other counts.

    The extrapolation is a straight line through the first and the last point; beyond the last
    point, it is the power law of the last two points if that is steep. A single point is
    extrapolated in proportion.
    """

    points: Sequence[tuple[float, float]]  # (count, seconds), rising

    def at(self, count: float) -> float:
        """Return the seconds for a count.

        >>> Growth(((10, 3.0), (20, 5.0))).at(100), Growth(((10, 1.0), (20, 4.0))).at(40)
        (21.0, 16.0)
        """
        last, seconds = self.points[-1]
        if count > last and self.power > STEEP:
            return seconds * float((count / last) ** min(self.power, STEEPEST))
        if len(self.points) == 1:
            return seconds * count / last
        first, at_first = self.points[0]
        return max(0.0, at_first + self.slope * (count - first))

    @property
    def per_utterance(self) -> float:
        """Seconds per utterance at the largest count."""
        last, seconds = self.points[-1]
        return seconds / last

    @property
    def slope(self) -> float:
        """Seconds per additional utterance, by the straight line."""
        (first, at_first), (last, at_last) = self.points[0], self.points[-1]
        if first == last:
            return self.per_utterance
        return max(0.0, (at_last - at_first) / (last - first))

    @property
    def power(self) -> float:
        """The exponent of growth between the last two points: 1 is proportional, 0 is constant."""
        if len(self.points) < 2:
            return 1.0
        (before, less), (last, more) = self.points[-2:]
        return math.log(more / less) / math.log(last / before) if less > 0 and more > 0 else 0.0


def busy(times: Sequence[float], at_once: int) -> float:
    """Return the seconds until all tasks end that start in order, `at_once` at a time.

    >>> busy([3, 3, 3], 2), busy([3, 3, 3], 1)
    (6.0, 9.0)
    """
    workers = [0.0] * max(1, at_once)
    for seconds in times:
        workers[workers.index(min(workers))] += seconds
    return max(workers)


@dataclass(frozen=True)
class Speed:
    """The measured times of a model, in seconds, and its operations per utterance if counted."""

    load: float  # imports of the model's class
    start: float  # start of a fold's processes, with all imports
    before: Growth  # before the first epoch, by training utterances
    epoch: Growth  # one epoch without validation, by training utterances
    after: float  # from the last epoch to the end of the fit
    predict: float  # per utterance in a batch
    alone: float  # per utterance on its own
    precision: str = ""  # of the model's matrix products, if it states one
    flops: Mapping[str, float] = field(default_factory=dict)  # "training", "prediction"
    peak: float = 0.0  # operations per second of a matrix product in this precision
    saved: float = 0.0  # bytes of the model that `save` writes; 0 if it cannot be kept
    has_epochs: bool = True  # False: `epoch` is a whole fit, since the model reports no epochs
    is_extrapolated: bool = False  # from short utterances, by their number of operations

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> "Speed":
        """Return the speed from plain values that another process sent."""
        growths = {name: Growth(**message[name]) for name in ("before", "epoch")}
        return cls(**{**message, **growths})

    def parts(self, fold: Fold, epochs: int) -> dict[str, float]:
        """Return the seconds of the parts of a fold; early stopping may shorten it.

        Args:
            fold: the fold, with its utterances.
            epochs: the most epochs of training; 1 for a model without epochs.
        """
        epochs = epochs if self.has_epochs else 1
        learned, held_out, tested = (len(getattr(fold, part)) for part in PARTS)
        validated = epochs if epochs > 1 else 0
        return {
            "starting folds": self.start,
            "before the first epoch": self.before.at(learned),
            "training": epochs * self.epoch.at(learned) + self.after,
            "validation in every epoch": validated * held_out * self.predict,
            "prediction": (held_out + tested) * self.predict + ALONE * self.alone,
        }


@dataclass(frozen=True)
class FrontEnd:
    """The measured times of decoding and of a feature, in seconds of one process."""

    start: float  # start of a process, with its imports
    decode: float  # per utterance
    extract: float  # per utterance
    cores: int  # the number of processes for a large corpus
    size: float = 0.0  # stored bytes of an utterance's features

    def seconds(self, count: int) -> float:
        """Return the seconds until `count` utterances are decoded and their features stored."""
        processes = self.cores if count > FEW else 1
        start = self.start if processes > 1 else 0.0
        return start + count * (self.decode + self.extract) / processes if count else 0.0
