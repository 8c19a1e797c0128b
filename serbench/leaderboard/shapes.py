"""What a value out of JSON must look like before anything is made of it."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from serbench.errors import SerbenchError
from serbench.text import unseen

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
