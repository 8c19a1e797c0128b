"""Record tasks in an engine's queue, so that later commands find them."""

import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from serbench.contracts import DetachableEngine, Task
from serbench.errors import SerbenchError
from serbench.escaping import one_line
from serbench.files import lock, replacing
from serbench.parameters import checked, settable
from serbench.plugins import registry
from serbench.plugins.guarded_import import guarded

SCHEMA = 1
FOLDER = ".submitted"


@dataclass(frozen=True)
class Queued:
    """A task of a submission: its name and, if it is a fold, its place."""

    name: str
    run: str = ""  # the run's name
    fold: str = ""  # the fold's name
    result: str = ""  # the file that the fold writes; in a record, relative to the results
    after: tuple[int, ...] = ()  # as `Task.after`
    keep_model: bool = False
    extras: Sequence[str] = ()  # the folders of its extra test sets, as in `ExtraSet.folder`


@dataclass(frozen=True, eq=False)
class Submission:
    """Tasks in a queue, and the engine that put them there."""

    folder: Path
    engine: str
    options: Mapping[str, object]
    detached: bool  # Ctrl-C in a command that follows the tasks does not cancel them
    tasks: tuple[Queued, ...]

    def make_engine(self) -> DetachableEngine:
        """Return the engine with the options that it had."""
        engine = make_engine(self.engine, self.options)
        assert isinstance(engine, DetachableEngine), "only a detachable engine submits"
        return engine

    def missing(self) -> list[Queued]:
        """Return the folds that have no result."""
        return [task for task in self.tasks if task.result and not Path(task.result).exists()]

    def has_ended(self) -> bool:
        """Return whether no task is in the queue any more."""
        return not self.make_engine().states(self.folder)

    def remove(self) -> None:
        """Remove the record, once all tasks have an outcome."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def cancel(self) -> None:
        """Cancel the tasks without an outcome, and remove the record."""
        if self.folder.exists():
            self.make_engine().cancel(self.folder)
            self.remove()

    @contextlib.contextmanager
    def followed(self) -> Iterator[bool]:
        """Lock the submission while it is followed; yield False if another command has the lock."""
        path = self.folder.with_name(f"{self.folder.name}.lock")
        with lock(FileLock(path), path) as held:
            yield held
        with contextlib.suppress(OSError):  # there are other submissions
            self.folder.parent.rmdir()


def make_engine(name: str, options: Mapping[str, object]) -> Any:
    """Return an engine by its name.

    Raises:
        SerbenchError: there is no engine of that name, or an option is unknown or wrong.
    """
    target: Any = registry.load(registry.find("engine", name))
    values = checked(f"the engine {name}", settable(target), options)
    with guarded(f"the engine {name} cannot be made", passing=(SerbenchError,)):
        return target(**values)


def submit(
    results: Path,
    engine: str,
    options: Mapping[str, object],
    detached: bool,
    tasks: Sequence[Task],
    queued: Sequence[Queued],
) -> Submission:
    """Submit tasks, and record them below the results; if submitting fails, leave no record."""
    name = f"{engine}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    folder = results.resolve() / FOLDER / name
    submission = Submission(folder, engine, options, detached, tuple(queued))
    folder.mkdir(parents=True)
    record = {
        "schema": SCHEMA,
        "engine": engine,
        "options": dict(options),
        "detached": detached,
        "tasks": [
            asdict(task)
            | {"result": task.result and os.path.relpath(task.result, folder.parents[1])}
            for task in queued
        ],
    }
    try:
        with replacing(folder / "submission.json") as temporary:
            temporary.write_text(json.dumps(record))
        submission.make_engine().submit(tasks, folder)
    except BaseException:
        submission.cancel()
        raise
    return submission


def submissions(results: Path) -> list[Submission]:
    """Return all submissions below the results, the oldest first.

    Raises:
        SerbenchError: a record cannot be read, so that its folds might be queued again.
    """
    found, parent = [], results.resolve()
    for path in sorted((parent / FOLDER).glob("*/submission.json")):
        try:
            record = json.loads(path.read_text())
            tasks = tuple(
                Queued(
                    **task
                    | {"result": task["result"] and os.path.normpath(parent / task["result"])}
                )
                for task in record["tasks"]
            )
            kind, options, detached = (record[n] for n in ("engine", "options", "detached"))
            found.append(Submission(path.parent, kind, options, detached, tasks))
        except (OSError, ValueError, TypeError, KeyError) as error:
            if path.exists():  # else it has just been removed
                raise SerbenchError(
                    f"{path} cannot be read ({one_line(str(error), 100)}): end the jobs that it "
                    f"records in the engine's queue, then remove {path.parent}"
                ) from error
    return found
