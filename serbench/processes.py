"""Call one function for many items, here or in fresh processes; a failure stops no other item.

`local` calls it here, item by item; `fresh` gives every item a process of its own, several at a
time, and so does a `Pool`, whose items may differ in their functions and threads. Items and results
are messages; errors are returned as text. A function is `function(message, send)`: it sends
messages about its progress while it runs.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from serbench.errors import SerbenchError

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
FIXED = {
    "OMP_DYNAMIC": "FALSE",  # keep the requested number of threads even on fewer cores
    "MKL_DYNAMIC": "FALSE",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads do not spin while they wait
    "KMP_BLOCKTIME": "0",
    "PYTHONHASHSEED": "0",  # sets of strings keep one order
}
KILLED = -9  # the exit code of a process that was ended by SIGKILL

Message = Mapping[str, Any]
"""An item, a report or a result: a JSON object on its way between processes."""

Send = Callable[[Message], None]
Function = Callable[[Message, Send], Message]


@dataclass(frozen=True)
class Outcome:
    """The result of one item, or its error."""

    item: int  # its position
    result: Message | None  # what the function returned
    error: str = ""  # a line or a traceback
    files: Mapping[str, bytes] = field(
        default_factory=dict, repr=False
    )  # made on a machine of its own


Receive = Callable[[int, Message], None]
"""Called with an item's position and each message that its function sends."""

Events = queue.Queue[tuple[int, str | None]]
"""An item's position and a line from its process, or None once the process has ended."""


def local(function: Function, items: Sequence[Message], receive: Receive) -> Iterator[Outcome]:
    """Call the function for each item in this process, in order."""
    for position, item in enumerate(items):
        yield _attempt(function, position, item, functools.partial(receive, position))


def call(path: str, item: Message, send: Send, position: int = 0) -> Outcome:
    """Call the function at "module:name" in this process; errors become text."""
    module, _, name = path.partition(":")
    try:
        function: Function = getattr(importlib.import_module(module), name)
    except ImportError:
        return Outcome(position, None, traceback.format_exc())
    return _attempt(function, position, item, send)


def _attempt(function: Function, position: int, item: Message, send: Send) -> Outcome:
    try:
        return Outcome(position, function(item, send))
    except (Exception, SystemExit) as error:  # as text, so that the other items continue
        return Outcome(position, None, reason(error))


def reason(error: BaseException) -> str:
    """Return the message of an error that users can fix, or else a traceback.

    The traceback begins after serbench's first calls, unless all calls are serbench's.
    """
    if isinstance(error, SerbenchError):
        return str(error)
    ours, first = os.path.join(os.path.dirname(__file__), ""), error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename.startswith(ours):
        first = first.tb_next
    return "".join(traceback.format_exception(type(error), error, first or error.__traceback__))


def fresh(
    function: Function,
    items: Sequence[Message],
    receive: Receive,
    *,
    at_once: int,
    threads: int,
    environment: Mapping[str, str] | None = None,
    nested: bool = False,
) -> Iterator[Outcome]:
    """Call the function in a fresh process per item, `at_once` of them at a time.

    Each process has `threads` threads that wait passively, and ends when this process does, even
    by `kill -9`.

    Args:
        function: a function of an importable module.
        items: the message for each process.
        receive: called with every message that the function sends.
        at_once: how many processes run at a time; 0 calls the function here, as `local`.
        threads: threads per process.
        environment: variables of the processes; None takes those of this process.
        nested: this process is itself a child; whatever kills it must kill its children too.
    """
    if not at_once:
        yield from local(function, items, receive)
        return
    name = f"{function.__module__}:{function.__name__}"
    waiting = list(enumerate(items))[::-1]
    with Pool(environment=environment, nested=nested) as pool:
        while waiting or pool.running:
            while waiting and len(pool.running) < at_once:
                position, item = waiting.pop()
                pool.start(position, name, item, threads)
            position, event = pool.next()
            if isinstance(event, Outcome):
                yield event
            else:
                receive(position, event)


