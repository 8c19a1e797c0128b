"""Check stored JSON against the annotations of frozen dataclasses.

Annotations are `str`, `int`, `float`, `bool`, `object`, `Literal`, `X | None`, `tuple[X, ...]`,
`Mapping[str, X]` and dataclasses; `Annotated` adds the bounds below. Bounds are only checked in
untrusted files, not in a user's own.
"""

import dataclasses
import math
import re
import types
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from serbench.errors import SerbenchError
from serbench.escaping import shown, unseen

MOST_COUNT = 10**9  # more than all recordings of speech there are; int64 sums cannot overflow
HEX64 = r"[0-9a-f]{64}"


@dataclass(frozen=True)
class Text:
    """Bounds of a text.

    Attributes:
        most: the maximum number of characters.
        pattern: regular expression that the whole text must match.
        lines: whether the text may have more than one line.
    """

    most: int = 200
    pattern: str = ""
    lines: bool = False


@dataclass(frozen=True)
class Whole:
    """Bounds of a whole number, which is never negative."""

    most: int = MOST_COUNT


@dataclass(frozen=True)
class Number:
    """Bounds of a number that is not negative; numbers without bounds must be finite."""

    most: float


@dataclass(frozen=True)
class Names:
    """The maximum number of keys of a mapping."""

    most: int = 10_000


@dataclass(frozen=True)
class Like:
    """A mapping that must also fit a dataclass."""

    kind: type


INFINITE = "a number that may be infinite or NaN"
NULL_IS_NAN = "a number that is stored as null if it is NaN"

Name = Annotated[str, Text(100)]
Digest = Annotated[str, Text(64, HEX64)]
Count = Annotated[int, Whole()]
Score = Annotated[float, NULL_IS_NAN]

Fit = Callable[[Any, str], Any]
"""Converts a JSON value, of which the text is the name, or raises a `SerbenchError`."""

DEFAULTS: Mapping[object, Any] = {str: Text(), int: Whole(), Mapping: Names(), float: None}


class Open:
    """Base class of objects that may have unknown keys, from later releases."""


class Complete:
    """Base class of objects that are stored with every key, those with defaults too."""


def fit(value: Any, kind: Any, where: str, bounded: bool = True) -> Any:
    """Convert a JSON value to an annotated type: lists to tuples, objects to instances.

    Args:
        value: the JSON value.
        kind: the annotation.
        where: name of the value, for messages: "card.json".
        bounded: whether to check bounds, as for untrusted files.

    Raises:
        SerbenchError: the value does not fit; the message says where and why.
    """
    return _fitting(kind, bounded)(value, where)


@cache
def _fitting(kind: Any, bounded: bool) -> Fit:
    """Return the function that fits values to an annotation: annotations are read only once."""
    bounds: tuple[Any, ...] = ()
    if get_origin(kind) is Annotated:
        kind, bounds = kind.__origin__, kind.__metadata__
    origin, inner = get_origin(kind) or kind, get_args(kind)
    bound = (*bounds, DEFAULTS.get(origin))[0] if bounded else None
    if origin in (Union, types.UnionType):
        some = _fitting(inner[0], bounded)
        return lambda value, where: None if value is None else some(value, where)
    if origin is tuple:
        return _list(inner, bounded)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _object(kind, bounded)
    if origin is Mapping:
        likes = [_fitting(each.kind, bounded) for each in bounds if isinstance(each, Like)]
        return _mapping(likes, inner[1], bound, bounded)
    if origin is Literal:
        return partial(_fit_choice, inner)
    if kind is str:
        return partial(_fit_text, bound)
    if kind is int:
        return partial(_fit_whole, bound)
    if kind is float:
        return partial(_fit_number, bound, bounded, NULL_IS_NAN in bounds)
    if kind is bool:
        return lambda value, where: _require(value, bool, where, "true or false")
    assert kind in (object, Any), kind
    return lambda value, where: value


def require_schema(stored: Any, schema: int, where: str) -> None:
    """Refuse JSON that is not an object with this schema number.

    Raises:
        SerbenchError: it has another schema, or none.
    """
    number = stored.get("schema") if isinstance(stored, dict) else None
    if number != schema or type(number) is not int:
        raise SerbenchError(
            f"{where} has the schema {str(number)[:20]!r}, this serbench reads {schema}: "
            "install the version that wrote it, or a newer one"
        )


def _require(value: Any, kind: type, where: str, expected: str) -> Any:
    if type(value) is not kind:
        raise _misfit(where, expected, value)
    return value


def _misfit(where: str, expected: str, value: Any) -> SerbenchError:
    return SerbenchError(f"{where} must be {expected}, not {shown(repr(value), 40)}")


