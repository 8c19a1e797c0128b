"""Engines: ways to call one function for many items. What fails takes nothing else with it.

`local` calls it here, one item after the other; `fresh` gives every item a fresh process of
its own, several at a time. An item is plain words, a result too; what goes wrong comes back as
text. A function is `function(words, tell)`: `tell(words)` is heard while it runs.
"""

import contextlib
import functools
import importlib
import json
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from serbench.errors import SerbenchError

Message = Mapping[str, Any]
"""An item, a report or a result: a JSON object on its way between processes."""

Tell = Callable[[Message], None]
Function = Callable[[Message, Tell], Message]


@dataclass(frozen=True)
class Outcome:
    """What came of one item.

    Attributes:
        item: its position.
        result: what the function returned, or None.
        error: the line (or the traceback) that says what went wrong, or "".
    """

    item: int
    result: Message | None
    error: str = ""


Hear = Callable[[int, Message], None]
"""Called with an item's position and what its function tells."""


Engine = Callable[[Function, Sequence[Message], Hear], Iterator[Outcome]]


def of(at_once: int, threads: int) -> Engine:
    """Return the engine that runs so many items at a time; 0 is this process itself."""
    if at_once == 0:
        return local
    return functools.partial(fresh, at_once=at_once, threads=threads)


def local(function: Function, items: Sequence[Message], hear: Hear) -> Iterator[Outcome]:
    """Call the function for each item in this process, in order."""
    for position, item in enumerate(items):
        yield _attempt(function, position, item, hear)


def _attempt(function: Function, position: int, item: Message, hear: Hear) -> Outcome:
    try:
        return Outcome(position, function(item, lambda words: hear(position, words)))
    except SerbenchError as error:
        return Outcome(position, None, str(error))
    except (Exception, SystemExit) as error:  # text where it happens: the others go on
        return Outcome(position, None, _text(error))


def _text(error: BaseException) -> str:
    """A traceback that begins in the code of others, where any is in it: our calls lead there."""
    ours, first = os.path.join(os.path.dirname(__file__), ""), error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename.startswith(ours):
        first = first.tb_next
    shown = first or error.__traceback__
    return "".join(traceback.format_exception(type(error), error, shown))


def fresh(
    function: Function,
    items: Sequence[Message],
    hear: Hear,
    *,
    at_once: int,
    threads: int,
    environment: Mapping[str, str] | None = None,
    nested: bool = False,
) -> Iterator[Outcome]:
    """Call the function in a fresh process an item, `at_once` of them at a time.

    Each process computes with `threads` threads, waits passively, and ends when this one does,
    however this one ends.

    Args:
        function: takes plain words.
        items: plain words, one process each.
        hear: is called with what the function tells.
        at_once: how many processes at a time.
        threads: of each.
        environment: of each; None is that of this process.
        nested: this process is such a child itself; what ends it must end these too.
    """
    start = functools.partial(_Child, function, threads, environment, nested)
    events: queue.Queue[tuple[int, str | None]] = queue.Queue()
    waiting = list(enumerate(items))[::-1]
    running: dict[int, _Child] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                position, item = waiting.pop()
                running[position] = start(position, item, events)
            position, line = events.get()
            if line is None:
                child = running.pop(position)
                child.kill()
                yield child.outcome()
                child.close()
            elif position not in running:  # written by what a dead child had started
                continue
            elif line.startswith('{"done"'):
                running[position].last_word = line
            elif (words := _words(line)) is not None:
                hear(position, words)
    finally:
        for child in running.values():
            child.kill()


def _words(line: str) -> Message | None:
    """What a child says; None of what other code has written in its place, or cut off."""
    try:
        words = json.loads(line)
    except ValueError:
        return None
    return words if isinstance(words, dict) else None


REPEATABLE = {"PYTHONHASHSEED": "0"}
"""Environment of processes in which sets of text have one order."""


