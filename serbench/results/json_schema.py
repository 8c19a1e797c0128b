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
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
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
    kind, bounds, origin, inner, default, is_object = _parts(kind)
    bound = default if bounded else None
    if origin in (Union, types.UnionType):
        return None if value is None else fit(value, inner[0], where, bounded)
    if origin is tuple:
        return _fit_list(value, inner, where, bounded)
    if is_object:
        return _fit_object(value, kind, where, bounded)
    if origin is Mapping:
        for like in (bound for bound in bounds if isinstance(bound, Like)):
            fit(value, like.kind, where, bounded)
        return _fit_mapping(value, inner[1], bound, where, bounded)
    if origin is Literal:
        if value not in inner:
            raise _misfit(where, " or ".join(map(repr, inner)), value)
    elif kind is str:
        _fit_text(value, bound, where)
    elif kind is int:
        _fit_whole(value, bound, where)
    elif kind is float:
        if NULL_IS_NAN in bounds and value is None:
            return math.nan
        _fit_number(value, bound, bounded, where)
    elif kind is bool:
        _require(value, bool, where, "true or false")
    else:
        assert kind in (object, Any), kind
    return value


@lru_cache(maxsize=256)
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...], Any, tuple[Any, ...], Any, bool]:
    """Return an annotation without its bounds, and all that `fit` asks of it.

    Returns:
        The annotation, its bounds, its origin, its arguments, the bound that holds for values from
        strangers, and whether it is a dataclass.
    """
    bounds: tuple[Any, ...] = ()
    if get_origin(kind) is Annotated:
        kind, bounds = kind.__origin__, kind.__metadata__
    origin = get_origin(kind) or kind
    is_object = isinstance(kind, type) and dataclasses.is_dataclass(kind)
    return kind, bounds, origin, get_args(kind), (*bounds, DEFAULTS.get(origin))[0], is_object


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


def _fit_list(value: Any, inner: Any, where: str, bounded: bool) -> tuple[Any, ...]:
    rows, kind = _require(value, list, where, "a list"), inner[0]
    if inner[-1] is not Ellipsis and len(rows) != len(inner):
        raise _misfit(where, f"a list of {len(inner)}", value)
    if kind == Count and all(type(row) is int and 0 <= row <= MOST_COUNT for row in rows):
        return tuple(rows)  # a fast path, since a card has thousands of counts
    return tuple(fit(row, kind, f"{where}[{at}]", bounded) for at, row in enumerate(rows))


@lru_cache(maxsize=64)
def _keys(kind: Any) -> Mapping[str, tuple[Any, bool]]:
    """Return the annotation of each field of a dataclass, and whether JSON must have it."""
    kinds = get_type_hints(kind, include_extras=True)
    return {
        field.name: (
            kinds[field.name],
            field.default is field.default_factory or issubclass(kind, Complete),
        )
        for field in dataclasses.fields(kind)
    }


def _fit_object(value: Any, kind: Any, where: str, bounded: bool) -> Any:
    stored, keys = _require(value, dict, where, "an object"), _keys(kind)
    if lacking := [key for key, (_, needed) in keys.items() if needed and key not in stored]:
        raise SerbenchError(f"{where} lacks {', '.join(lacking)}")
    unknown = [key for key in stored if key not in keys]
    if bounded and unknown and not issubclass(kind, Open):
        raise SerbenchError(f"{where} has {unknown[0][:80]!r}, which nothing knows")
    inside = f"{where}." if ":" in where else f"{where}: "
    return kind(
        **{
            key: fit(stored[key], annotation, inside + key, bounded)
            for key, (annotation, _) in keys.items()
            if key in stored
        }
    )


def _fit_mapping(value: Any, kind: Any, bound: Any, where: str, bounded: bool) -> dict[str, Any]:
    stored = _require(value, dict, where, "an object")
    most = (bound if isinstance(bound, Names) else DEFAULTS[Mapping]).most
    if bounded and len(stored) > most:
        raise SerbenchError(f"{where} has {len(stored)} names: at most {most}")
    of_name, at_name = DEFAULTS[str], f"a name in {where}"
    for name in stored if bounded else ():
        _fit_text(name, of_name, at_name)
    return {name: fit(item, kind, f"{where}.{name}", bounded) for name, item in stored.items()}


def _fit_text(value: Any, bound: Text | None, where: str) -> None:
    text: str = _require(value, str, where, "a text")
    if bound is None:
        return
    if len(text) > bound.most:
        raise SerbenchError(f"{where} has {len(text)} characters: at most {bound.most}")
    require_visible(text, where, bound.lines)
    if bound.pattern and not re.fullmatch(bound.pattern, text, re.ASCII):
        raise SerbenchError(f"{where} is {text[:80]!r}, which is not written as it must be")


def _fit_whole(value: Any, bound: Whole | None, where: str) -> None:
    if type(value) is not int or (bound and not 0 <= value <= bound.most):
        limits = f" from 0 to {bound.most}" if bound else ""
        raise _misfit(where, f"a whole number{limits}", value)


def _fit_number(value: Any, bound: Any, bounded: bool, where: str) -> None:
    is_number = type(value) in (int, float)
    if isinstance(bound, Number):
        if not (is_number and 0 <= value <= bound.most):
            raise _misfit(where, f"a number from 0 to {bound.most:g}", value)
    elif not is_number:
        raise _misfit(where, "a number", value)
    elif bounded and bound != INFINITE and not math.isfinite(value):
        raise _misfit(where, "a finite number", value)


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
