"""Locks, so that no two commands compute the same fold."""

import contextlib
import importlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from filelock import BaseFileLock, SoftFileLock

from serbench.files import holder, lock, lock_kind, probe, writing_error


@contextlib.contextmanager
def claimed(folder: Path, names: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Claim names in a folder, created if missing, and yield the holders of names already taken.

    The lock of a name is a file in the folder with the process id and the host of its holder. The
    system releases the lock when its holder ends, even by `kill -9`. On a file system without
    locks, the file itself is the lock: a file whose process has ended on this host is taken over,
    a file of another host stays.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    held: dict[str, str] = {}
    if not names:  # a folder with a finished run need not be writable
        yield held
        return
    try:
        with contextlib.ExitStack() as locks:
            try:
                _allow_open_files(len(names))
                with probe(folder) as file:
                    kind = lock_kind(Path(file.name))
                    for name in names:
                        path = folder / f".{name}.lock"
                        if not locks.enter_context(lock(kind(path), path)):
                            held[name] = _holder(path, kind)
            except OSError as error:
                raise writing_error(folder, error) from error
            yield held
    finally:
        with contextlib.suppress(OSError):  # there is something in it
            folder.rmdir()


def _holder(path: Path, kind: type[BaseFileLock]) -> str:
    """Describe the process that holds a lock file, with the remedy if its lock would stay."""
    named = holder(path)
    if named is None:
        return "another process"
    stays = kind is SoftFileLock and named.host != socket.gethostname()
    remedy = f" (if that process is gone, remove the .lock files from {path.parent})"
    return f"{named}{remedy if stays else ''}"


def _allow_open_files(more: int) -> None:
    """Raise the limit of open files as far as needed and allowed: every lock is an open file."""
    with contextlib.suppress(ImportError):  # Windows has no such module
        resource = importlib.import_module("resource")

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = 0
        with contextlib.suppress(OSError):  # a system without this folder
            held = len(os.listdir("/dev/fd"))
        needed = held + more + 512
        if soft != resource.RLIM_INFINITY and soft < needed:
            limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
