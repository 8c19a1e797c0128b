"""Connect to Ray, submit tasks, and forward their reports, in the engine's child process."""

import math
import os
import re
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from serbench import Outcome, SerbenchError
from serbench.processes import Message, Send, cores
from serbench_ray import worker

PULSE = 5.0  # seconds between two signs of life
LOST = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.OutOfMemoryError,
    exceptions.ObjectLostError,  # the result, with its node
)


def drive(message: Message, send: Send) -> Message:
    """Run tasks on a cluster.

    Args:
        message: the options of the engine, the tasks, and two temporary folders.
        send: called with {"task": 3, "message": ...} for what a task sends, {"end": 3, "result":
            ..., "error": ..., "files": {name: path}} for its outcome, and with signs of life.

    Raises:
        SerbenchError: the cluster cannot be used.
    """
    os.chdir(message["temporary"])  # Ray puts the current folder first on every worker's path
    _connect(message["address"], message["temporary"])
    threading.Thread(target=_beat, args=(send,), daemon=True).start()
    try:
        _Run(message, send).run()
    finally:
        ray.shutdown()
    return {}


def _connect(address: str, temporary: str) -> None:
    """Connect to a cluster, or start one on this machine."""
    options: dict[str, Any] = {"address": address}
    if address == "local":
        options |= {"num_cpus": cores(), "include_dashboard": False, "_temp_dir": temporary}
    elif address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise SerbenchError(
                f"nothing answers there ({error}): start a cluster with `ray start --head`, or "
                "leave out the address to use this machine"
            ) from error
    try:
        ray.init(**options, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        if "No node info" in str(error):
            raise SerbenchError(
                "this machine does not belong to the cluster: run `ray start "
                f"--address={address} --num-cpus=0` on it, or start from a machine of the cluster"
            ) from error
        reason = " ".join(str(error).split())[:500]
        raise SerbenchError(f"{type(error).__name__}: {reason}") from error


def _beat(send: Send) -> None:
    """Send a sign of life as long as the head of the cluster answers."""
    while True:
        ray.nodes()
        send({"alive": True})
        time.sleep(PULSE)


@dataclass(eq=False)
class _Attempt:
    """One attempt to run a task on Ray."""

    position: int
    number: int  # of the attempt, from 1
    needs: Mapping[str, float]  # resources by Ray's names
    node: str = ""  # the id of its node, "" before it starts
    host: str = ""
    able: float = -math.inf  # when a node was last able to run it


class _Run:
    """All tasks, and the current attempts to run them."""

    def __init__(self, message: Message, send: Send):
        self._options, self._send = message, send
        self._tasks: Sequence[Message] = message["tasks"]
        self._arriving = Path(message["arriving"])
        self._ended: dict[int, bool] = {}  # whether each succeeded
        self._attempts: dict[ray.ObjectRefGenerator, _Attempt] = {}

    def run(self) -> None:
        """Run all tasks."""
        waiting = dict.fromkeys(range(len(self._tasks)))
        while waiting or self._attempts:
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            # a few more than can run at once: waiting for any of ten thousand would be slow
            at_most = 8 + 2 * int(sum(node.get("CPU", 0) for node in nodes))
            for position in list(waiting):
                after = self._tasks[position]["after"]
                if len(self._attempts) >= at_most:
                    break
                if failed := [at for at in after if not self._ended.get(at, True)]:
                    del waiting[position]
                    name = self._tasks[failed[0]]["name"]
                    self._end(position, Outcome(position, None, f"not run, because {name} failed"))
                elif all(at in self._ended for at in after):
                    del waiting[position]
                    self._start(_Attempt(position, 1, self._needs(position, nodes)))
            self._end_unable(nodes)
            pulse = time.monotonic() + PULSE
            ended = len(self._ended)
            while self._attempts and len(self._ended) == ended and time.monotonic() < pulse:
                ready, _ = ray.wait(list(self._attempts), num_returns=1, timeout=PULSE)
                for stream in ready:
                    self._hear(stream)

    def _needs(self, position: int, nodes: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
        """Return what a task reserves; GPUs only if the cluster has some, or if asked for."""
        needs, options = self._tasks[position]["needs"], self._options
        chosen = {
            name: needs[need] if options[name] is None else options[name]
            for name, need in (("cpus", "threads"), ("gpus", "gpus"), ("memory", "memory"))
        }
        if options["gpus"] is None and not any(node.get("GPU") for node in nodes):
            chosen["gpus"] = 0
        if chosen["gpus"] > 1:
            chosen["gpus"] = math.ceil(chosen["gpus"])
        return {"CPU": chosen["cpus"], "GPU": chosen["gpus"], "memory": chosen["memory"] * 2**30}

    def _start(self, attempt: _Attempt) -> None:
        """Submit a task to Ray, preferably to the node where the last attempt stored epochs."""
        options: dict[str, Any] = {
            "num_cpus": attempt.needs["CPU"],
            "num_gpus": attempt.needs["GPU"],
            "memory": int(attempt.needs["memory"]),
            "num_returns": "streaming",
            "max_retries": 0,  # a retry within a stream would lose its last items
            "name": self._tasks[attempt.position]["name"],
        }
        if attempt.node:
            strategy = NodeAffinitySchedulingStrategy(attempt.node, soft=True)
            options["scheduling_strategy"] = strategy
            attempt.node = attempt.host = ""
        remote = ray.remote(**options)(worker.work)
        self._attempts[remote.remote(self._tasks[attempt.position]["message"])] = attempt

    def _hear(self, stream: "ray.ObjectRefGenerator") -> None:
        """Receive the next item of an attempt."""
        attempt = self._attempts.pop(stream)
        position = attempt.position
        try:
            item = ray.get(next(stream))
        except LOST as error:
            self._again(attempt, error)
        except StopIteration:
            self._end(position, Outcome(position, None, "the task ended without an outcome"))
        except Exception as error:
            self._end(position, Outcome(position, None, _reason(error)))
        else:
            if isinstance(item, Outcome):
                self._end(position, item)
                return
            self._attempts[stream] = attempt  # at the end, so that every stream gets its turn
            if attempt.node:
                self._send({"task": position, "message": item})
            else:
                attempt.node, attempt.host = item["node"], item["host"]

    def _again(self, attempt: _Attempt, error: Exception) -> None:
        """Restart a task whose worker or node was lost, or give it up after the last attempt."""
        place = f" on {attempt.host}" if attempt.host else ""
        what = {
            exceptions.NodeDiedError: f"its node was lost{place and ', ' + place[4:]}",
            exceptions.OutOfMemoryError: f"Ray ended its worker{place}: out of memory",
        }.get(type(error), f"its worker was lost{place}")
        attempts = self._options["retries"] + 1
        if attempt.number == attempts:
            error_text = f"{what}, in attempt {attempts} of {attempts}"
            self._end(attempt.position, Outcome(attempt.position, None, error_text))
            return
        attempt.number += 1
        stage = f"attempt {attempt.number} of {attempts}: {what}"
        self._send({"task": attempt.position, "message": {"stage": stage}})
        self._start(attempt)

    def _end(self, position: int, outcome: Outcome) -> None:
        """Send an outcome, with its files by way of a folder."""
        self._ended[position] = not outcome.error
        files = {}
        for number, (name, content) in enumerate(outcome.files.items()):
            path = self._arriving / f"{position}-{number}"
            path.write_bytes(content)
            files[name] = str(path)
        ended = {"end": position, "result": outcome.result, "error": outcome.error}
        self._send({**ended, "files": files})

    def _end_unable(self, nodes: Sequence[Mapping[str, float]]) -> None:
        """End attempts that no node can run; wait first if a lost node could run them."""
        now, patience = time.monotonic(), self._options["timeout"]
        for stream, attempt in list(self._attempts.items()):
            needs = attempt.needs
            able = any(all(node.get(name, 0) >= needs[name] for name in needs) for node in nodes)
            if attempt.node or able:
                attempt.able = now
            elif now - attempt.able > patience and not self._options["autoscaling"]:
                del self._attempts[stream]
                ray.cancel(stream)
                cpus, gpus, memory = needs["CPU"], needs["GPU"], needs["memory"] / 2**30
                error = (
                    f"no node of the cluster has {cpus:g} CPUs, {gpus:g} GPUs and {memory:g} GB of "
                    "memory: add one, or let a task reserve less with --engine-option cpus=1, "
                    "gpus=0.5 or memory=2"
                )
                self._end(attempt.position, Outcome(attempt.position, None, error))


def _reason(error: Exception) -> str:
    """Return an error of Ray as text, in one line if a node lacks a package."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).strip()
    if "failed to import" not in text:
        return text
    ip = re.search(r"ip=([^,)]+)", text)
    return (
        f"{text.splitlines()[-1]}, on {ip[1] if ip else 'a node'}: install serbench, its plugins "
        "and serbench-ray there, in the versions that you use here"
    )
