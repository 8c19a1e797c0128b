"""The engine `ray`: run tasks on the nodes of a Ray cluster, without shared folders."""

import contextlib
import math
import os
import queue
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from serbench import BadParameter, Outcome, SerbenchError, Task
from serbench.contracts import Extraction
from serbench.processes import Message, Pool, Receive

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # `uv run` would upload the current folder to all nodes
}
CONNECTING = "RAY_gcs_server_request_timeout_seconds"
# Ray's sockets lie here, and their paths must not exceed 107 characters
SHORT = "/tmp"


class Ray:
    """Run tasks on a Ray cluster; results return through Ray, features stay on the nodes.

    Only a child process talks to Ray, because Ray prints to the terminal, and ends the process when
    it loses its cluster. When the child ends, for whatever reason, its tasks on all nodes end too.

    Args:
        address: HOST:PORT of a cluster that this machine belongs to, or "auto" for the cluster that
            runs on this machine; None starts Ray on this machine until the tasks have ended.
        cpus: CPUs that a task reserves; None takes the task's threads.
        gpus: GPUs that a task reserves: a whole number, or a fraction below 1; None takes what the
            model needs if any node has a GPU.
        memory: gigabytes that a task reserves; None takes what the model needs.
        retries: how often a task starts again after its worker or node was lost; a task that fails
            by itself is not repeated.
        timeout: seconds after which a cluster that does not answer counts as lost, and after
            which a task fails if no node can run it any more.
        autoscaling: if no node can run a task, wait for the cluster to add one.
    """

    extraction: Extraction = "fold"

    def __init__(
        self,
        *,
        address: str | None = None,
        cpus: float | None = None,
        gpus: float | None = None,
        memory: float | None = None,
        retries: int = 2,
        timeout: float = 60.0,
        autoscaling: bool = False,
    ):
        for name, value in (("cpus", cpus), ("gpus", gpus), ("memory", memory)):
            if value is not None and value < 0:
                raise BadParameter(f"{name} is {value}, but must be 0 or more")
        if gpus is not None and gpus > 1 and gpus != int(gpus):
            raise BadParameter(f"gpus is {gpus}, but must be a whole number or a fraction below 1")
        if retries < 0:
            raise BadParameter(f"retries is {retries}, but must be 0 or more")
        if not 1 <= timeout < math.inf:
            raise BadParameter(f"timeout is {timeout}, but must be a number of seconds from 1")
        if address not in (None, "auto") and not re.fullmatch(r"[^/]+:\d+", str(address)):
            raise BadParameter(
                f"the address is {address!r}, but must be HOST:PORT of a cluster that this machine "
                "belongs to, as `ray start` shows it, with the port 6379 unless you chose another"
            )
        self._timeout = timeout
        self._options = {
            "address": address or "local",
            "cpus": cpus,
            "gpus": gpus,
            "memory": memory,
            "retries": retries,
            "timeout": timeout,
            "autoscaling": autoscaling,
        }

    def run(self, tasks: Sequence[Task], receive: Receive) -> Iterator[Outcome]:
        """Run all tasks; see `serbench.contracts.Engine`."""
        unfinished, is_connected = dict.fromkeys(range(len(tasks))), False
        with contextlib.ExitStack() as stack:
            own = SHORT if os.name == "posix" else None
            temporary, arriving = (
                stack.enter_context(
                    tempfile.TemporaryDirectory(
                        prefix="serbench-ray-", dir=folder, ignore_cleanup_errors=True
                    )
                )
                for folder in (own, None)
            )
            item = {
                **self._options,
                "temporary": temporary,
                "arriving": arriving,
                "tasks": [asdict(task) for task in tasks],
            }
            pool = stack.enter_context(Pool())
            variables = {name: os.environ.get(name, value) for name, value in QUIET.items()}
            variables[CONNECTING] = str(max(1, int(self._timeout / 2)))
            pool.start(0, "serbench_ray.driver:drive", item, 1, variables)
            while unfinished:
                try:
                    _, event = pool.next(timeout=self._timeout)
                except queue.Empty:
                    error = f"Ray has not answered for {self._timeout:g} s"
                    break
                if isinstance(event, Outcome):
                    error = event.error
                    break
                is_connected = True
                if "end" in event:
                    del unfinished[event["end"]]
                    yield _arrived(event)
                elif "task" in event:
                    receive(event["task"], event["message"])
            if not unfinished:
                return
        if error.startswith("its process"):  # Ray ends a process that has lost its cluster
            error = f"the connection ended ({error.splitlines()[0].partition(';')[0]})"
        address = self._options["address"]
        where = "on this machine" if address == "local" else f"at {address}"
        if not is_connected:
            raise SerbenchError(f"cannot use Ray {where}: {error}")
        for position in unfinished:
            yield Outcome(
                position,
                None,
                f"the Ray cluster {where} was lost: {error}; see whether `ray status` works there",
            )


def _arrived(event: Message) -> Outcome:
    """Return the outcome of a task, and remove its files."""
    files = {name: Path(path).read_bytes() for name, path in event["files"].items()}
    for path in event["files"].values():
        Path(path).unlink()
    return Outcome(event["end"], event["result"], event["error"], files)
