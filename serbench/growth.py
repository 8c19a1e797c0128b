"""How the time of a computation grows with how much there is to compute."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
