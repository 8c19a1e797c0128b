"""How long an evaluation will take, from what was measured of its parts."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serbench import tables
from serbench.corpus import Fold
from serbench.evaluation.model_process import ALONE
from serbench.evaluation.pipeline import FEW

STEEP = 1.15  # powers below this are taken for straight lines with noise
STEEPEST = 3.0


@dataclass(frozen=True)
class Growth:
    """Times that were measured, and what they say of others.

    A straight line through the first and the last; where time grew faster than in proportion
    from the last but one to the last, it goes on like that power. Of one time alone: in
    proportion.

    Attributes:
        points: (how many, seconds), rising.
    """

    points: tuple[tuple[float, float], ...]

    def at(self, count: float) -> float:
        """Seconds for so many.

        >>> Growth(((10, 3.0), (20, 5.0))).at(100), Growth(((10, 1.0), (20, 4.0))).at(40)
        (21.0, 16.0)
        """
        last, seconds = self.points[-1]
        if count > last and self.power > STEEP:
            return seconds * float((count / last) ** min(self.power, STEEPEST))
        if len(self.points) == 1:
            return seconds * count / last
        first, at_first = self.points[0]
        return max(0.0, at_first + self.each * (count - first))

    @property
    def each(self) -> float:
        """Seconds for one more, by the straight line."""
        (first, at_first), (last, at_last) = self.points[0], self.points[-1]
        if first == last:
            return at_last / last
        return max(0.0, (at_last - at_first) / (last - first))

    @property
    def power(self) -> float:
        """Of the growth between the last two; 1 is in proportion, 0 is none."""
        if len(self.points) < 2:
            return 1.0
        (before, less), (last, more) = self.points[-2:]
        return math.log(more / less) / math.log(last / before) if less > 0 and more > 0 else 0.0


def fastest(function: Callable[[], object], seconds: float) -> float:
    """The shortest time that a call takes, of all within so many seconds, at least one.

    What else runs on the machine only ever makes a call slower.
    """
    best, end = math.inf, time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        function()
        now = time.perf_counter()
        best = min(best, now - started)
        if now + best > end:
            return best


def busy(times: Sequence[float], at_once: int) -> float:
    """Seconds until all are done, `at_once` at a time, in order.

    >>> busy([3, 3, 3], 2), busy([3, 3, 3], 1)
    (6.0, 9.0)
    """
    workers = [0.0] * max(1, at_once)
    for each in times:
        workers[workers.index(min(workers))] += each
    return max(workers)


@dataclass(frozen=True)
class Speed:
    """What was measured of a model, in seconds.

    Attributes:
        load: of the imports that the model's class needs.
        start: of a fold's processes, with these and all that is imported late.
        before: by training utterances, until the first epoch.
        epoch: by training utterances, of one epoch, validation apart.
        after: from the last epoch on, until the model is fitted.
        predict: of an utterance among others.
        alone: of an utterance on its own.
    """

    load: float
    start: float
    before: Growth
    epoch: Growth
    after: float
    predict: float
    alone: float

    @classmethod
    def of(cls, words: Mapping[str, Any], launched: float) -> "Speed":
        """Of what `trial.learn` returned, and when its process was launched."""
        held_out = words["held_out"] * words["predict"]
        fits = words["fits"]
        return cls(
            load=words["load"],
            # a process that checks the fold, and one for the model
            start=2 * (words["began"] - launched) + words["load"] + words["late"],
            before=Growth((tuple(words["half"]), *((n, before) for n, before, _, _ in fits))),
            epoch=Growth(tuple((n, max(0.0, epoch - held_out)) for n, _, epoch, _ in fits)),
            after=fits[-1][3],
            predict=words["predict"],
            alone=words["alone"],
        )


@dataclass(frozen=True)
class FrontEnd:
    """What was measured of decoding and of a feature, in seconds of one process.

    Attributes:
        start: of a process, with all that it imports.
        decode: of an utterance.
        extract: of an utterance.
        cores: how many processes there are, where a corpus is worth them.
    """

    start: float
    decode: float
    extract: float
    cores: int


@dataclass(frozen=True)
class Estimate:
    """How long an evaluation will take.

    Attributes:
        about: of what, in a line.
        parts: seconds of each, as they go by on the clock, in order.
    """

    about: str
    parts: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """In all."""
        return sum(self.parts.values())

    def __str__(self) -> str:
        rows = [[name, tables.duration(seconds)] for name, seconds in self.parts.items()]
        rows.append(["in all", tables.duration(self.seconds)])
        return f"estimate: {self.about}\n{tables.table(['part', 'time'], rows)}"


def estimate(
    name: str, folds: Sequence[Fold], epochs: int, at_once: int, front: FrontEnd, speed: Speed
) -> Estimate:
    """The time of an evaluation whose corpus has not been decoded yet.

    Early stopping may end it sooner.

    Args:
        name: of the model, the corpus and the protocol, in words.
        folds: of the protocol.
        epochs: of training, at most; 1 where a model has none.
        at_once: folds at a time.
        front: what was measured of what comes before.
        speed: what was measured of the model, with as many at a time.
    """
    rows = [_fold(fold, epochs, speed) for fold in folds]
    work = [sum(row.values()) for row in rows]
    clock = busy(work, at_once) / sum(work) if sum(work) else 0.0
    learned = sum(len(fold.train) for fold in folds) / len(folds)
    parts = {"planning": speed.load, **_front(folds, front)}
    parts |= {part: clock * sum(row[part] for row in rows) for part in rows[0]}
    most = f"at most {epochs} epochs" if epochs > 1 else "one epoch"
    about = f"{name}: {len(folds)} folds, {most} of {learned:.0f} utterances, {at_once} at a time"
    return Estimate(about, {part: seconds for part, seconds in parts.items() if seconds})


def _front(folds: Sequence[Fold], front: FrontEnd) -> dict[str, float]:
    count = len({one for fold in folds for one in (*fold.train, *fold.validation, *fold.test)})
    processes = front.cores if count > FEW else 1
    return {
        "starting the front end": front.start if processes > 1 else 0.0,
        f"decoding {count} utterances": count * front.decode / processes,
        "their features": count * front.extract / processes,
    }


def _fold(fold: Fold, epochs: int, speed: Speed) -> dict[str, float]:
    learned, held_out, tested = len(fold.train), len(fold.validation), len(fold.test)
    return {
        "starting folds": speed.start,
        "before the first epoch": speed.before.at(learned),
        "training": epochs * speed.epoch.at(learned) + speed.after,
        "validation in every epoch": epochs * held_out * speed.predict if epochs > 1 else 0.0,
        "prediction": (held_out + tested) * speed.predict + ALONE * speed.alone,
    }
