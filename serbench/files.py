"""Write files atomically, lock names in a folder, and compute digests of contents."""

import contextlib
import errno
import hashlib
import json
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import safetensors
from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from serbench.errors import SerbenchError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and move it into place when the block succeeds.

    Readers of `path` see the old file or the whole new one, never a part, even after
    `kill -9`. When the block fails the temporary file is removed.

    Raises:
        SerbenchError: the disk is full or the folder cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise writing_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path` and move it into place when the block succeeds.

    If another process has put a folder there meanwhile, that folder stays.

    Raises:
        SerbenchError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as name:
            folder = Path(name) / path.name
            folder.mkdir()
            yield folder
            with contextlib.suppress(OSError):
                folder.rename(path)
            if not path.is_dir():
                raise OSError(errno.EEXIST, "there is a file of that name")
    except (OSError, safetensors.SafetensorError) as error:
        raise writing_error(path, error) from error


def writing_error(path: Path, error: Exception) -> SerbenchError:
    """Return the user's error for a system's error in writing a file or folder.

    safetensors puts the system's error number into its message.
    """
    number = re.search(r"os error (\d+)", str(error))
    code = error.errno if isinstance(error, OSError) else int(number[1]) if number else None
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return SerbenchError(
            f"no space left on the disk that holds {path.parent}: free some, or choose another "
            "place with SERBENCH_CACHE or --results, and run the same command again; "
            "what was finished is kept"
        )
    return SerbenchError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}")


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; links are not followed."""
    if path.is_file() or path.is_symlink():
        return path.lstat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def expanded(path: str | Path) -> Path:
    """Return a path that a user wrote, with the home directory in place of ~.

    Raises:
        SerbenchError: it begins with ~, and there is no such home directory.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise SerbenchError(
            f"cannot find {path}, since there is no such home directory: write the path "
            "without ~, or set HOME"
        ) from error


def digest(value: object) -> str:
    """Return the sha256 of `value` as canonical JSON: sorted keys, no spaces, UTF-8.

    >>> digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # from a file system without locks
PATIENCE = 10  # seconds; writing a digest file takes a fraction of one


@contextlib.contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Lock a file while it is updated; after waiting `PATIENCE`, continue without the lock."""
    try:
        with probe(path.parent) as file:
            kind = lock_kind(Path(file.name))
        lock_file = path.with_name(f".{path.name}.lock")
        with lock(kind(lock_file), lock_file, PATIENCE):
            yield
    except OSError as error:
        raise writing_error(path, error) from error


@contextlib.contextmanager
def lock(file_lock: BaseFileLock, path: Path, patience: float = 0) -> Iterator[bool]:
    """Hold a lock whose file names this process; yield False if another process holds it."""
    is_held = True
    try:
        file_lock.acquire(timeout=patience, poll_interval=0.01)
    except Timeout:
        is_held = False
    if not is_held:  # outside of `except`, so that no later error shows this one as its context
        yield False
        return
    try:
        if not isinstance(file_lock, SoftFileLock):  # a soft lock writes this itself
            with path.open("r+") as file:  # after "w", ext4 would write to disk at once
                file.write(f"{os.getpid()}\n{socket.gethostname()}\n")
                file.truncate()
        yield True
    finally:
        if not isinstance(file_lock, SoftFileLock):
            path.unlink(missing_ok=True)
        file_lock.release()


@dataclass(frozen=True)
class Holder:
    """The process that a lock file names."""

    process: int
    host: str
    since: float  # seconds since 1970

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.since))
        return f"process {self.process} on host {self.host} since {since}"


def holder(lock_file: Path) -> Holder | None:
    """Return the process that a lock file names, without locking it; None if it names none."""
    try:
        process, host, *_ = lock_file.read_text().split()
        return Holder(int(process), host, lock_file.stat().st_mtime)
    except (OSError, ValueError):  # the file is just being created or removed
        return None


def probe(folder: Path) -> "tempfile._TemporaryFileWrapper[bytes]":
    """Make a temporary file in the folder; while it exists, the folder is not removed as empty."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another command has just removed the folder
            return tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part")


def lock_kind(probe: Path) -> type[BaseFileLock]:
    """Return the kind of lock that the probe's file system supports."""
    if issubclass(FileLock, SoftFileLock):  # this Python has no fcntl
        return SoftFileLock
    try:
        with FileLock(probe, timeout=0, fallback_to_soft=False):
            return FileLock
    except OSError as error:
        if error.errno in NO_LOCKS:
            return SoftFileLock
        raise
