"""Real nodes of Ray on this machine, each with folders and variables of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

RAY = str(Path(sys.executable).with_name("ray"))


def processes(marker, *words):
    """Return the ids of living processes whose environment has a marker, and of their children.

    Words must be in their commands.
    """
    parents, commands, marked = {}, {}, set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state == "Z":
                continue
            process = int(folder.name)
            parents[process] = int(parent)
            commands[process] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            # a worker of Ray overwrites its environment with its title
            if marker.encode() in (folder / "environ").read_bytes():
                marked.add(process)

    def is_ours(process):
        while process in parents:
            if process in marked:
                return True
            process = parents[process]
        return False

    return [
        process
        for process, command in commands.items()
        if all(word in command for word in words) and is_ours(process)
    ]


class Node:
    """A node with one CPU; it does not see the folders in `hidden`."""

    def __init__(self, folder, *options, hidden=(), variables=None):
        self.folder, self._options, self._hidden = folder, options, hidden
        self._variables = variables or {}
        self.cache, self.data = folder / "cache", folder / "data"
        self.start()

    def start(self):
        self.folder.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "HOME": str(self.folder),
            "SERBENCH_CACHE": str(self.cache),
            "SERBENCH_DATA": str(self.data),
            "RAY_USAGE_STATS_ENABLED": "0",
            **self._variables,
        }
        hide = "".join(f"mount -t tmpfs none {path} && " for path in self._hidden)
        start = ["start", *self._options, "--num-cpus=1", "--object-store-memory=80000000"]
        node = [RAY, *start, "--node-ip-address=127.0.0.1", "--disable-usage-stats", "--block"]
        log = self.folder / "ray.log"
        with log.open("w") as out:
            self._process = subprocess.Popen(
                ["unshare", "-rm", "sh", "-c", f'{hide} exec "$@"', "sh", *node],
                env=environment,
                cwd=self.folder,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 90
        while "Ray runtime started" not in log.read_text():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def children(self, *words):
        """The ids of the node's processes with these words in their commands."""
        return processes(f"HOME={self.folder}\0", *words)

    def raylet(self):
        """Return the process that is the node for Ray."""
        return self.children("/raylet/raylet ")

    def kill(self):
        """Kill all of it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + 30
        while left := self.children():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)


class Head(Node):
    """The first node of a cluster."""

    def __init__(self, folder, variables=None):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        options = ("--head", f"--port={port}", "--include-dashboard=false")
        # Ray's sockets need short paths
        sessions = f"--temp-dir=/tmp/serbench-test-{port}"
        super().__init__(folder, *options, sessions, variables=variables)


class Cluster:
    """A head and a second node that sees none of the driver's folders."""

    def __init__(self, folder, driver):
        self.head = Head(folder / "head")
        self.address = self.head.address
        address = f"--address={self.address}"
        self.second = Node(folder / "second", address, hidden=[driver])

    def restart(self):
        """Start both nodes again."""
        self.stop()
        self.head.start()
        self.second.start()

    def stop(self):
        """End both nodes."""
        self.second.kill()
        self.head.kill()

    def folds(self):
        """Return the processes of folds, on both nodes."""
        words = "serbench.evaluation.folds.fold"
        return self.head.children(words) + self.second.children(words)
