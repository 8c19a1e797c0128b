"""The engine `slurm`: queue tasks as job arrays, and follow them."""

import math
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from serbench import BadParameter, Needs, Outcome, SerbenchError, Task
from serbench.contracts import Extraction
from serbench.processes import Receive
from serbench_slurm import queue
from serbench_slurm.record import Record
from serbench_slurm.watch import Watch, known

LEAD = 60  # seconds before the time limit at which a task goes back to the queue


class Slurm:
    """Run each task as a job of a Slurm cluster whose nodes share the folders of results and cache.

    Args:
        partition: the partition; None takes the cluster's default.
        account: the account that pays.
        qos: the quality of service.
        constraint: features that a node must have: "a100&ib".
        time: the longest time of a task, in minutes or as Slurm writes it, "1-12:00:00"; None takes
            the minutes of the model's entry, or else the partition's default. A fold that
            reaches it goes on in another job, if its model stores epochs.
        memory: gigabytes of a task; None takes those of the model's entry; 0 uses Slurm's default.
        cpus: cores of a task; None takes the threads of the run.
        gpus: GPUs of a task; None takes those of the model's entry, rounded up.
        gres: the GPUs as `sbatch --gres` takes them, "gpu:a100:1"; used if `gpus` is None.
        nice: how much to lower the priority.
        throttle: the number of tasks of an array that run at a time; None sets no limit.
        sbatch: further options of sbatch: "--exclusive --mail-type=END".
        setup: lines of bash that run before the task, separated by ";" or line ends:
            "module load cuda; source ~/ser/bin/activate".
        python: the interpreter on the nodes; None takes the one that runs this command.
    """

    extraction: Extraction = "task"

    def __init__(  # noqa: PLR0913 - options of an engine are its parameters
        self,
        *,
        partition: str | None = None,
        account: str | None = None,
        qos: str | None = None,
        constraint: str | None = None,
        time: int | str | None = None,
        memory: float | None = None,
        cpus: int | None = None,
        gpus: int | None = None,
        gres: str | None = None,
        nice: int | None = None,
        throttle: int | None = None,
        sbatch: str = "",
        setup: str = "",
        python: str | None = None,
    ):
        if memory is not None and not 0 <= memory < math.inf:
            raise BadParameter(f"memory is {memory}, but must be a number of gigabytes")
        for name, value, least in (("cpus", cpus, 1), ("throttle", throttle, 1), ("gpus", gpus, 0)):
            if value is not None and value < least:
                raise BadParameter(f"{name} is {value}, but must be {least} or more")
        named: dict[str, object] = {"partition": partition, "account": account, "qos": qos}
        named |= {"constraint": constraint, "nice": nice}
        self._named = [f"--{name}={value}" for name, value in named.items() if value is not None]
        self._time, self._memory, self._cpus = time, memory, cpus
        self._gres = gres if gpus is None else f"gpu:{gpus}" if gpus else ""
        self._throttle = f"%{throttle}" if throttle else ""
        self._further = shlex.split(sbatch)
        self._setup, self._python = setup, python

    def submit(self, tasks: Sequence[Task], folder: Path) -> None:
        """Queue all tasks; see `serbench.contracts.DetachableEngine`."""
        record, size = Record(folder), queue.max_array_size()
        groups: dict[object, list[int]] = {}
        for position, task in enumerate(tasks):
            groups.setdefault((task.needs, task.after), []).append(position)
        shares = [
            tuple(group[start : start + size])
            for group in groups.values()  # a group follows those that it comes after
            for start in range(0, len(group), size)
        ]
        record.write(tasks, shares)
        ids: dict[int, str] = {}  # "12_3", by position
        logs = str(record.logs).replace("%", "%%")
        for number, positions in enumerate(shares):
            earlier = [ids[at] for at in tasks[positions[0]].after]
            options = [
                f"--job-name={_name([tasks[at] for at in positions])}",
                f"--array=0-{len(positions) - 1}{self._throttle}",
                f"--comment={record.comment(number)}",
                f"--output={logs}/%A_%a.log",
                *self._options(tasks[positions[0]].needs),
                *([f"--dependency=afterok:{':'.join(earlier)}"] if earlier else []),
                *self._further,
            ]
            try:
                job = queue.submit(self._script(folder, positions), options)
            except SerbenchError as error:
                raise SerbenchError(f"Slurm refused the tasks: {error}") from error
            record.queued(number, job)
            ids |= {at: f"{job}_{index}" for index, at in enumerate(positions)}

    def follow(self, folder: Path, receive: Receive) -> Iterator[Outcome]:
        """Yield the outcomes of submitted tasks; see `serbench.contracts.DetachableEngine`."""
        return Watch(folder, receive).outcomes()

    def cancel(self, folder: Path) -> None:
        """Remove all tasks from the queue, and end those that run."""
        record = Record(folder)
        arrays = record.arrays()
        if not all(array.job for array in arrays):  # the command was killed while it queued them
            arrays, _ = known(record)
        queue.cancel(array.job for array in arrays)
        shutil.rmtree(record.logs, ignore_errors=True)

    def states(self, folder: Path) -> Mapping[int, str]:
        """Return where tasks without an outcome are, by position."""
        record = Record(folder)
        arrays, found = known(record)
        ended = record.ended()
        return {
            position: job.stage
            for array in arrays
            for index, position in enumerate(array.positions)
            if position not in ended
            if (job := found.get((array.job, index))) and not job.is_ended
        }

    def _options(self, needs: Needs) -> list[str]:
        """Return the options of sbatch for tasks with these needs."""
        memory = needs.memory if self._memory is None else self._memory
        gpus = math.ceil(needs.gpus)
        gres = self._gres if self._gres is not None else f"gpu:{gpus}" if gpus else ""
        time = self._time if self._time is not None else math.ceil(needs.minutes)
        lead = min(LEAD, time * 15) if isinstance(time, int) and time else LEAD
        return [
            *("--nodes=1", "--ntasks=1", "--requeue", "--open-mode=append"),
            "--kill-on-invalid-dep=yes",
            f"--signal=B:USR1@{lead}",
            f"--cpus-per-task={self._cpus or needs.threads}",
            *([f"--mem={math.ceil(memory * 1024)}M"] if memory else []),
            *([f"--time={time}"] if time else []),
            *([f"--gres={gres}"] if gres else []),
            *self._named,
        ]

    def _script(self, folder: Path, positions: Sequence[int]) -> str:
        """Return the script of an array: bash that becomes the Python process of its task."""
        python = self._python
        path = ""
        if python is None:  # a job finds the modules that this process finds
            python = sys.executable
            path = "export PYTHONPATH=" + shlex.quote(
                os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))
            )
        command = f"{shlex.quote(python)} -P -m serbench_slurm.job {shlex.quote(str(folder))}"
        lines = ["#!/bin/bash", path, self._setup, f"positions=({' '.join(map(str, positions))})"]
        return "\n".join([*lines, f'exec {command} "${{positions[$SLURM_ARRAY_TASK_ID]}}"', ""])


def _name(tasks: Sequence[Task]) -> str:
    """Return the name that squeue shows: the run of the tasks, or how many tasks there are."""
    names = {re.sub("^fold .+? of ", "", task.name) for task in tasks}
    return names.pop() if len(names) == 1 else f"serbench, {len(tasks)} tasks"
