"""Files that are whole or absent, and digests that name contents."""

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import safetensors

from serbench.errors import SerbenchError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and move it into place when the block succeeds.

    Whoever reads `path` sees the old file or the whole new one, never a part, even after
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

    Where somebody else has put a folder there meanwhile, theirs stays.

    Raises:
        SerbenchError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as name:
            made = Path(name) / path.name
            made.mkdir()
            yield made
            with contextlib.suppress(OSError):
                made.rename(path)
            if not path.is_dir():
                raise OSError(errno.EEXIST, "there is a file of that name")
    except (OSError, safetensors.SafetensorError) as error:
        raise writing_error(path, error) from error


def writing_error(path: Path, error: Exception) -> SerbenchError:
    """The line that a user sees when `path` cannot be written.

    Args:
        path: the file or folder.
        error: an OSError, or the error of safetensors, which has the system's in its words.
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
            f"cannot tell where {path} is, since there is no such home directory: write the path "
            "without ~, or set HOME"
        ) from error


def digest(value: object) -> str:
    """The sha256 of `value` as canonical JSON: sorted keys, no spaces, UTF-8.

    >>> digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """The hexadecimal checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