class _Child:
    """One process, its output read by a thread into the common queue."""

    def __init__(
        self,
        function: Function,
        threads: int,
        environment: Mapping[str, str] | None,
        nested: bool,
        position: int,
        item: Message,
        events: "queue.Queue[tuple[int, str | None]]",
    ):
        self.last_word = ""
        self._nested = nested
        self._position = position
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            # -P: a file in the current folder is no module of ours
            [
                sys.executable,
                "-P",
                "-m",
                "serbench.processes",
                function.__module__,
                function.__name__,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={
                **(os.environ if environment is None else environment),
                **_quiet_threads(threads),
                **REPEATABLE,
                "PYTHONPATH": _path(),
            },
            start_new_session=not nested,  # so that what it starts can be ended with it
        )
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once: its outcome says why
            self.process.stdin.write(json.dumps(item) + "\n")
            self.process.stdin.flush()
        reader = threading.Thread(target=self._forward, args=(events,), daemon=True)
        reader.start()
        threading.Thread(target=self._wait, args=(reader, events), daemon=True).start()

    def _forward(self, events: "queue.Queue[tuple[int, str | None]]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            events.put((self._position, line))

    def _wait(
        self, reader: threading.Thread, events: "queue.Queue[tuple[int, str | None]]"
    ) -> None:
        """Say when it has ended; what it started may live on and hold its output open."""
        self.process.wait()
        reader.join(timeout=1)
        events.put((self._position, None))

    def close(self) -> None:
        """Give back what it wrote to standard error; after `outcome`."""
        self._log.close()

    def kill(self) -> None:
        """End it, and what it started."""
        if self._nested:
            self.process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def outcome(self) -> Outcome:
        """What its last word says; without one, how it died."""
        if self.last_word:
            words = _words(self.last_word) or {}
            if words.keys() == {"done", "error"}:
                return Outcome(self._position, words["done"], words["error"])
        code = self.process.returncode
        died = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        hint = "; out of memory? try fewer --jobs" if code == -signal.SIGKILL else ""
        self._log.seek(0)
        log = "".join(self._log.readlines()[-20:])
        return Outcome(self._position, None, f"its process was {died}{hint}\n{log}".strip())


def _path() -> str:
    """Where this process finds its modules, so that its children find the same."""
    return os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))


def _quiet_threads(threads: int) -> dict[str, str]:
    """Return an environment in which numerical libraries use exactly so many threads.

    The number holds however few cores there are, and threads do not spin while they wait.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return dict.fromkeys(names, str(threads)) | {
        "OMP_DYNAMIC": "FALSE",
        "MKL_DYNAMIC": "FALSE",
        "OMP_WAIT_POLICY": "PASSIVE",
        "KMP_BLOCKTIME": "0",
    }


def cores() -> int:
    """The cores that this process may use, as affinity and the control group allow."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        limit = max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no control group, or no limit: "max"
        limit = allowed or 1
    return max(1, min(allowed or 1, limit))


def free_memory() -> float:
    """Return the free gigabytes of this machine or its control group; infinite if unknown."""
    found = [math.inf]
    with contextlib.suppress(OSError, ValueError, IndexError):
        rows = Path("/proc/meminfo").read_text().splitlines()
        found += [int(row.split()[1]) / 2**20 for row in rows if row.startswith("MemAvailable:")]
    with contextlib.suppress(OSError, ValueError):  # no control group, or no limit: "max"
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / f"memory.{one}").read_text()) for one in ("max", "current"))
        found.append((limit - used) / 2**30)
    return min(found)


def _serve(module: str, name: str) -> None:
    """Be the child: one item from standard input, words out, the result last."""
    with _own_output() as out:
        item = json.loads(sys.stdin.readline())
        threading.Thread(target=_end_with_parent, daemon=True).start()
        lock = threading.Lock()

        def hear(_: int, words: Message) -> None:
            with lock:
                print(json.dumps(words), file=out, flush=True)

        try:
            function: Function = getattr(importlib.import_module(module), name)
            outcome = _attempt(function, 0, item, hear)
        except ImportError:
            outcome = Outcome(0, None, traceback.format_exc())
        words = {"done": outcome.result, "error": outcome.error}
        with lock:
            print(json.dumps(words), file=out, flush=True)


@contextlib.contextmanager
def _own_output() -> Iterator[IO[str]]:
    """Keep standard output for words: what a plugin prints goes to standard error instead."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        yield out


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the parent does, even by kill -9
    os._exit(1)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
