"""The engine `local`: run tasks in fresh processes of this machine, as many as it can hold."""

import functools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from serbench import processes
from serbench.contracts import Extraction, Needs, Task
from serbench.errors import BadParameter
from serbench.processes import Outcome, Pool, Receive


class Local:
    """Run tasks on this machine: as many at a time as cores, memory and GPUs allow.

    Args:
        jobs: the number of tasks at a time, at most the number of cores; None fills the machine;
            0 runs them in this process, for debuggers.
    """

    extraction: Extraction = "driver"

    def __init__(self, *, jobs: int | None = None):
        if jobs is not None and jobs < 0:
            raise BadParameter(f"jobs is {jobs}, but must be 0 or more")
        self.jobs = jobs

    def run(self, tasks: Sequence[Task], receive: Receive) -> Iterator[Outcome]:
        """Run all tasks; see `serbench.contracts.Engine`."""
        ended: dict[int, bool] = {}  # whether each succeeded
        if self.jobs == 0:
            for position, task in enumerate(tasks):
                outcome = _prevented(position, tasks, ended)
                if outcome is None:
                    function, item = task.message["function"], task.message["item"]
                    send = functools.partial(receive, position)
                    outcome = processes.call(function, item, send, position)
                ended[position] = not outcome.error
                yield outcome
            return
        machine = Machine(self.jobs)
        waiting = dict(enumerate(tasks))
        with Pool() as pool:
            while waiting or pool.running:
                for position, task in list(waiting.items()):
                    if machine.is_full():
                        break
                    if outcome := _prevented(position, tasks, ended):
                        del waiting[position]
                        ended[position] = False
                        yield outcome
                    elif all(at in ended for at in task.after) and machine.admits(task.needs):
                        del waiting[position]
                        variables = machine.start(position, task.needs)
                        function, item = task.message["function"], task.message["item"]
                        pool.start(position, function, item, task.needs.threads, variables)
                if pool.running:
                    position, event = pool.next()
                    if isinstance(event, Outcome):
                        machine.end(position)
                        ended[position] = not event.error
                        yield event
                    else:
                        receive(position, event)


def _prevented(position: int, tasks: Sequence[Task], ended: Mapping[int, bool]) -> Outcome | None:
    """Return the outcome of a task that cannot run because an earlier task failed; else None."""
    for at in tasks[position].after:
        if not ended.get(at, True):
            return Outcome(position, None, f"not run, because {tasks[at].name} failed")
    return None


class Machine:
    """The cores, memory and GPUs of this machine, and the running tasks' shares of them.

    Args:
        jobs: the number of tasks at a time, as for `Local`.
    """

    def __init__(self, jobs: int | None):
        self._jobs = None if jobs is None else min(jobs, processes.cores())
        self._cores, self._memory = processes.cores(), processes.free_memory()
        self._gpus = gpus()
        self._running: dict[int, tuple[Needs, Sequence[str]]] = {}

    def is_full(self) -> bool:
        """Return whether no further task can start, whatever it needs."""
        running = [taken for taken, _ in self._running.values()]
        if self._jobs is not None:
            return len(running) >= self._jobs
        return sum(taken.threads for taken in running) >= self._cores

    def admits(self, needs: Needs) -> bool:
        """Return whether a task fits beside those that run; a task alone always does."""
        running = [taken for taken, _ in self._running.values()]
        if not running or self._jobs is not None:
            return not self.is_full()
        return (
            needs.threads + sum(taken.threads for taken in running) <= self._cores
            and needs.memory + sum(taken.memory for taken in running) <= self._memory
            and (not needs.gpus or not self._gpus or self._fits(needs.gpus))
        )

    def _fits(self, wanted: float) -> bool:
        loads = sorted(self._loads().values())[: math.ceil(wanted)]
        return all(load + min(wanted, 1) < 1 + 1e-9 for load in loads)  # three thirds are one

    def _loads(self) -> Mapping[str, float]:
        loads = dict.fromkeys(self._gpus, 0.0)
        for needs, taken in self._running.values():
            for gpu in taken:
                loads[gpu] += min(needs.gpus, 1)
        return loads

    def start(self, position: int, needs: Needs) -> Mapping[str, str]:
        """Reserve what a task needs, and return the environment variables that select its GPUs."""
        chosen: Sequence[str] = ()
        if needs.gpus and self._gpus:
            loads = self._loads()
            chosen = sorted(self._gpus, key=lambda gpu: loads[gpu])[: math.ceil(needs.gpus)]
        self._running[position] = (needs, chosen)
        return {"CUDA_VISIBLE_DEVICES": ",".join(chosen)} if chosen else {}

    def end(self, position: int) -> None:
        """Release what a task has reserved."""
        del self._running[position]


def gpus() -> Sequence[str]:
    """Return the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [gpu for gpu in map(str.strip, allowed.split(",")) if gpu not in ("", "-1")]
    return [str(at) for at in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]
