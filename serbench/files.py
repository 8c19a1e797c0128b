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
from collections.abc import Iterator, Mapping, Sequence
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
    """Lock a file while it is updated; after waiting `PATIENCE`, continue without the lock."""
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
    """Hold a lock whose file names this process; yield False if another process holds it."""
    try:
        lock.acquire(timeout=patience, poll_interval=0.01)
    except Timeout:
        yield False
        return
    try:
        if not isinstance(lock, SoftFileLock):  # a soft lock writes this itself
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
    if issubclass(FileLock, SoftFileLock):  # this Python has no fcntl
        return SoftFileLock
    try:
        with FileLock(probe, timeout=0, fallback_to_soft=False):
            return FileLock
    except OSError as error:
        if error.errno in NO_LOCKS:
            return SoftFileLock
        raise


def _holder(path: Path, kind: type[BaseFileLock]) -> str:
    """Describe the process that holds a lock file, with the remedy if its lock would stay."""
    try:
        process, host, *_ = path.read_text().split()
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
    except (OSError, ValueError):  # the file is just being created or removed
        return "another process"
    stays = kind is SoftFileLock and host != socket.gethostname()
    remedy = f" (if that process is gone, remove the .lock files from {path.parent})"
    return f"process {process} on host {host} since {since}{remedy if stays else ''}"


def _allow_open_files(more: int) -> None:
    """Raise the limit of open files as far as needed and allowed: every lock is an open file."""
    with contextlib.suppress(ImportError):  # Windows has no such module
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = more + 512
        if soft != resource.RLIM_INFINITY and soft < needed:
            limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
