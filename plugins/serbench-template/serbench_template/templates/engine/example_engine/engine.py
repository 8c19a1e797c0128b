"""Run tasks: a command for each, several at a time."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from serbench import BadParameter, Outcome, Task

COMMAND = (sys.executable, "-m", "example_engine.worker")
Events = SimpleQueue[tuple[int, Any]]  # the position of a task, and its message or its outcome


class ExampleEngine:
    """Run each task with `COMMAND`: change it to reach other machines.

    Args:
        workers: how many tasks run at a time.
    """

    extraction = "driver"  # "task" or "fold" if tasks run on other machines

    def __init__(self, workers: int = 2) -> None:
        if workers < 1:
            raise BadParameter(f"workers is {workers}, but must be 1 or more")
        self.workers = workers

    def run(
        self, tasks: Sequence[Task], receive: Callable[[int, Mapping[str, Any]], None]
    ) -> Iterator[Outcome]:
        """Run all tasks, and yield the outcome of each when it ends."""
        events: Events = SimpleQueue()
        waiting, running = dict(enumerate(tasks)), {}
        succeeded: dict[int, bool] = {}
        try:
            while waiting or running:
                for position, task in list(waiting.items()):
                    earlier = [succeeded.get(at) for at in task.after]  # None: it has not ended
                    if False in earlier:
                        del waiting[position]
                        succeeded[position] = False
                        yield Outcome(position, None, "a task before it failed")
                    elif None not in earlier and len(running) < self.workers:
                        del waiting[position]
                        running[position] = start(position, task, events)
                if running:
                    position, event = events.get()
                    if isinstance(event, Outcome):
                        del running[position]
                        succeeded[position] = not event.error
                        yield event
                    else:
                        receive(position, event)
        finally:  # also when the driver is stopped
            for process in running.values():
                process.kill()
                process.wait()


def start(position: int, task: Task, events: Events) -> subprocess.Popen[str]:
    """Start the command of a task, and a thread that puts whatever it prints into the queue."""
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    threading.Thread(target=follow, args=(position, task, process, events), daemon=True).start()
    return process


def follow(position: int, task: Task, process: subprocess.Popen[str], events: Events) -> None:
    """Write a task's message to its process, and read messages and the outcome."""
    assert process.stdin is not None
    assert process.stdout is not None
    outcome = None
    try:
        process.stdin.write(json.dumps(task.message) + "\n")
        process.stdin.flush()  # it stays open: the process ends with this one
        for line in process.stdout:
            kind, value = json.loads(line)
            if kind == "outcome":
                outcome = Outcome(position, **value)
            else:
                events.put((position, value))
    except (OSError, ValueError) as error:
        outcome = Outcome(position, None, f"{task.name}: its command does not answer: {error}")
    code = process.wait()
    events.put((position, outcome or Outcome(position, None, f"its command ended with {code}")))
