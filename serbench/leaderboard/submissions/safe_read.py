"""Read untrusted files safely: sizes are bounded, links not followed, nothing is run.

Whatever a file contains, the result is plain values, or a `SerbenchError` with the reason.
"""

import json
import math
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.escaping import shown as visible

DEEPEST = 12  # brackets in brackets; a certificate in a fold's facts needs five
LONGEST_NUMBER = 25  # digits and signs; a float64 is written with at most 24
LONG_NUMBER, ALIKE = b"0" * LONGEST_NUMBER, bytes.maketrans(b"123456789", b"0" * 9)
# follow no link and do not block, in case a link or a pipe has replaced the file since the check
FLAGS = os.O_RDONLY
if sys.platform != "win32":
    FLAGS |= os.O_NOFOLLOW | os.O_NONBLOCK
MAGIC = {  # first bytes of other kinds of files that are sometimes sent
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x93NUMPY": "a numpy array",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"\x89HDF": "an HDF5 file",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
}


def contents(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file, not a link, of at most `most` bytes.

    Raises:
        SerbenchError: it is not such a file, or cannot be read.
    """
    try:
        _require_file(path, path.lstat(), most)
        handle = os.open(path, FLAGS)
        with open(handle, "rb") as file:
            _require_file(path, os.fstat(handle), most)
            data = file.read(most + 1)
    except OSError as error:
        raise SerbenchError(f"{path.name} cannot be read ({error.strerror})") from error
    if len(data) > most:
        raise _too_large(path, len(data), most)
    for magic, kind in MAGIC.items():
        if data.startswith(magic):
            raise SerbenchError(f"{path.name} is {kind}: archives and pickles are never opened")
    return data


def _require_file(path: Path, status: os.stat_result, most: int) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise SerbenchError(f"{path.name} is a link: send the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise SerbenchError(f"{path.name} is not a regular file")
    if status.st_size > most:
        raise _too_large(path, status.st_size, most)


def _too_large(path: Path, size: int, most: int) -> SerbenchError:
    return SerbenchError(f"{path.name} has {size} bytes: at most {most} are read")


def entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    """List a folder, not a link, sorted by name, without opening any file.

    Raises:
        SerbenchError: it is not a folder, or contains more than `most` entries.
    """
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise SerbenchError(f"{folder.name} is not a folder (links to folders are refused)")
        listed = []
        with os.scandir(folder) as scanned:
            for entry in scanned:
                listed.append(entry)
                if len(listed) > most:
                    raise SerbenchError(f"{folder.name} contains more than {most} files")
    except OSError as error:
        raise SerbenchError(f"{folder.name} cannot be read ({error.strerror})") from error
    return sorted(listed, key=lambda entry: entry.name)


def parsed(data: bytes, where: str, infinite: bool = False) -> Any:
    """Parse strict JSON in UTF-8: no repeated keys, no NaN, bounded numbers and depth.

    Args:
        data: the text, already bounded in size.
        where: name of the text, for messages.
        infinite: allow NaN and infinity, which learning curves may contain.

    Raises:
        SerbenchError: it is not strict JSON.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=float if infinite else _no_constant,
            parse_int=_whole if LONG_NUMBER in data.translate(ALIKE) else int,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise SerbenchError(f"{where} is not text in UTF-8 ({error.reason})") from error
    except json.JSONDecodeError as error:
        raise SerbenchError(f"{where} is not JSON: {error}") from error
    except _Suspicious as error:
        raise SerbenchError(f"{where}: {error}") from error
    except RecursionError:
        raise SerbenchError(f"{where} is nested deeper than {DEEPEST} levels") from None
    levels = list(_levels(value))
    if len(levels) > DEEPEST:
        raise SerbenchError(f"{where} is nested deeper than {DEEPEST} levels")
    if b"\\u" in data and any(map(_has_surrogate, _texts(value, levels))):
        raise SerbenchError(f"{where} contains half a character (a lone surrogate)")
    return value


class _Suspicious(Exception):
    """JSON that Python parses, but that serbench never writes."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _Suspicious(f"the key {twice[:80]!r} is given twice")
    return unique


def _no_constant(name: str) -> Any:
    raise _Suspicious(f"{name} is not a number in JSON")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise _Suspicious(f"a number has {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    if len(digits) > LONGEST_NUMBER or not math.isfinite(float(digits)):
        raise _Suspicious(f"the number {digits[:30]} is too long or too large")
    return float(digits)


def _levels(value: Any) -> Iterator[list[Any]]:
    """Yield the lists and objects of each level, down to one level deeper than is allowed."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(DEEPEST + 1):
        if not level:
            return
        yield level
        level = [
            part
            for parent in level
            for part in (parent.values() if type(parent) is dict else parent)
            if type(part) in (dict, list)
        ]


def _texts(value: Any, levels: list[list[Any]]) -> Iterator[str]:
    """Yield every text in a JSON value, including keys; `levels` is the result of `_levels`."""
    for parent in [[value], *(parent for level in levels for parent in level)]:
        parts = [*parent.keys(), *parent.values()] if isinstance(parent, dict) else parent
        yield from (part for part in parts if isinstance(part, str))


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def shown(text: str, most: int = 400) -> str:
    r"""Return untrusted text for a terminal: one line, no control characters, not too long.

    >>> shown("a\x1b[31m")
    'a\\x1b[31m'
    """
    return visible(text, most)
