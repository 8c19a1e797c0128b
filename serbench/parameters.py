"""Parse and check parameters that users type: `lr=1e-5`, `kfold:n=5`, `toy:seed=3`."""

import inspect
import json
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from serbench.errors import BadParameter, PluginError, nearest

Value = TypeVar("Value")


def settable(target: Callable[..., Any]) -> dict[str, tuple[Any, object]]:
    """Return the parameters of a class or function that users may set: (annotation, default).

    Raises:
        PluginError: an annotation names something that does not exist.
    """
    # ask the class, never an instance: the class's own __init__ will run
    maker = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    try:
        hints = typing.get_type_hints(maker)
    except NameError as error:
        raise PluginError(
            f"{target.__module__}.{target.__qualname__} annotates a parameter with a name that "
            f"does not exist when it runs ({error})"
        ) from error
    return {
        name: (hints.get(name, _annotation(parameter)), parameter.default)
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }


def _annotation(parameter: inspect.Parameter) -> Any:
    """Return the annotation of a parameter in a generated `__signature__`."""
    annotation = parameter.annotation
    return Any if annotation is parameter.empty or isinstance(annotation, str) else annotation


def checked(
    owner: str, allowed: Mapping[str, tuple[Any, object]], given: Mapping[str, object]
) -> dict[str, object]:
    """Return the value of every parameter: the given one, or its default.

    Args:
        owner: the name of the model, dataset or protocol, for messages.
        allowed: as `settable` returns them.
        given: values as `parse` reads them.

    Raises:
        BadParameter: a name that does not exist, a value of the wrong type, or one that JSON cannot
            store.
    """
    values = {  # a whole number where a float is expected becomes one: 60 and 60.0 are one identity
        name: float(default) if annotation is float and type(default) is int else default
        for name, (annotation, default) in allowed.items()
    }
    for name, value in given.items():
        if name not in allowed:
            raise BadParameter(str(nearest(f"parameter of {owner}", name, sorted(allowed))))
        require_json(owner, name, value)
        annotation, _ = allowed[name]
        values[name] = _fitting(owner, name, value, annotation)
    return values


def require_json(owner: str, name: str, value: object) -> None:
    """Refuse a value that JSON cannot store, such as a date, NaN, and text with a NUL.

    Raises:
        BadParameter: the value is one of these.
    """
    try:
        json.dumps(value)
        is_nan = isinstance(value, float) and math.isnan(value)  # equals no value, not even itself
        is_stored = not is_nan and not (isinstance(value, str) and "\0" in value)
    except (TypeError, ValueError, RecursionError):
        is_stored = False
    if not is_stored:
        raise BadParameter(
            f"parameter {name} of {owner} is {value!r}, but must be text without NUL, a number, "
            "true, false, null, or a list or table of these"
        )


def _fitting(owner: str, name: str, value: object, annotation: Any) -> object:
    for option in _options(annotation):
        if typing.get_origin(option) is typing.Literal and value in typing.get_args(option):
            return value
        if option is Any or (option in (None, types.NoneType) and value is None):
            return value
        if option is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(option, type) and type(value) is option:
            return value
    raise BadParameter(f"parameter {name} of {owner} is {value!r}, but must be {kinds(annotation)}")


def kinds(annotation: Any) -> str:
    """Describe the values that an annotation allows.

    >>> kinds(int | None), kinds(typing.Literal["a", "b"])
    ('int or NoneType', "one of 'a', 'b'")
    """
    return " or ".join(
        "one of " + ", ".join(map(repr, typing.get_args(option)))
        if typing.get_origin(option) is typing.Literal
        else getattr(option, "__name__", str(option))
        for option in _options(annotation)
    )


def _options(annotation: Any) -> tuple[Any, ...]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def parse(text: str) -> tuple[str, object]:
    """Return the name and value of a parameter typed as `name=value`; the value is JSON or text.

    >>> parse("lr=1e-5"), parse("kind=majority")
    (('lr', 1e-05), ('kind', 'majority'))

    Raises:
        BadParameter: there is no "=".
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise BadParameter(f"a parameter is written name=value, not {text!r}")
    try:
        return name.strip(), json.loads(value)
    except ValueError:  # not JSON, or a number with thousands of digits
        return name.strip(), value


def typed(name: str, value: object) -> str:
    """Format a parameter as users type it; `parse` reads the same value back.

    >>> typed("lr", 1e-5), typed("kind", "majority"), typed("c", None), typed("name", "5")
    ('lr=1e-05', 'kind=majority', 'c=null', 'name="5"')
    """
    if isinstance(value, str) and value.isprintable() and parse(f"{name}={value}")[1] == value:
        return f"{name}={value}"
    text = json.dumps(value, ensure_ascii=False)
    return f"{name}={text if text.isprintable() else json.dumps(value)}"


def short_spec(spec: str) -> str:
    """Return a name with its parameters as users write it: whole numbers have no ".0".

    >>> short_spec("noise:kind=babble,snr=10.0")
    'noise:kind=babble,snr=10'
    """
    return re.sub(r"(?<==)(-?\d+)\.0(?=,|$)", r"\1", spec)


def parse_all(texts: Iterable[str] | None) -> dict[str, object]:
    """Return the parameters typed as `name=value`, by name.

    Raises:
        BadParameter: one has no "=", or is given twice.
    """
    return unique(map(parse, texts or ()))


def unique(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return named values as a dictionary.

    Raises:
        BadParameter: a name occurs twice.
    """
    values: dict[str, Value] = {}
    for name, value in pairs:
        if name in values:
            raise BadParameter(f"parameter {name} is given twice: say which you mean")
        values[name] = value
    return values


def is_import_path(model: str) -> bool:
    """Return whether a model is named by import path, "my_ser:Nearest"."""
    return ":" in model


def spelled(name: str, params: Mapping[str, object]) -> str:
    """Return a name with parameters in the only order in which results have them.

    >>> spelled("kfold", {"seed": 1, "n": 5}), spelled("toy", {})
    ('kfold:n=5,seed=1', 'toy')
    """
    texts = [typed(parameter, value) for parameter, value in sorted(params.items())]
    return f"{name}:{','.join(texts)}" if texts else name


def parse_name(text: str) -> tuple[str, dict[str, object]]:
    """Return a name and its parameters.

    >>> parse_name("kfold:n=5,seed=1")
    ('kfold', {'n': 5, 'seed': 1})
    """
    name, colon, rest = text.partition(":")
    return name, parse_all(rest.split(",")) if colon else {}
