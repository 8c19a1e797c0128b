"""Use the queue of a Slurm cluster with the commands sbatch, squeue, scancel and scontrol."""

import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from serbench import SerbenchError

PATIENCE = 300  # seconds; with a full queue, sbatch itself tries again for two minutes
FIELDS = ("ArrayJobID", "ArrayTaskID", "State", "Reason", "NodeList", "exit_code", "Comment")
ORDINARY = ("", "None", "Priority", "Resources", "JobArrayTaskLimit")  # reasons for waiting
ENDED = (
    *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED"),
    *("BOOT_FAIL", "DEADLINE", "REVOKED"),
)
NEVER = (  # reasons why a waiting job cannot start
    *("DependencyNeverSatisfied", "PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints"),
    *("PartitionConfig", "InvalidAccount", "InvalidQOS"),
)
HINTS = {  # what to do, by a word in Slurm's message; the first word that fits counts
    "time": "--engine-option time=MINUTES sets the time of a task, or time=2:30:00; "
    "`sinfo -o '%P %l'` shows the limits",
    "partition": "`sinfo -s` lists the partitions; choose one with --engine-option partition=NAME",
    "account": "choose an account with --engine-option account=NAME; "
    "`sacctmgr show associations user=$USER` lists yours",
    "qos": "choose a quality of service with --engine-option qos=NAME",
    "configuration is not available": "no node has so many cores, so much memory or such GPUs: "
    "see `sinfo -N -o '%N %c %m %G'`, and set --engine-option cpus=, memory= or gres=",
    "gres": "--engine-option gres=gpu:TYPE:1 chooses GPUs; `sinfo -o '%P %G'` shows them",
    "memory": "--engine-option memory=GIGABYTES sets the memory of a task; 0 uses Slurm's default",
    "limit": "the queue accepts no more of your jobs now: wait until some have ended",
    "unable to accept": "the queue is full: wait until some jobs have ended",
    "contact": "ask whoever runs the cluster, or try again later",
}


@dataclass(frozen=True)
class Job:
    """A task of an array, as squeue shows it.

    Attributes:
        state: "PENDING", "RUNNING", ...
        reason: why it waits, or why it ended.
        node: where it runs or ran; "" if it has not started.
        status: the exit status of its process, encoded as by `os.wait`.
    """

    state: str
    reason: str
    node: str
    status: int

    @property
    def is_ended(self) -> bool:
        """Return whether it has ended, or will never start."""
        return self.state in ENDED or (self.state == "PENDING" and self.reason in NEVER)

    @property
    def stage(self) -> str:
        """Return where the task is, for readers: "queued", "on n1"."""
        if "held" in self.reason.lower():
            return f"held in the queue ({self.reason})"
        if self.state == "PENDING":
            return "queued" if self.reason in ORDINARY else f"queued ({self.reason})"
        if self.state == "RUNNING":
            return f"on {self.node}"
        return self.state.lower().replace("_", " ") + (f" on {self.node}" if self.node else "")

    @property
    def end(self) -> str:
        """Return how the task ended, and what to do."""
        number = self.status & 0x7F
        if self.state == "TIMEOUT":
            return "reached its time limit; ask for more with --engine-option time=MINUTES"
        if self.state == "OUT_OF_MEMORY":
            return "ran out of memory; ask for more with --engine-option memory=GIGABYTES"
        if self.state == "NODE_FAIL":
            return f"was lost with its node {self.node}; run the same command again"
        if self.state == "CANCELLED" and self.reason not in NEVER:
            return "was cancelled, by scancel or by an administrator; run the same command again"
        if self.state == "PREEMPTED":
            return "was ended for a job with more priority; run the same command again"
        if self.reason == "DependencyNeverSatisfied":
            return "did not start, because a task that it depends on failed"
        if self.reason in NEVER:
            return f"can never start ({self.reason}); {hint(self.reason)}"
        if number == signal.SIGKILL:
            return (
                "was killed by SIGKILL; out of memory? Ask for more with "
                "--engine-option memory=GIGABYTES"
            )
        if number:
            return f"was killed by {signal.Signals(number).name}"
        if self.state == "COMPLETED":
            return "ended, but stored no outcome"
        return f"ended with exit code {self.status >> 8} ({self.state})"


def hint(words: str) -> str:
    """Return what to do about a message of Slurm."""
    found = (what for key, what in HINTS.items() if key in words.lower())
    return next(found, "`man sbatch` explains the options")


def max_array_size() -> int:
    """Return how many tasks an array may have."""
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", _call(["scontrol", "show", "config"]))
    return max(1, int(found[1])) if found else 1001  # Slurm's default


def submit(script: str, options: Sequence[str]) -> str:
    """Queue a script, and return the id of the job."""
    return _call(["sbatch", "--parsable", *options], script).strip().partition(";")[0]


def jobs() -> tuple[Mapping[tuple[str, int], Job], Mapping[str, str]]:
    """Return this user's array tasks by job and index, and the jobs by their comments.

    Ended tasks stay listed for some minutes (MinJobAge of slurm.conf).
    """
    form = ",".join(f"{name}:|" for name in FIELDS)
    user = str(os.getuid())
    command = ["squeue", "--noheader", "--array", "--states=all", f"--user={user}"]
    rows = [line.split("|") for line in _call([*command, f"--Format={form}"]).splitlines()]
    rows = [row for row in rows if len(row) > len(FIELDS) and row[1].isdigit()]
    found = {
        (job, int(index)): Job(state, reason, node.replace("(null)", ""), int(status or 0))
        for job, index, state, reason, node, status, *_ in rows
    }
    return found, {row[6]: row[0] for row in rows}


def cancel(jobs: Iterable[str]) -> None:
    """Remove jobs from the queue; ignore jobs that have ended."""
    if wanted := [job for job in jobs if job]:
        _call(["scancel", "--quiet", *wanted])


def requeue(job: str) -> None:
    """Put a running job back into the queue."""
    _call(["scontrol", "requeue", job])


def _call(command: Sequence[str], text: str = "") -> str:
    """Run a command of Slurm, and return what it prints.

    Raises:
        SerbenchError: the command is missing or fails; the message quotes it.
    """
    # inside a job, SLURM_* variables would act as options of the jobs that it queues
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SLURM_") or name in ("SLURM_CONF", "SLURM_CLUSTERS")
    }
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=inherited, timeout=PATIENCE
        )
    except FileNotFoundError:
        raise SerbenchError(
            f"the command {command[0]} is missing: run serbench where Slurm's commands are, such "
            "as a cluster's login node, or use --engine local"
        ) from None
    except subprocess.TimeoutExpired:
        raise SerbenchError(f"{command[0]} did not answer in {PATIENCE} s") from None
    if done.returncode:
        lines = re.sub(rf"(?m)^{command[0]}: (error|fatal): ", "", done.stderr).split("\n")
        words = "; ".join(dict.fromkeys(filter(None, map(str.strip, lines))))
        raise SerbenchError(
            f"{command[0]} failed: {words or f'exit code {done.returncode}'}; {hint(words)}"
        )
    return done.stdout
