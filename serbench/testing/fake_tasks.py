"""Tasks with known behaviour, for tests of engines.

`task("crash")` is a task that calls the function `crash` of this module.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from serbench.contracts import Needs, Task
from serbench.errors import SerbenchError
from serbench.processes import Message, Send

PAUSE = 0.05  # seconds between two signs of life
LONGEST = 60.0  # seconds after which `live` ends by itself


def task(
    function: str,
    *,
    threads: int = 1,
    memory: float = 0.1,
    gpus: float = 0,
    after: tuple[int, ...] = (),
    **item: Any,
) -> Task:
    """Return a task that calls a function of this module.

    Args:
        function: the name of a function of this module.
        threads: threads that the task needs.
        memory: gigabytes that the task needs.
        gpus: GPUs that the task needs.
        after: positions of the earlier tasks that must succeed first.
        item: the values that the function reads.
    """
    message = {"function": f"{__name__}:{function}", "item": item, "threads": threads, "code": {}}
    return Task(function, message, Needs(threads, memory, gpus), after)


def answer(item: Message, send: Send) -> Message:
    """Send each of `messages`, and return the `result` with facts about the process."""
    began = time.time()
    for message in item.get("messages", ()):
        send(message)
    time.sleep(item.get("seconds", 0))
    return {
        "result": item.get("result"),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "process": os.getpid(),
        "began": began,
        "ended": time.time(),
    }


def refuse(item: Message, send: Send) -> Message:
    """Raise an error that the user can fix."""
    raise SerbenchError("the task refuses, as requested")


def crash(item: Message, send: Send) -> Message:
    """Raise an error that shows a bug."""
    raise ZeroDivisionError("the task crashes, as requested")


def die(item: Message, send: Send) -> Message:
    """Kill the process, as if memory had run out."""
    if sys.platform == "win32":
        os.kill(os.getpid(), signal.SIGTERM)  # ends it at once
    else:
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


def leave(item: Message, send: Send) -> Message:
    """End the process with the exit status 3."""
    os._exit(3)


def live(item: Message, send: Send) -> Message:
    """Write the time into `file` again and again, and send a message each second.

    End when the file's folder has been removed.
    """
    file, began, sent = Path(item["file"]), time.monotonic(), -1
    while (seconds := time.monotonic() - began) < LONGEST and file.parent.exists():
        file.write_text(str(time.time()))
        if int(seconds) > sent:
            sent = int(seconds)
            send({"lived": sent})
        time.sleep(PAUSE)
    return {}


def meet(item: Message, send: Send) -> Message:
    """Wait until `file` exists, for at most two seconds."""
    began = time.monotonic()
    while time.monotonic() - began < 2 and not Path(item["file"]).exists():
        time.sleep(PAUSE)
    return {}
