"""Run one task in a worker of Ray, on any node of the cluster."""

import platform
import queue
import threading
import traceback
from collections.abc import Iterator

import ray

from serbench import Outcome, run_task
from serbench.processes import Message


def work(message: Message) -> Iterator[Message | Outcome]:
    """Yield the node, then every message of the task, and its outcome last.

    The task runs in its own process, which ends with this worker and leaves no state in it.
    """
    yield {"node": ray.get_runtime_context().get_node_id(), "host": platform.node()}
    events: queue.SimpleQueue[Message | Outcome] = queue.SimpleQueue()

    def run() -> None:
        try:
            events.put(run_task(message, events.put, shares_folders=False))
        except Exception:
            events.put(Outcome(0, None, traceback.format_exc()))

    threading.Thread(target=run, daemon=True).start()
    while not isinstance(event := events.get(), Outcome):
        yield event
    yield event
