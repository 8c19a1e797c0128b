"""Engines for each check that break just that demand.

Most change what a run gave that is made once, so that tests need few processes.
"""

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tiny_engines import Queue, Sequential

from serbench import Outcome, Task, run_task

RUNS: dict[str, list[Any]] = {}  # what tasks gave, by their messages


class CleanEngine(Sequential):
    """Keeps its contract; `altered` is for those that do not."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Run tasks once, and afterwards repeat what they gave."""
        key = json.dumps([task.message for task in tasks])
        if key not in RUNS:
            RUNS[key] = events = []
            for outcome in super().run(tasks, lambda *event: events.append(event)):
                events.append((outcome.item, outcome))
        for position, event in self.altered(list(RUNS[key])):
            if isinstance(event, Outcome):
                yield event
            else:
                receive(position, event)

    def altered(self, events: list[Any]) -> Any:
        """Return positions with messages or outcomes."""
        return events


class Unsaid(CleanEngine):
    """Violates is_made."""

    extraction = None  # type: ignore[assignment]


class Idle:
    """Violates is_made in another way: it runs nothing."""

    extraction = "driver"


class HalfQueue(Queue):
    """Violates is_made in another way: it is only nearly detachable."""

    states = None  # type: ignore[assignment]


class Unannotated(CleanEngine):
    """Violates options."""

    def __init__(self, workers=2) -> None:
        self.workers = workers


