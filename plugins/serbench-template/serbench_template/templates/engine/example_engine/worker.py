"""Run one task on this machine: its message is read, and lines of JSON are printed."""

import json
import os
import sys
import threading

from serbench import run_task


def end_with_driver() -> None:
    """End this process, and with it the task, when the driver ends."""
    sys.stdin.read()
    os._exit(1)


def show(kind: str, value: object) -> None:
    """Print a "message" or the "outcome"."""
    print(json.dumps([kind, value]), flush=True)


if __name__ == "__main__":
    message = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_driver, daemon=True).start()
    outcome = run_task(message, lambda value: show("message", value))
    show("outcome", {"result": outcome.result, "error": outcome.error})
