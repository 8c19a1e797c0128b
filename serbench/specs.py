"""Names as a user types them, with their parameters: `kfold:n=5`, `toy:seed=3`, `lr=1e-5`."""

import inspect
import json
import re
import types
import typing
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
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


def divided(text: str, known: Collection[str]) -> tuple[str, dict[str, str]]:
    """The path and the parameters of what stands behind a dataset's colon.

    The path ends at the first comma that one of the parameters and "=" follow, and so does each
    value: commas, colons, spaces and backslashes need no quotes.

    Args:
        text: as typed: "my, own.csv,label=emotion".
        known: the names of the parameters.

    >>> divided("my, own.csv,label=emotion,speaker=^(a,b)", ["label", "speaker"])
    ('my, own.csv', {'label': 'emotion', 'speaker': '^(a,b)'})

    Raises:
        BadParameter: a parameter is given twice, or the text holds what nobody can see.
    """
    if not text.isprintable():
        raise BadParameter(f"a dataset's name may hold no control characters: {text!r}")
    names = "|".join(map(re.escape, known))
    path, *rest = re.split(rf"(?:^|,)\s*({names})\s*=", text) if known else [text]
    pairs = zip(rest[::2], (value.strip() for value in rest[1::2]), strict=True)
    return path.strip(), {name: str(value) for name, value in unique(pairs).items()}


def require_known(owner: str, path: str, known: Collection[str]) -> None:
    """Refuse what looks like a parameter that nobody knows at the end of a path.

    Raises:
        BadParameter: the parameters that come nearest.
    """
    if found := re.search(r",\s*(\w+)\s*=", path):
        hint = f"; there is no file {path!r} either"
        raise BadParameter(str(nearest(f"parameter of {owner}", found[1], sorted(known), hint)))


def values(
    given: Mapping[str, str], known: Mapping[str, tuple[Any, object]]
) -> Mapping[str, object]:
    """What is typed for parameters: text as it is where text is wanted, else as JSON."""
    return {
        name: value if known[name][0] is str else parse(f"{name}={value}")[1]
        for name, value in given.items()
    }


def called(path: Path, endings: Sequence[str]) -> str:
    """What results call a corpus: the last part of its path, made of letters, digits and ".-_".

    >>> called(Path("/data/My corpus, v2.csv"), [".csv"]), called(Path("/data/clips.v2"), [])
    ('My-corpus-v2', 'clips.v2')

    Raises:
        BadParameter: nothing is left of it.
    """
    name = unicodedata.normalize("NFC", path.name)
    while name.lower().endswith(tuple(endings)) and endings:
        name = name[: name.rindex(".")]
    name = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not name:
        raise BadParameter(
            f"{str(path)!r} gives the corpus no name: write one before --data, as in csv:NAME "
            "--data PATH"
        )
    return name


def spelled(
    name: str, corpus: str, given: Mapping[str, object], known: Mapping[str, tuple[Any, object]]
) -> str:
    """The one way to write a dataset, its corpus and the parameters that differ from the defaults.

    >>> spelled("csv", "my", {"label": "emotion"}, {"label": (str, "label"), "sex": (str, "sex")})
    'csv:my,label=emotion'
    """
    words = [
        f"{one}={value}" if known[one][0] is str else typed(one, value)
        for one, value in sorted(given.items())
        if value != known[one][1]
    ]
    return ",".join([f"{name}:{corpus}", *words])


def candidates(path: Path, endings: Sequence[str]) -> Iterator[Path]:
    """Where a corpus may be that is named with or without its ending."""
    yield path
    yield from (path.with_name(path.name + ending) for ending in endings if path.name)