class Pool:
    """Fresh processes, each of which calls a function for one item; closing the pool ends them.

    Args:
        environment: variables of the processes; None takes those of this process.
        nested: this process is itself a child; whatever kills it must kill its children too.
    """

    def __init__(self, *, environment: Mapping[str, str] | None = None, nested: bool = False):
        self._environment, self._nested = environment, nested
        self._events: Events = queue.Queue()
        self.running: dict[int, _Child] = {}  # by position

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.running.values():
            child.kill()

    def start(
        self,
        position: int,
        function: str,
        item: Message,
        threads: int,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start a process.

        Args:
            position: names the item in `next`.
            function: "module:name".
            item: the message for the function.
            threads: threads of the process.
            variables: further variables of its environment.
        """
        environment = {
            **(os.environ if self._environment is None else self._environment),
            **dict.fromkeys(THREADS, str(threads)),
            **FIXED,
            # a child finds the modules that this process finds
            "PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path))),
            **(variables or {}),
        }
        # -P: a file in the current folder must not shadow serbench
        command = [sys.executable, "-P", "-m", "serbench.processes", *function.split(":")]
        child = _Child(command, environment, self._nested, position, item, self._events)
        self.running[position] = child

    def next(self, timeout: float | None = None) -> tuple[int, Message | Outcome]:
        """Wait for a message or an outcome, and return it with its item's position.

        Raises:
            queue.Empty: there is none within `timeout` seconds.
        """
        while True:
            position, line = self._events.get(timeout=timeout)
            if line is None:
                child = self.running.pop(position)
                child.kill()
                return position, child.outcome()
            if position not in self.running:  # from a process that an ended child had started
                continue
            if line.startswith('{"done"'):
                self.running[position].last_line = line
            elif message := _message(line):
                return position, message


def _message(line: str) -> Message:
    """Parse a line from a child; return {} if other code wrote the line, or if it is cut off."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


class _Child:
    """One process, and a thread that reads its output into the common queue."""

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        nested: bool,
        position: int,
        item: Message,
        events: Events,
    ):
        self.last_line = ""
        self._nested = nested
        self._position = position
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=variables,
            start_new_session=not nested,  # so that `kill` also ends processes that it starts
        )
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the child died at once: its outcome says why
            self.process.stdin.write(json.dumps(item) + "\n")
            self.process.stdin.flush()
        reader = threading.Thread(target=self._forward, args=(events,), daemon=True)
        reader.start()
        threading.Thread(target=self._wait, args=(reader, events), daemon=True).start()

    def _forward(self, events: Events) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            events.put((self._position, line))

    def _wait(self, reader: threading.Thread, events: Events) -> None:
        """Report the end; processes that the child started may live on and hold its output open."""
        self.process.wait()
        reader.join(timeout=1)
        events.put((self._position, None))

    def kill(self) -> None:
        """End the process, and those that it started."""
        if self._nested:
            self.process.kill()
        elif sys.platform == "win32":
            tree = ("taskkill", "/F", "/T", "/PID", str(self.process.pid))
            subprocess.run(tree, capture_output=True, check=False)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def outcome(self) -> Outcome:
        """Return the result in the last line, or how the process died; call after its end."""
        with self._log as log:
            message = _message(self.last_line)
            if message.keys() == {"done", "error"}:
                return Outcome(self._position, message["done"], message["error"])
            code = self.process.returncode
            end = (
                f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            )
            hint = "; out of memory? try fewer --jobs" if code == KILLED else ""
            log.seek(0)
            last = "".join(log.readlines()[-20:])
        return Outcome(self._position, None, f"its process {end}{hint}\n{last}".strip())


def cores() -> int:
    """Return the number of cores that affinity and the control group let this process use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        limit = max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no control group, or no limit: "max"
        limit = allowed or 1
    return max(1, min(allowed or 1, limit))


def load() -> float:
    """Return how many processes wanted a core during the last minute; 0 if unknown."""
    if sys.platform == "win32":
        return 0.0
    return os.getloadavg()[0]


def free_memory() -> float:
    """Return the free gigabytes of this machine or its control group; infinite if unknown."""
    sizes = [math.inf]
    with contextlib.suppress(OSError, ValueError, IndexError):
        rows = Path("/proc/meminfo").read_text().splitlines()
        sizes += [int(row.split()[1]) / 2**20 for row in rows if row.startswith("MemAvailable:")]
    with contextlib.suppress(OSError, ValueError):  # no control group, or no limit: "max"
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        sizes.append((limit - used) / 2**30)
    return min(sizes)


def _serve(module: str, name: str) -> None:
    """Run in the child: read an item from standard input, write messages, the result last."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # standard output is for messages: plugins print to the log
        item = json.loads(sys.stdin.readline())
        threading.Thread(target=_end_with_parent, daemon=True).start()
        lock = threading.Lock()

        def send(message: Message) -> None:
            with lock:
                print(json.dumps(message), file=out, flush=True)

        outcome = call(f"{module}:{name}", item, send)
        send({"done": outcome.result, "error": outcome.error})


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the parent does, even by kill -9
    os._exit(1)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
