"""Reads files that strangers wrote: bounded, nothing followed, nothing run, no surprise in JSON.

Whatever such a file holds, what comes back is plain values or a `SerbenchError` that says why not.
"""

import json
import math
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from serbench.errors import SerbenchError
from serbench.lookalike_names import unseen
from serbench.text import shown as visible

MOST_COUNT = 10**9  # more than all recordings of speech there are; int64 sums cannot overflow
HEX64 = r"[0-9a-f]{64}"


@dataclass(frozen=True)
class Text:
    """A text.

    Attributes:
        most: how many characters it may have.
        pattern: what the whole of it must match.
        lines: it may have more than one line.
    """

    most: int = 200
    pattern: str = ""
    lines: bool = False


@dataclass(frozen=True)
class Whole:
    """A whole number from 0 on."""

    most: int = MOST_COUNT


@dataclass(frozen=True)
class Number:
    """A number that is not below 0."""

    most: float


@dataclass(frozen=True)
class Object:
    """An object.

    Attributes:
        keys: it must have, each with its shape.
        others: of keys that it may have.
        known_only: it may have no key that neither names.
    """

    keys: Mapping[str, Any]
    others: Mapping[str, Any]
    known_only: bool = False

    @cached_property
    def known(self) -> Mapping[str, Any]:
        """All keys that it must or may have."""
        return {**self.keys, **self.others}


@dataclass(frozen=True)
class Named:
    """An object with any keys that are short texts, all its values of one shape."""

    values: Any
    most: int = 10_000


NUMBER = "number"
ANY_NUMBER = "any number, finite or not"
ANYTHING = "anything"

Shape = Any
"""Text, Whole, Number, Object, Named, NUMBER, ANY_NUMBER, ANYTHING, bool.

[shape] is a list of such, (shape, None) may be null.
"""


def fit(value: object, shape: Shape, where: str) -> None:
    """Check that a value has a shape.

    Args:
        value: as JSON gives it.
        shape: what it must be.
        where: it stands: "card.json: submitter".

    Raises:
        SerbenchError: it says where and what is wrong.
    """
    if shape is ANYTHING:
        return
    if isinstance(shape, Text):
        _fit_text(value, shape, where)
    elif isinstance(shape, tuple):
        if value is not None:
            fit(value, shape[0], where)
    elif isinstance(shape, Whole):
        if type(value) is not int or not 0 <= value <= shape.most:
            raise SerbenchError(f"{where} must be a whole number from 0 to {shape.most}")
    elif isinstance(shape, Number):
        if type(value) not in (int, float) or not 0 <= cast(float, value) <= shape.most:
            raise SerbenchError(f"{where} must be a number from 0 to {shape.most:g}")
    elif isinstance(shape, Object):
        _fit_object(value, shape, where)
    elif isinstance(shape, Named):
        _fit_named(value, shape, where)
    elif isinstance(shape, list):
        if _counts(value, shape):  # there are thousands of them on a card
            return
        for index, one in enumerate(_of(value, list, where, "a list")):
            fit(one, shape[0], f"{where}[{index}]")
    elif shape == NUMBER:
        if type(value) not in (int, float) or not math.isfinite(cast(float, value)):
            raise SerbenchError(f"{where} must be a finite number")
    elif shape == ANY_NUMBER:
        if type(value) not in (int, float):
            raise SerbenchError(f"{where} must be a number")
    elif shape is bool:
        _of(value, bool, where, "true or false")


def _counts(value: Any, shape: Shape) -> bool:
    """It is a list of whole numbers, or of such lists, all as they should be."""
    rows, inner = [value], shape[0]
    if isinstance(inner, list) and type(value) is list:
        rows, inner = value, inner[0]
    if not isinstance(inner, Whole) or any(type(row) is not list for row in rows):
        return False
    most = inner.most
    return all(type(one) is int and 0 <= one <= most for row in rows for one in row)


def _of(value: Any, kind: type, where: str, words: str) -> Any:
    if type(value) is not kind:
        raise SerbenchError(f"{where} must be {words}")
    return value


def _fit_text(value: object, shape: Text, where: str) -> None:
    text: str = _of(value, str, where, "a text")
    if len(text) > shape.most:
        raise SerbenchError(f"{where} has {len(text)} characters: at most {shape.most}")
    plain(text, where, shape.lines)
    if shape.pattern and not re.fullmatch(shape.pattern, text, re.ASCII):
        raise SerbenchError(f"{where} is {text[:80]!r}, which is not written as it must be")


def plain(text: str, where: str, lines: bool = False) -> None:
    """Check that a text holds nothing that a reader cannot see.

    Raises:
        SerbenchError: there are control characters, or ones that nobody sees: they turn the
            direction of writing, or make two names look alike.
    """
    if text.isprintable() and text.isascii():
        return
    if one := unseen(text, emoji=lines):
        raise SerbenchError(f"{where} contains the invisible character U+{ord(one):04X}")
    for one in text:
        if lines and one in "\n\t":
            continue
        if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            raise SerbenchError(f"{where} holds the control character U+{ord(one):04X}")


def _fit_object(value: object, shape: Object, where: str) -> None:
    found: Mapping[str, object] = _of(value, dict, where, "an object")
    lacking = [key for key in shape.keys if key not in found]
    if lacking:
        raise SerbenchError(f"{where} lacks {', '.join(lacking)}")
    unknown = [key for key in found if key not in shape.known] if shape.known_only else []
    if unknown:
        raise SerbenchError(f"{where} has {unknown[0][:80]!r}, which nothing knows")
    where = f"{where}." if ":" in where else f"{where}: "
    for key, one in shape.known.items():
        if key in found:
            fit(found[key], one, where + key)


def _fit_named(value: object, shape: Named, where: str) -> None:
    found: Mapping[str, object] = _of(value, dict, where, "an object")
    if len(found) > shape.most:
        raise SerbenchError(f"{where} has {len(found)} names: at most {shape.most}")
    for name, one in found.items():
        _fit_text(name, _NAME, "a name in " + where)
        fit(one, shape.values, f"{where}.{name}")


_NAME = Text()


def square(matrix: Sequence[Sequence[int]], labels: int, where: str) -> None:
    """Check that a matrix has as many rows and columns as there are labels.

    Raises:
        SerbenchError: it has not.
    """
    if len(matrix) != labels or any(len(row) != labels for row in matrix):
        raise SerbenchError(f"{where} must have {labels} rows and columns, one a label")


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
    r"""A stranger's text for a terminal: one line, no control characters, not too long.

    >>> shown("a\x1b[31m")
    'a\\x1b[31m'
    """
    return visible(text, most)
