"""Names as a user types them, with their parameters: `kfold:n=5`, `toy:seed=3`, `lr=1e-5`."""

import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from serbench.errors import BadParameter, PluginError, nearest


def parameters(target: Callable[..., Any]) -> dict[str, tuple[Any, object]]:
    """The parameters that a user may set, with (annotation, default)."""
    # a class is asked, never an instance: its own __init__ is the one that will run
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
    """That of a signature which was put together, since no function has such parameters."""
    stated = parameter.annotation
    return Any if stated is parameter.empty or isinstance(stated, str) else stated


def checked(
    owner: str, known: Mapping[str, tuple[Any, object]], given: Mapping[str, object]
) -> dict[str, object]:
    """Every known parameter with the given value or its default.

    Args:
        owner: whose parameters they are, for the messages.
        known: as `parameters` lists them.
        given: values as `parse` reads them.

    Raises:
        BadParameter: a name that does not exist, or a value of the wrong type.
    """
    values = {  # a whole number is a float where a float is meant: one value, one identity
        name: float(default) if annotation is float and type(default) is int else default
        for name, (annotation, default) in known.items()
    }
    for name, value in given.items():
        if name not in known:
            raise BadParameter(str(nearest(f"parameter of {owner}", name, sorted(known))))
        annotation, _ = known[name]
        values[name] = _fitting(owner, name, value, annotation)
    return values


def _fitting(owner: str, name: str, value: object, annotation: Any) -> object:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    options = typing.get_args(annotation) if union else (annotation,)
    for option in options:
        if typing.get_origin(option) is typing.Literal and value in typing.get_args(option):
            return value
        if option is Any or (option in (None, types.NoneType) and value is None):
            return value
        if option is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(option, type) and type(value) is option:
            return value
    wanted = " or ".join(
        "one of " + ", ".join(map(repr, typing.get_args(option)))
        if typing.get_origin(option) is typing.Literal
        else getattr(option, "__name__", str(option))
        for option in options
    )
    raise BadParameter(f"parameter {name} of {owner} is {value!r}, but must be {wanted}")


def parse(text: str) -> tuple[str, object]:
    """A parameter as typed, `name=value`: the value is JSON, or else text.

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
    except ValueError:  # no JSON, or a number of thousands of digits
        return name.strip(), value


def typed(name: str, value: object) -> str:
    """What a user types for a parameter: `parse` reads the same value out of it.

    >>> typed("lr", 1e-5), typed("kind", "majority"), typed("c", None), typed("name", "5")
    ('lr=1e-05', 'kind=majority', 'c=null', 'name="5"')
    """
    if isinstance(value, str) and value.isprintable() and parse(f"{name}={value}")[1] == value:
        return f"{name}={value}"
    text = json.dumps(value, ensure_ascii=False)
    return f"{name}={text if text.isprintable() else json.dumps(value)}"


def unique(parsed: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Parameters by name.

    Raises:
        BadParameter: one is given twice.
    """
    values: dict[str, object] = {}
    for name, value in parsed:
        if name in values:
            raise BadParameter(f"parameter {name} is given twice: say which you mean")
        values[name] = value
    return values


def by_path(model: str) -> bool:
    """A model is named by the module and the name in it that Python imports, "my_ser:Nearest"."""
    return ":" in model


def parse_name(text: str) -> tuple[str, dict[str, object]]:
    """A name with parameters.

    >>> parse_name("kfold:n=5,seed=1")
    ('kfold', {'n': 5, 'seed': 1})
    """
    name, colon, rest = text.partition(":")
    return name, unique(parse(part) for part in rest.split(",")) if colon else {}
