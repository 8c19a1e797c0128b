"""Run one task within a Slurm job: `python -P -m serbench_slurm.job FOLDER POSITION`."""

import os
import platform
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from serbench import Outcome, SerbenchError, run_task
from serbench_slurm import queue
from serbench_slurm.record import Record

RESTARTS = 100  # at most, of a task that gets further in every attempt


class _TimeLimit(BaseException):  # no plugin catches it
    """The job's time is nearly over."""


def _stop(*_: object) -> NoReturn:
    raise _TimeLimit


def main(folder: Path, position: int) -> int:
    """Run a task, and return the exit code of its job: 0 lets dependent tasks start."""
    record = Record(folder)
    task = record.task(position)
    attempt = int(os.environ.get("SLURM_RESTART_COUNT", 0))
    earlier, _ = record.messages(position)
    outcome = record.outcome(position)
    if outcome is not None and not outcome.error:  # a finished job that was requeued by hand
        return 0
    print(f"{task['name']}: attempt {attempt + 1}, on {platform.node()}", flush=True)
    record.append(position, {"attempt": attempt})
    try:
        signal.signal(signal.SIGUSR1, _stop)
        outcome = run_task(task["message"], lambda message: record.append(position, message))
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    except _TimeLimit:
        outcome = _out_of_time(record, position, attempt, _reached(earlier))
    if outcome is None:
        return 1
    if outcome.error:
        print(outcome.error, flush=True)
        attempts, _ = record.messages(position)
        if any(message.get("attempt", 0) > attempt for message in attempts):
            return 1  # its node was declared lost, and the task has started elsewhere
    hint = outcome.error.replace("try fewer --jobs", "ask for more: --engine-option memory=GB")
    record.end(position, Outcome(position, outcome.result, hint))
    return 1 if outcome.error else 0


def _out_of_time(record: Record, position: int, attempt: int, before: int) -> Outcome | None:
    """Requeue the job if its task got further; else return the outcome of the task."""
    messages, _ = record.messages(position)
    error = "reached its time limit; ask for more with --engine-option time=MINUTES"
    if _reached(messages) > before and attempt < RESTARTS:
        job = "{SLURM_ARRAY_JOB_ID}_{SLURM_ARRAY_TASK_ID}".format_map(os.environ)
        try:
            queue.requeue(job)
        except SerbenchError as failure:
            error = f"{error} ({failure})"
        else:
            print("the time limit is near: back to the queue, to go on later", flush=True)
            return None
    elif attempt:
        error = f"{error} (attempt {attempt + 1} got no further than attempt {attempt})"
    return Outcome(position, None, error)


def _reached(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return the last epoch, or the largest number of audio batches decoded in one attempt."""
    reached = batches = 0
    for message in messages:
        batches = 0 if "attempt" in message else batches + ("digests" in message)
        reached = max(reached, batches, message.get("epoch", 0))
    return reached


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
