"""Estimate how long an evaluation takes from the measured times of its parts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serbench import tables
from serbench.corpus import PARTS, Fold
from serbench.evaluation.inputs import FEW
from serbench.evaluation.model_isolation import ALONE

STEEP = 1.15  # smaller powers count as straight lines with noise
STEEPEST = 3.0


@dataclass(frozen=True)
class Growth:
    """Times measured for rising counts, and an extrapolation to other counts.

    A straight line through the first and the last point; beyond the last one, the power law of the
    last two points if it is steep. A single point is extrapolated in proportion.
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
        """The power of growth between the last two points: 1 is proportional, 0 is constant."""
        if len(self.points) < 2:
            return 1.0
        (before, less), (last, more) = self.points[-2:]
        return math.log(more / less) / math.log(last / before) if less > 0 and more > 0 else 0.0


def busy(times: Sequence[float], at_once: int) -> float:
    """Return the seconds until tasks of these times end, run in order and `at_once` at a time.

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
    precision: str = ""  # of matrix products, if the model states it
    flops: Mapping[str, float] = field(default_factory=dict)  # "training", "prediction"
    peak: float = 0.0  # operations per second of a matrix product in this precision

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> "Speed":
        """Return the speed from another process's plain values."""
        growths = {name: Growth(**message[name]) for name in ("before", "epoch")}
        return cls(**{**message, **growths})


@dataclass(frozen=True)
class FrontEnd:
    """The measured times of decoding and of a feature, in seconds of one process."""

    start: float  # start of a process, with its imports
    decode: float  # per utterance
    extract: float  # per utterance
    cores: int  # the number of processes for a large corpus


@dataclass(frozen=True)
class Estimate:
    """How long an evaluation will take: seconds of its parts, in order. Prints as a table."""

    about: str
    parts: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """The total of the parts."""
        return sum(self.parts.values())

    def __str__(self) -> str:
        rows = [[name, tables.duration(seconds)] for name, seconds in self.parts.items()]
        rows.append(["in all", tables.duration(self.seconds)])
        return f"estimate: {self.about}\n{tables.table(['part', 'time'], rows)}"


def estimate(
    name: str, folds: Sequence[Fold], epochs: int, at_once: int, front: FrontEnd, speed: Speed
) -> Estimate:
    """Estimate the time of an evaluation, decoding of the corpus included.

    Early stopping may make it shorter.

    Args:
        name: the model, the corpus and the protocol, in words.
        folds: the protocol's folds.
        epochs: the most epochs of training; 1 for a model without epochs.
        at_once: the number of folds at a time.
        front: measured times of the front end.
        speed: measured times of the model, with `at_once` processes at a time.
    """
    validated = epochs if epochs > 1 else 0
    rows = []
    for fold in folds:
        learned, held_out, tested = (len(getattr(fold, part)) for part in PARTS)
        rows.append(
            {
                "starting folds": speed.start,
                "before the first epoch": speed.before.at(learned),
                "training": epochs * speed.epoch.at(learned) + speed.after,
                "validation in every epoch": validated * held_out * speed.predict,
                "prediction": (held_out + tested) * speed.predict + ALONE * speed.alone,
            }
        )
    work = [sum(row.values()) for row in rows]
    clock = busy(work, at_once) / sum(work) if sum(work) else 0.0
    count = len({id_ for fold in folds for part in PARTS for id_ in getattr(fold, part)})
    processes = front.cores if count > FEW else 1
    parts = {
        "planning": speed.load,
        "starting the front end": front.start if processes > 1 else 0.0,
        f"decoding {count} utterances": count * front.decode / processes,
        "their features": count * front.extract / processes,
        **{part: clock * sum(row[part] for row in rows) for part in rows[0]},
    }
    most = f"at most {epochs} epochs" if epochs > 1 else "one epoch"
    mean = sum(len(fold.train) for fold in folds) / len(folds)
    about = f"{name}: {len(folds)} folds, {most} of {mean:.0f} utterances, {at_once} at a time"
    return Estimate(about, {part: seconds for part, seconds in parts.items() if seconds})