class Crude(CleanEngine):
    """Violates options in another way."""

    def __init__(self, workers: int = 2) -> None:
        self.places = [None for _ in range(10 // workers)]


class Wordy(CleanEngine):
    """Violates options in another way."""

    def __init__(self, workers: int = 2) -> None:
        from serbench import BadParameter

        if workers < 1:
            raise BadParameter("too few workers\nsorry")


class Forgetful(CleanEngine):
    """Violates outcomes."""

    def altered(self, events: list[Any]) -> Any:
        """Without outcomes of killed processes."""
        return [each for each in events if "SIGKILL" not in getattr(each[1], "error", "")]


class Repeating(CleanEngine):
    """Violates outcomes in another way."""

    def altered(self, events: list[Any]) -> Any:
        """Each task that failed has failed twice."""
        return [each for pair in events for each in [pair] * (1 + bool(error(pair)))]


class Hanging(CleanEngine):
    """Violates outcomes in another way."""

    def altered(self, events: list[Any]) -> Any:
        """Wait for a killed process."""
        for each in events:
            if "SIGKILL" in error(each):
                threading.Event().wait()
            yield each


class Listing(Sequential):
    """Violates outcomes in another way: it is no generator."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Any:
        """Return a list."""
        return []


class Lossy(CleanEngine):
    """Violates results."""

    def altered(self, events: list[Any]) -> Any:
        """Only what is ASCII."""
        for position, event in events:
            if isinstance(event, Outcome) and event.result:
                text = json.dumps(event.result, ensure_ascii=False)
                result = json.loads(text.encode("ascii", "replace"))
                yield position, replace(event, result=result)
            else:
                yield position, event


class Empty(CleanEngine):
    """Violates results in another way."""

    def altered(self, events: list[Any]) -> Any:
        """No result at all."""
        return [(at, replace(e, result=None) if isinstance(e, Outcome) else e) for at, e in events]


class Deaf(CleanEngine):
    """Violates messages."""

    def altered(self, events: list[Any]) -> Any:
        """Outcomes alone."""
        return [each for each in events if isinstance(each[1], Outcome)]


class Muddled(CleanEngine):
    """Violates messages in another way."""

    def altered(self, events: list[Any]) -> Any:
        """All messages are those of the first task."""
        return [(at if isinstance(event, Outcome) else 0, event) for at, event in events]


class Late(CleanEngine):
    """Violates messages in another way."""

    def altered(self, events: list[Any]) -> Any:
        """Messages come last."""
        return sorted(events, key=lambda each: not isinstance(each[1], Outcome))


class Threaded(CleanEngine):
    """Violates messages in another way."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Call receive in a thread."""

        def elsewhere(*event: Any) -> None:
            thread = threading.Thread(target=receive, args=event)
            thread.start()
            thread.join()

        return (yield from super().run(tasks, elsewhere))


class Vague(CleanEngine):
    """Violates errors."""

    def altered(self, events: list[Any]) -> Any:
        """It failed, that is all."""
        return [(at, replace(e, error="failed") if error((at, e)) else e) for at, e in events]


class Chatty(CleanEngine):
    """Violates errors in another way."""

    def altered(self, events: list[Any]) -> Any:
        """With words before each error."""
        return [
            (at, replace(e, error=f"failed: {e.error}") if error((at, e)) else e)
            for at, e in events
        ]


class Greedy(CleanEngine):
    """Violates threads."""

    def altered(self, events: list[Any]) -> Any:
        """All processes have eight."""
        return [(at, with_result(event, threads="8")) for at, event in events]


class Hasty(CleanEngine):
    """Violates order."""

    def altered(self, events: list[Any]) -> Any:
        """Tasks begin at once."""
        return [(at, with_result(event, began=0.0)) for at, event in events]


class Stubborn(CleanEngine):
    """Violates after_a_failure."""

    def altered(self, events: list[Any]) -> Any:
        """Tasks run whatever happened before."""
        return [
            (at, Outcome(at, {"result": None}) if "before it" in error((at, e)) else e)
            for at, e in events
        ]


class Silent(CleanEngine):
    """Violates after_a_failure in another way."""

    def altered(self, events: list[Any]) -> Any:
        """Give no reason."""
        return [
            (at, replace(e, error="") if "before it" in error((at, e)) else e) for at, e in events
        ]


class Social(CleanEngine):
    """Violates single_task."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Refuse to run a task alone."""
        if len(tasks) == 1:
            yield Outcome(0, None, "an array has two tasks")
        else:
            yield from super().run(tasks, receive)


class Short(CleanEngine):
    """Violates many_tasks."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Run the first two."""
        yield from super().run(tasks[:2], receive)


class Swapping(CleanEngine):
    """Violates many_tasks in another way."""

    def altered(self, events: list[Any]) -> Any:
        """The position is the place in the list of outcomes, the last one first."""
        return [(at, replace(e, item=len(events) - 1 - at)) for at, e in events]


class Leaving(Sequential):
    """Violates closing and interrupt: tasks run in threads that go on."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Run all tasks at once."""
        events: queue.Queue[Any] = queue.Queue()

        def work(position: int) -> None:
            outcome = run_task(
                tasks[position].message, lambda message: events.put((position, message))
            )
            events.put((position, replace(outcome, item=position)))

        for position in range(len(tasks)):
            threading.Thread(target=work, args=(position,), daemon=True).start()
        left = len(tasks)
        while left:
            position, event = events.get()
            if isinstance(event, Outcome):
                left -= 1
                yield event
            else:
                receive(position, event)


class Uncancelled(Queue):
    """Violates interrupt in another way: what is in the queue stays there."""

    def cancel(self, folder: Path) -> None:
        """Do nothing."""


class Calm(Sequential):
    """Violates interrupt."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Never mind what receive raises."""

        def calm(*event: Any) -> None:
            try:
                receive(*event)
            except BaseException:
                return

        yield from super().run(tasks, calm)


class Remembering(Queue):
    """Violates detaching: outcomes are in the object."""

    def submit(self, tasks: Sequence[Task], folder: Path) -> None:
        """Run them now."""
        (folder / "tasks.json").write_text("[]")
        self.outcomes = list(Sequential().run(tasks, lambda *_: None))

    def follow(self, folder: Path, receive: Any) -> Iterator[Outcome]:
        """Return what this object knows."""
        yield from getattr(self, "outcomes", [])

    def cancel(self, folder: Path) -> None:
        """Nothing is queued."""


class Once(Queue):
    """Violates detaching in another way: an outcome is told once."""

    def follow(self, folder: Path, receive: Any) -> Iterator[Outcome]:
        """Forget what was told: the queue is empty afterwards."""
        yield from super().follow(folder, receive)
        (folder / "tasks.json").write_text("[]")


class Missing(Queue):
    """Violates cancelling: it relies on a file that submit writes last."""

    def cancel(self, folder: Path) -> None:
        """Kill whatever runs."""
        (folder / "process").read_text()
        super().cancel(folder)


class Vacant(Queue):
    """Violates states."""

    def states(self, folder: Path) -> Any:
        """Know nothing."""
        return {}


class Blank(Queue):
    """Violates states in another way."""

    def states(self, folder: Path) -> Any:
        """Know, but do not say."""
        return dict.fromkeys(super().states(folder), "")


class Lazy(Sequential):
    """Violates evaluates: it computes nothing."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """Claim that all is done."""
        for position, _ in enumerate(tasks):
            yield Outcome(position, {})


class Meddling(Sequential):
    """Violates evaluates in another way: other models are trained."""

    def run(self, tasks: Sequence[Task], receive: Any) -> Iterator[Outcome]:
        """With another seed."""
        for position, task in enumerate(tasks):
            item = task.message["item"]
            changed = {**item, "params": {**item["params"], "noise": 9.0}}
            message = {**task.message, "item": changed}
            yield replace(run_task(message, partial(receive, position)), item=position)


def error(event: Any) -> str:
    """The error of an event that is an outcome."""
    return event[1].error if isinstance(event[1], Outcome) else ""


def with_result(event: Any, **values: Any) -> Any:
    """An outcome with other values in its result."""
    if not isinstance(event, Outcome) or event.result is None:
        return event
    return replace(event, result={**event.result, **values})