def _list(inner: tuple[Any, ...], bounded: bool) -> Fit:
    kind, length = inner[0], None if inner[-1] is Ellipsis else len(inner)
    item, is_count = _fitting(kind, bounded), kind == Count

    def fit_list(value: Any, where: str) -> tuple[Any, ...]:
        rows = _require(value, list, where, "a list")
        if length is not None and len(rows) != length:
            raise _misfit(where, f"a list of {length}", value)
        if is_count and all(type(row) is int and 0 <= row <= MOST_COUNT for row in rows):
            return tuple(rows)  # a fast path, since a card has thousands of counts
        return tuple([item(row, f"{where}[{at}]") for at, row in enumerate(rows)])

    return fit_list


def _object(kind: Any, bounded: bool) -> Fit:
    kinds = get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    fits = {field.name: _fitting(kinds[field.name], bounded) for field in fields}
    is_complete, is_open = issubclass(kind, Complete), not bounded or issubclass(kind, Open)
    needed = {
        field.name for field in fields if is_complete or field.default is field.default_factory
    }

    def fit_object(value: Any, where: str) -> Any:
        stored = _require(value, dict, where, "an object")
        if not needed <= stored.keys():
            lacking = [key for key in fits if key in needed and key not in stored]
            raise SerbenchError(f"{where} lacks {', '.join(lacking)}")
        if not is_open and not stored.keys() <= fits.keys():
            unknown = next(key for key in stored if key not in fits)
            raise SerbenchError(f"{where} has {unknown[:80]!r}, which nothing knows")
        inside = f"{where}." if ":" in where else f"{where}: "
        return kind(
            **{
                key: fit_field(stored[key], inside + key)
                for key, fit_field in fits.items()
                if key in stored
            }
        )

    return fit_object


def _mapping(likes: Sequence[Fit], kind: Any, bound: Any, bounded: bool) -> Fit:
    most = (bound if isinstance(bound, Names) else DEFAULTS[Mapping]).most
    of_name, item = DEFAULTS[str], _fitting(kind, bounded)

    def fit_mapping(value: Any, where: str) -> dict[str, Any]:
        for like in likes:
            like(value, where)
        stored = _require(value, dict, where, "an object")
        if bounded:
            if len(stored) > most:
                raise SerbenchError(f"{where} has {len(stored)} names: at most {most}")
            for name in stored:
                _fit_text(of_name, name, f"a name in {where}")
        return {name: item(each, f"{where}.{name}") for name, each in stored.items()}

    return fit_mapping


def _fit_choice(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in choices:
        raise _misfit(where, " or ".join(map(repr, choices)), value)
    return value


def _fit_text(bound: Text | None, value: Any, where: str) -> str:
    text: str = _require(value, str, where, "a text")
    if bound is None:
        return text
    if len(text) > bound.most:
        raise SerbenchError(f"{where} has {len(text)} characters: at most {bound.most}")
    require_visible(text, where, bound.lines)
    if bound.pattern and not re.fullmatch(bound.pattern, text, re.ASCII):
        raise SerbenchError(f"{where} is {text[:80]!r}, which is not written as it must be")
    return text


def _fit_whole(bound: Whole | None, value: Any, where: str) -> Any:
    if type(value) is not int or (bound and not 0 <= value <= bound.most):
        limits = f" from 0 to {bound.most}" if bound else ""
        raise _misfit(where, f"a whole number{limits}", value)
    return value


def _fit_number(bound: Any, bounded: bool, null_is_nan: bool, value: Any, where: str) -> Any:
    if null_is_nan and value is None:
        return math.nan
    is_number = type(value) in (int, float)
    if isinstance(bound, Number):
        if not (is_number and 0 <= value <= bound.most):
            raise _misfit(where, f"a number from 0 to {bound.most:g}", value)
    elif not is_number:
        raise _misfit(where, "a number", value)
    elif bounded and bound != INFINITE and not math.isfinite(value):
        raise _misfit(where, "a finite number", value)
    return value


def require_visible(text: str, where: str, lines: bool = False) -> None:
    """Refuse a text with control characters or invisible characters.

    Invisible characters can reverse the direction of writing, or make two names look alike.

    Args:
        text: an untrusted text.
        where: name of the text, for messages.
        lines: allow line breaks, tabs and emoji selectors.

    Raises:
        SerbenchError: the text has such a character.
    """
    if text.isprintable() and text.isascii():
        return
    if mark := unseen(text, emoji=lines):
        raise SerbenchError(f"{where} contains the invisible character U+{ord(mark):04X}")
    for mark in text:
        if lines and mark in "\n\t":
            continue
        if unicodedata.category(mark) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            raise SerbenchError(f"{where} contains the control character U+{ord(mark):04X}")
