"""Engines: the smallest one, a queue that needs no driver, and one that computes nothing."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from serbench import BadParameter, Needs, Outcome, Task, replacing, run_task
from serbench.evaluation.plan import Job


class Sequential:
    """Runs one task after the other, on this machine."""

    extraction = "driver"

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Run all tasks."""
        failed = set()
        for position, task in enumerate(tasks):
            if failed & set(task.after):
                outcome = Outcome(position, None, "a task before it failed")
            else:
                outcome = run_task(task.message, partial(receive, position))
            if outcome.error:
                failed.add(position)
            yield replace(outcome, item=position)


class Remote(Sequential):
    """Runs one task after the other, as on a machine that shares no folder with the driver."""

    extraction = "fold"

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Run all tasks."""
        for position, task in enumerate(tasks):
            outcome = run_task(task.message, partial(receive, position), shares_folders=False)
            yield replace(outcome, item=position)


class Queue:
    """Runs tasks in a process that needs no driver: it reads and writes files in a folder."""

    extraction = "task"

    def __init__(self, *, most: int = 1000, idle: bool = False):
        if most < 1:
            raise BadParameter(f"most is {most}, but must be 1 or more")
        self.most, self.idle = most, idle  # an idle queue starts no task

    def submit(self, tasks: Sequence[Task], folder: Path) -> None:
        """Start the process."""
        if len(tasks) > self.most:
            raise BadParameter(f"the queue takes at most {self.most} tasks, not {len(tasks)}")
        (folder / "tasks.json").write_text(json.dumps([asdict(task) for task in tasks]))
        if self.idle:
            return
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            )
        (folder / "process").write_text(str(process.pid))

    def follow(self, folder: Path, receive: Any) -> Iterator[Outcome]:
        """Read what the process writes."""
        waiting = dict.fromkeys(range(len(_tasks(folder))), 0)  # lines read, by position
        while waiting:
            for position in list(waiting):
                is_done = (folder / f"{position}.outcome").exists()
                messages = folder / f"{position}.messages"
                lines = messages.read_text().splitlines() if messages.exists() else []
                for line in lines[waiting[position] :]:
                    receive(position, json.loads(line))
                waiting[position] = len(lines)
                if is_done:
                    del waiting[position]
                    yield Outcome(**json.loads((folder / f"{position}.outcome").read_text()))
            time.sleep(0.05)

    def cancel(self, folder: Path) -> None:
        """End the process, with which its task ends; there may be none, or none any more."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(int((folder / "process").read_text()), signal.SIGKILL)

    def states(self, folder: Path) -> Mapping[int, str]:
        """Return "runs" or "waits"."""
        return {
            position: "runs" if (folder / f"{position}.messages").exists() else "waits"
            for position in range(len(_tasks(folder)))
            if not (folder / f"{position}.outcome").exists()
        }


def _tasks(folder: Path) -> list[Task]:
    rows = json.loads((folder / "tasks.json").read_text())
    return [Task(**{**row, "needs": Needs(**row["needs"])}) for row in rows]


def _serve(folder: Path) -> None:
    """Run the tasks in a folder."""
    files: list[Any] = []

    def receive(position: int, message: Any) -> None:
        print(json.dumps(message), file=files[-1], flush=True)

    def opening() -> Iterator[Task]:
        for position, task in enumerate(_tasks(folder)):
            files.append((folder / f"{position}.messages").open("a"))
            yield task

    for outcome in Sequential().run(opening(), receive):  # type: ignore[arg-type]
        with replacing(folder / f"{outcome.item}.outcome") as path:
            path.write_text(json.dumps({**asdict(outcome), "files": {}}))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))


class Instant:
    """Copies the results of a run that was computed, with the configuration and pins of the job."""

    extraction = "driver"

    def __init__(self, *, run: str = ""):
        self.folder = Path(run)

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Write a valid result for each fold, and compute nothing."""
        results = [path.read_bytes() for path in sorted(self.folder.glob("*.safetensors"))]
        for position, task in enumerate(tasks):
            job = Job.of(task.message["item"])
            raw = results[job.fold]
            start = 8 + int.from_bytes(raw[:8], "little")  # of the arrays
            header = json.loads(raw[8:start])
            facts = json.loads(header["__metadata__"]["serbench"])
            facts |= {"config": job.config.stored(), "pins": dict(job.pins)}
            header["__metadata__"]["serbench"] = json.dumps(facts)
            text = json.dumps(header).encode()
            text += b" " * (-len(text) % 8)
            Path(job.result).write_bytes(len(text).to_bytes(8, "little") + text + raw[start:])
            yield Outcome(position, {})
