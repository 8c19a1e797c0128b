"""Estimate the time that runs still take."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SHORTEST = 1.0  # seconds; a shorter fold had ended before its start was noticed


@dataclass
class _Mean:
    """The mean of seconds that are added and taken back, in constant time."""

    total: float = 0.0
    count: int = 0

    def add(self, seconds: float, count: int = 1) -> None:
        self.total += seconds * count
        self.count += count


class Forecast:
    """Estimate the time left from the folds that have ended and the pace of those that run.

    All folds of a group, such as a model on a corpus, are assumed to take the same time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._groups: dict[str, object] = {}  # by run
        self._todo: dict[object, int] = {}  # folds that have not ended, by group
        self._took: dict[object, _Mean] = defaultdict(_Mean)  # seconds of finished folds, by group
        self._paces: dict[object, _Mean] = defaultdict(_Mean)  # of running folds, by group
        self._every = _Mean()  # of all these folds
        # by fold: when it started, when it had last done nothing, which share is done, and the
        # seconds it takes at that pace
        self._running: dict[tuple[str, str], tuple[float, float, float, float | None]] = {}

    def add(self, run: str, group: object, todo: int, took: Sequence[float] = ()) -> None:
        """Add a run with `todo` folds to compute, and the seconds that finished folds took."""
        self._groups[run] = group
        self._todo[group] = self._todo.get(group, 0) + todo
        for seconds in took:
            self._add(self._took[group], seconds)

    def running(self, fold: tuple[str, str], share: float, now: float | None = None) -> None:
        """Note that a fold runs, and which share of it is done.

        What it does while the share is 0, such as imports, counts only once.

        Args:
            fold: the names of the run and of the fold.
            share: the share of the fold's work that is done, from 0 to 1.
            now: the time of this report, by the clock; the first report is the fold's start.
        """
        now = self._clock() if now is None else now
        started, began, *_ = self._running.get(fold, (now, now))
        self._forget_pace(fold)
        needed = began - started + (now - began) / share if share else None
        self._running[fold] = (started, began if share else now, share, needed)
        if needed:
            self._add(self._paces[self._groups.get(fold[0])], needed)

    def ended(self, fold: tuple[str, str], *, is_done: bool) -> None:
        """Note that a fold has finished or failed."""
        group = self._groups.get(fold[0])
        self._forget_pace(fold)
        started, *_ = self._running.pop(fold, (None,))
        self._todo[group] = self._todo.get(group, 0) - 1
        took = 0.0 if started is None else self._clock() - started
        if is_done and took > SHORTEST:
            self._add(self._took[group], took)

    def _add(self, mean: _Mean, seconds: float, count: int = 1) -> None:
        mean.add(seconds, count)
        self._every.add(seconds, count)

    def _forget_pace(self, fold: tuple[str, str]) -> None:
        if fold in self._running and (needed := self._running[fold][3]):
            self._add(self._paces[self._groups.get(fold[0])], needed, -1)

    @property
    def partly(self) -> float:
        """The sum of the done shares of all running folds."""
        return sum(share for _, _, share, _ in self._running.values())

    def fold_left(self, fold: tuple[str, str]) -> float | None:
        """Return the seconds that a running fold still needs; None if unknown."""
        started, _, _, needed = self._running[fold]
        if needed is None:
            needed = self._seconds(self._groups.get(fold[0]))
        return None if needed is None else max(0.0, needed - (self._clock() - started))

    def left(self) -> float | None:
        """Return the seconds until all folds have ended; None if no pace is known yet."""
        work = 0.0
        running: dict[object, int] = {}
        for fold in self._running:
            group = self._groups.get(fold[0])
            running[group] = running.get(group, 0) + 1
            work += self.fold_left(fold) or 0.0
        for group, todo in self._todo.items():
            waiting = todo - running.get(group, 0)
            if waiting > 0:
                seconds = self._seconds(group)
                if seconds is None:
                    return None
                work += waiting * seconds
        return work / max(1, len(self._running))

    def _seconds(self, group: object) -> float | None:
        """Return the seconds per fold of a group, or of all groups if this one has no times yet."""
        for known in (self._took.get(group), self._paces.get(group), self._every):
            if known is not None and known.count:
                return known.total / known.count
        return None
