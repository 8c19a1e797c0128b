"""Locks between processes: each fold of a run is computed by one command at a time."""

import contextlib
import errno
import os
import resource
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from serbench.files import writing_error

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # what a file system without locks says
PATIENCE = 10  # seconds; a digest file is written in a fraction of one


@contextlib.contextmanager
def claimed(folder: Path, names: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Claim names in a folder, made if need be, and yield who holds those that are taken.

    The lock of a name is a file in the folder, with the process id and the host of its holder. The
    system releases the lock when its holder ends, even by `kill -9`. Where the file system has no
    locks, the file itself is the lock: a file of a process that has ended on this host is taken
    over, a file of another host stays.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    held: dict[str, str] = {}
    if not names:  # a folder with a finished run need not be writable
        yield held
        return
    with contextlib.ExitStack() as locks:
        locks.callback(_remove_empty, folder)
        try:
            _allow_open_files(len(names))
            with _probe(folder) as probe:
                kind = _kind(Path(probe.name))
                for name in names:
                    path = folder / f".{name}.lock"
                    if not locks.enter_context(_lock(kind(path), path)):
                        held[name] = _holder(path, kind)
        except OSError as error:
            raise writing_error(folder, error) from error
        yield held


@contextlib.contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Keep other processes from changing a file while it is updated; after `PATIENCE`, go on."""
    try:
        with _probe(path.parent) as probe:
            kind = _kind(Path(probe.name))
        lock = path.with_name(f".{path.name}.lock")
        with _lock(kind(lock), lock, PATIENCE):
            yield
    except OSError as error:
        raise writing_error(path, error) from error


@contextlib.contextmanager
def _lock(lock: BaseFileLock, path: Path, patience: float = 0) -> Iterator[bool]:
    """Hold a lock and write its holder, or yield False; remove the file before releasing it."""
    try:
        lock.acquire(timeout=patience, poll_interval=0.01)
    except Timeout:
        yield False
        return
    try:
        if not isinstance(lock, SoftFileLock):  # which writes the same itself
            path.write_text(f"{os.getpid()}\n{socket.gethostname()}\n")
        yield True
    finally:
        if not isinstance(lock, SoftFileLock):
            path.unlink(missing_ok=True)
        lock.release()


def _probe(folder: Path) -> "tempfile._TemporaryFileWrapper[bytes]":
    """Make a temporary file in the folder; while it exists, the folder is not removed as empty."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another command has just removed the folder
            return tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part")


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # there is something in it
        folder.rmdir()


def _kind(probe: Path) -> type[BaseFileLock]:
    """Return the kind of lock that the probe's file system supports."""
    try:
        with FileLock(probe, timeout=0, fallback_to_soft=False):
            return FileLock
    except OSError as error:
        if error.errno in NO_LOCKS:
            return SoftFileLock
        raise


def _holder(path: Path, kind: type[BaseFileLock]) -> str:
    """Say which process a lock file names, since when, and what to do where its lock would stay."""
    try:
        process, host, *_ = path.read_text().split()
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
    except (OSError, ValueError):  # it has just been made, or is gone
        return "another process"
    stays = kind is SoftFileLock and host != socket.gethostname()
    remedy = f" (if that process is gone, remove the .lock files from {path.parent})"
    return f"process {process} on host {host} since {since}{remedy if stays else ''}"


def _allow_open_files(more: int) -> None:
    """Raise the limit of open files, as far as the system lets us: every lock is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = more + 512
    if soft != resource.RLIM_INFINITY and soft < needed:
        limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
