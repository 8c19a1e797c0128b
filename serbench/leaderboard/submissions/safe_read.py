"""Reads files that strangers wrote: bounded, nothing followed, nothing run, no surprise in JSON.

Whatever such a file holds, what comes back is plain values or a `SerbenchError` that says why not.
"""

import json
import math
import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.escaping import shown as visible

DEEPEST = 12  # brackets in brackets; a certificate in a fold's facts needs five
LONGEST_NUMBER = 25  # digits and signs; a float64 is written with at most 24
LONG_NUMBER, ALIKE = b"0" * LONGEST_NUMBER, bytes.maketrans(b"123456789", b"0" * 9)
MAGIC = {  # first bytes of what is sometimes sent instead
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
    """The bytes of a regular file that is no link and not larger than `most`.

    Raises:
        SerbenchError: it is something else, too large, or cannot be read.
    """
    try:
        _require_file(path, path.lstat(), most)
        # not blocking: a pipe that took the file's place a moment ago would wait for its writer
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
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


def _require_file(path: Path, found: os.stat_result, most: int) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise SerbenchError(f"{path.name} is a link: send the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise SerbenchError(f"{path.name} is not a regular file")
    if found.st_size > most:
        raise _too_large(path, found.st_size, most)


def _too_large(path: Path, size: int, most: int) -> SerbenchError:
    return SerbenchError(f"{path.name} has {size} bytes: at most {most} are read")


def entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    """What is in a folder that is no link, sorted by name; nothing is opened.

    Raises:
        SerbenchError: it is no folder, or holds more than `most` entries.
    """
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise SerbenchError(f"{folder.name} is not a folder: no link to one will do either")
        found = []
        with os.scandir(folder) as scanned:
            for entry in scanned:
                found.append(entry)
                if len(found) > most:
                    raise SerbenchError(f"{folder.name} holds more than {most} files")
    except OSError as error:
        raise SerbenchError(f"{folder.name} cannot be read ({error.strerror})") from error
    return sorted(found, key=lambda entry: entry.name)


def parsed(data: bytes, what: str, infinite: bool = False) -> Any:
    """The value of strict JSON in UTF-8: no key twice, no NaN, no boundless numbers or depth.

    Args:
        data: the text, already bounded in size.
        what: it is, for the message.
        infinite: let NaN and infinity pass, as a learning curve may have them.

    Raises:
        SerbenchError: it is not.
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
        raise SerbenchError(f"{what} is not text in UTF-8 ({error.reason})") from error
    except json.JSONDecodeError as error:
        raise SerbenchError(f"{what} is not JSON: {error}") from error
    except _Odd as odd:
        raise SerbenchError(f"{what}: {odd}") from odd
    except RecursionError:
        raise SerbenchError(f"{what} is nested deeper than {DEEPEST} levels") from None
    levels = list(_levels(value))
    if len(levels) > DEEPEST:
        raise SerbenchError(f"{what} is nested deeper than {DEEPEST} levels")
    if b"\\u" in data and any(map(_halved, _texts(value, levels))):
        raise SerbenchError(f"{what} holds half a character (a lone surrogate)")
    return value


class _Odd(Exception):
    """What JSON allows and no honest file has."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _Odd(f"the key {twice[:80]!r} is given twice")
    return made


def _no_constant(name: str) -> Any:
    raise _Odd(f"{name} is no number that JSON has")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise _Odd(f"a number has {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    if len(digits) > LONGEST_NUMBER or not math.isfinite(float(digits)):
        raise _Odd(f"the number {digits[:30]} is too long or too large")
    return float(digits)


def _levels(value: Any) -> Iterator[list[Any]]:
    """Lists and objects by how deep they are, up to one level more than there may be."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(DEEPEST + 1):
        if not level:
            return
        yield level
        level = [
            part
            for one in level
            for part in (one.values() if type(one) is dict else one)
            if type(part) in (dict, list)
        ]


def _texts(value: Any, levels: list[list[Any]]) -> Iterator[str]:
    """Every text in a JSON value, keys too, once its lists and objects are known."""
    for one in [[value], *(each for level in levels for each in level)]:
        parts = [*one.keys(), *one.values()] if isinstance(one, dict) else one
        yield from (part for part in parts if isinstance(part, str))


def _halved(text: str) -> bool:
    return any("\ud800" <= one <= "\udfff" for one in text)


def shown(text: str, most: int = 400) -> str:
    r"""Return untrusted text for a terminal: one line, no control characters, not too long.

    >>> shown("a\x1b[31m")
    'a\\x1b[31m'
    """
    return visible(text, most)
