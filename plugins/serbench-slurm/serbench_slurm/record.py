"""The files of a submission on the shared disk: arrays, tasks, messages, outcomes and logs."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serbench import Outcome, SerbenchError, Task, replacing

LAST = 20  # lines of a log that are shown


@dataclass(frozen=True)
class Array:
    """A job array: index `i` runs the task at `positions[i]`.

    Attributes:
        number: its number among the arrays of the submission.
        positions: the positions of its tasks.
        job: the id that Slurm gave it; "" if it may not be in the queue.
    """

    number: int
    positions: tuple[int, ...]
    job: str = ""


class Record:
    """The files below one folder. Jobs write outcomes atomically, and append messages."""

    def __init__(self, folder: Path):
        self.folder = folder
        # beside the folder, which is removed once every task has ended
        self.logs = folder.with_name(f"{folder.name}.logs")

    def write(self, tasks: Sequence[Task], arrays: Sequence[Sequence[int]]) -> None:
        """Write the files that the jobs read; `arrays` has the positions of each array's tasks."""
        with replacing(self.folder / "arrays.json") as temporary:
            temporary.write_text(json.dumps(arrays))
        for name in ("tasks", "messages", "outcomes", "jobs"):
            (self.folder / name).mkdir()
        self.logs.mkdir()
        for position, task in enumerate(tasks):
            path = self.folder / "tasks" / f"{position}.json"
            path.write_text(json.dumps({"name": task.name, "message": task.message}))

    def comment(self, number: int) -> str:
        """Return the comment that identifies an array in the queue."""
        return f"serbench {self.folder.name}/{number}"

    def arrays(self) -> list[Array]:
        """Return the arrays, with their job ids if known."""
        try:
            planned = self._read("arrays.json")
        except FileNotFoundError:  # the command ended before it queued anything
            return []
        return [
            Array(number, tuple(positions), self._job(number))
            for number, positions in enumerate(planned)
        ]

    def _job(self, number: int) -> str:
        try:
            return (self.folder / "jobs" / str(number)).read_text()
        except FileNotFoundError:
            return ""

    def queued(self, number: int, job: str) -> None:
        """Store the id that Slurm gave an array."""
        with replacing(self.folder / "jobs" / str(number)) as temporary:
            temporary.write_text(job)

    def task(self, position: int) -> Mapping[str, Any]:
        """Return the name and the message of a task."""
        return dict(self._read(f"tasks/{position}.json"))

    def ended(self) -> set[int]:
        """Return the positions of the tasks with an outcome."""
        return {int(name.removesuffix(".json")) for name in _names(self.folder / "outcomes")}

    def outcome(self, position: int) -> Outcome | None:
        """Return the outcome of a task; None if there is none."""
        try:
            stored = self._read(f"outcomes/{position}.json")
        except FileNotFoundError:
            return None
        return Outcome(position, stored["result"], stored["error"])

    def end(self, position: int, outcome: Outcome) -> None:
        """Store the outcome of a task."""
        with replacing(self.folder / "outcomes" / f"{position}.json") as temporary:
            temporary.write_text(json.dumps({"result": outcome.result, "error": outcome.error}))

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text())
        except ValueError as error:
            raise SerbenchError(
                f"{self.folder / name} is damaged ({error}): end the jobs of this submission with "
                f"scancel, remove the folder {self.folder}, and run the same command again"
            ) from error

    def started(self) -> set[int]:
        """Return the positions of the tasks that have begun."""
        return {int(name.removesuffix(".jsonl")) for name in _names(self.folder / "messages")}

    def append(self, position: int, message: Mapping[str, Any]) -> None:
        """Append a message of a task."""
        with (self.folder / "messages" / f"{position}.jsonl").open("a") as file:
            file.write(json.dumps(message) + "\n")

    def messages(self, position: int, start: int = 0) -> tuple[list[Mapping[str, Any]], int]:
        """Return the complete messages of a task from byte `start` on, and where they end."""
        try:
            with (self.folder / "messages" / f"{position}.jsonl").open("rb") as file:
                file.seek(start)
                text, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return [], start
        return list(_parsed(text)), start + len(text) + (1 if text else 0)

    def log(self, job: str, index: int) -> Path:
        """Return the log of a task."""
        return self.logs / f"{job}_{index}.log"

    def last_lines(self, job: str, index: int) -> str:
        """Return the path and the last lines of a job's log."""
        path = self.log(job, index)
        try:
            lines = path.read_text(errors="replace").splitlines()[-LAST:]
        except OSError:
            return f"there is no log {path}: is its folder on a disk that all nodes share?"
        return "\n".join([f"its log {path} {'ends:' if lines else 'is empty'}", *lines])


def _parsed(text: bytes) -> Iterator[Mapping[str, Any]]:
    for line in text.splitlines():
        try:
            message = json.loads(line)
        except ValueError:  # cut off, where a node was lost
            continue
        yield message


def _names(folder: Path) -> list[str]:
    """Return the names of the complete files of a folder; listing it also refreshes NFS."""
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except FileNotFoundError:
        return []
