"""Watch the tasks of a submission: their outcomes and messages on the disk, and the queue."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from serbench import Outcome, SerbenchError
from serbench.processes import Receive
from serbench_slurm import queue
from serbench_slurm.queue import Job
from serbench_slurm.record import Array, Record

GRACE = 5.0  # seconds that the outcome of an ended job may take to become visible here
FASTEST, SLOWEST = 1.0, 30.0  # seconds between two looks at the queue
SILENCE = 3600.0  # seconds for which the queue may fail to answer


class Watch:
    """The unfinished tasks of a submission.

    Args:
        folder: the folder of the submission.
        receive: called with each message of a task, and with its "stage" when that changes.
    """

    def __init__(self, folder: Path, receive: Receive):
        self._record, self._receive = Record(folder), receive
        self._arrays = self._record.arrays()
        self._open = {at for array in self._arrays for at in array.positions}
        self._read: dict[int, int] = {}  # bytes of messages, by position
        self._stages: dict[int, str] = {}
        self._gone: dict[int, float] = {}  # when a task without an outcome was seen to have ended
        self._succeeded: set[int] = set()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each task when it ends."""
        began = answered = time.monotonic()
        due, pause = began, FASTEST
        while self._open:
            yield from self._stored()
            if self._open and time.monotonic() >= due:
                before = dict(self._stages)
                try:
                    yield from self._looked()
                    answered = time.monotonic()
                except SerbenchError as error:  # slurmctld may be restarting
                    if time.monotonic() - answered > SILENCE:
                        raise
                    for position in self._open:
                        self._show(position, f"unknown: {error}")
                # a cluster's queue has many users: after ten minutes, at most one look in 10 s
                fastest = min(max((time.monotonic() - began) / 60, FASTEST), 10.0)
                pause = min(pause * 1.5, SLOWEST) if self._stages == before else fastest
                due = time.monotonic() + (min(pause, GRACE) if self._gone else pause)
            if self._open:
                time.sleep(min(pause / 4, 2.0))
        self._remove_logs()

    def _stored(self) -> Iterator[Outcome]:
        """Pass on new messages from the disk, and yield new outcomes."""
        ended = self._record.ended()
        for position in sorted(self._record.started() & self._open):
            start = self._read.get(position, 0)
            messages, self._read[position] = self._record.messages(position, start)
            for message in messages:
                if "attempt" not in message:
                    self._receive(position, message)
        for position in sorted(ended & self._open):
            outcome = self._record.outcome(position)
            if outcome is not None:
                yield self._end(outcome)

    def _looked(self) -> Iterator[Outcome]:
        """Look at the queue, and yield outcomes of tasks that ended without storing one."""
        arrays, found = known(self._record)
        ended = self._record.ended()
        unstartable = []
        for array in arrays:
            for index, position in enumerate(array.positions):
                job = found.get((array.job, index))
                if position not in self._open or position in ended:
                    continue
                if job is not None and not job.is_ended:
                    self._gone.pop(position, None)
                    self._show(position, job.stage)
                    continue
                since = self._gone.setdefault(position, time.monotonic())
                if time.monotonic() - since < GRACE:
                    continue
                if job is not None and job.state == "PENDING":
                    unstartable.append(f"{array.job}_{index}")
                if not array.job:
                    reason = "it was not queued, because the command was stopped; run it again"
                else:
                    end = "left the queue without an outcome; run the same command again"
                    end = end if job is None else job.end
                    reason = f"its job {array.job}_{index} {end}"
                    if job is not None and job.node:  # it has started
                        reason = f"{reason}; {self._record.last_lines(array.job, index)}"
                yield self._end(Outcome(position, None, reason))
        queue.cancel(unstartable)

    def _show(self, position: int, stage: str) -> None:
        if self._stages.get(position) != stage:
            self._stages[position] = stage
            self._receive(position, {"stage": stage})

    def _end(self, outcome: Outcome) -> Outcome:
        self._open.discard(outcome.item)
        self._gone.pop(outcome.item, None)
        if not outcome.error:
            self._succeeded.add(outcome.item)
        return outcome

    def _remove_logs(self) -> None:
        """Remove the logs of tasks that succeeded."""
        for array in self._record.arrays():
            for index, position in enumerate(array.positions):
                if position in self._succeeded:
                    self._record.log(array.job, index).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there are others, or no folder
            self._record.logs.rmdir()


def known(record: Record) -> tuple[list[Array], Mapping[tuple[str, int], Job]]:
    """Return the arrays of a submission, and the state of all array tasks of the user."""
    found, by_comment = queue.jobs()
    arrays = []
    for array in record.arrays():
        if not array.job and (job := by_comment.get(record.comment(array.number))):
            record.queued(array.number, job)  # the command was killed before it could
            array = dataclasses.replace(array, job=job)
        arrays.append(array)
    return arrays, found
