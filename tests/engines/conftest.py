"""Real engines on this machine, for the tests of the engines' plugins."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIELDS = ("ArrayJobID", "ArrayTaskID", "State", "Reason", "NodeList", "Name", "RestartCnt")


class Slurm:
    """A cluster of two nodes, n1 and n2, with one core each; an array has at most four tasks."""

    def __init__(self, folder):
        self.folder = folder
        self._put_back = {}  # when a waiting job was first seen, by its id and its restarts

    def until(self, condition, seconds=60):
        """Wait until a function returns something true, and return that."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, f"not within {seconds} s; the queue: {self.jobs()}"
            time.sleep(0.1)
        return value

    def call(self, *command, text=""):
        """Run a command of Slurm, and return its output."""
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def jobs(self, *states):
        """Return the array tasks in some states, or all, as dictionaries of `FIELDS`."""
        form = ",".join(f"{name}:|" for name in FIELDS)
        wanted = ",".join(states) or "all"
        rows = self.call(
            "squeue", "--noheader", "--array", f"--states={wanted}", f"--Format={form}"
        )
        fields = [row.split("|") for row in rows.splitlines()]
        return [dict(zip(FIELDS, values, strict=False)) for values in fields]

    def id(self, job):
        """Return how scontrol and scancel name a job of `jobs`."""
        return f"{job['ArrayJobID']}_{job['ArrayTaskID']}"

    def running(self):
        """Return the running jobs."""
        return self.jobs("RUNNING")

    def idle(self):
        """Return whether no job waits or runs."""
        return not self.jobs("PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING")

    def hurry(self):
        """Start the jobs at once that Slurm has put back: it delays or holds them."""
        for job in self.jobs("PENDING"):
            if job["Reason"] == "launch failed requeued held":  # its node came back too late
                self.call("scontrol", "release", self.id(job))
            seen = self._put_back.setdefault((self.id(job), job["RestartCnt"]), time.monotonic())
            # within a second of its end, a node would refuse it: "Job credential revoked"
            if job["Reason"] == "BeginTime" and time.monotonic() - seen > 2:
                with contextlib.suppress(AssertionError):  # it has just begun or ended
                    self.call("scontrol", "update", f"JobId={self.id(job)}", "StartTime=now")

    def pids(self, words, variable=""):
        """Return processes by words in their command, and NAME=VALUE in their environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                variables = (path.parent / "environ").read_bytes().decode(errors="replace")
                own = f"SLURM_CONF={self.folder}" in variables and f"{variable}\0" in variables
                if words in line and own and int(path.parent.name) != os.getpid():
                    found.append(int(path.parent.name))
        return sorted(found)

    def kill(self, daemon, how=signal.SIGKILL):
        """Send a daemon a signal: "slurmctld", "slurmd.n1" or "slurmd.n2"."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((self.folder / "run" / f"{daemon}.pid").read_text()), how)

    def start(self, daemon):
        """Start a daemon again."""
        name, _, node = daemon.partition(".")
        stepd = shutil.which("slurmstepd-wlm")
        options = ["-N", node, "-d", stepd] if node else []
        subprocess.run([f"{name}-wlm", *options], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def lose(self, node):
        """End all processes of a node."""
        self.kill(f"slurmd.{node}")
        pids = self.pids("serbench", f"SLURMD_NODENAME={node}")
        jobs = set(self.pids("serbench_slurm.job")) & set(pids)
        stats = [Path(f"/proc/{pid}/stat").read_text() for pid in jobs]
        stepds = [int(stat.rpartition(")")[2].split()[1]) for stat in stats]  # their parents
        for pid in [*stepds, *pids]:  # stepd first, or it would tell slurmctld how its job ended
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start_dead(self, *, at_once):
        """Start daemons that were killed; at once, or when the loss of their node was noticed."""
        down = self.call("sinfo", "-h", "-N", "-t", "down", "-o", "%N").split()
        for daemon in ("slurmctld", "slurmd.n1", "slurmd.n2"):
            try:
                os.kill(int((self.folder / "run" / f"{daemon}.pid").read_text()), 0)
            except (OSError, ValueError):
                if at_once or daemon.rpartition(".")[2] in down:
                    self.start(daemon)

    def repair(self):
        """Make both nodes ready, and empty the queue."""
        self.start_dead(at_once=True)

        def has_both_nodes():
            self.call("scancel", "--quiet", f"--user={os.getuid()}")
            subprocess.run(
                ["scontrol", "update", "NodeName=n[1-2]", "State=RESUME"], capture_output=True
            )
            return self.call("sinfo", "-h", "-N", "-o", "%t").split() == ["idle", "idle"]

        self.until(has_both_nodes, 120)


def _free_port():
    """Return the first of three free ports."""
    for port in range(26817, 27817, 10):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for number in range(port, port + 3):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", number))
            return port
    raise OSError("no free ports")


@pytest.fixture(scope="session")
def _slurm():
    if shutil.which("apt-get") is None:
        pytest.skip("Slurm's packages come from Debian or Ubuntu")
    folder = Path(tempfile.mkdtemp(prefix="serbench-slurm-", dir="/tmp"))
    folder.chmod(0o755)  # munge requires it
    try:
        subprocess.run([HERE / "slurm-up", folder, str(_free_port())], check=True, timeout=300)
        lines = (folder / "env").read_text().replace("$PATH", os.environ["PATH"]).splitlines()
        with pytest.MonkeyPatch.context() as patch:
            for line in lines:
                name, _, value = line.removeprefix("export ").partition("=")
                patch.setenv(name, value)
            yield Slurm(folder)
            subprocess.run([HERE / "slurm-down", folder], check=True, timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def slurm(_slurm):
    """Yield a cluster whose nodes are ready and whose queue is empty."""
    _slurm.repair()
    yield _slurm
    _slurm.repair()
