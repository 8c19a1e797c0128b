"""Finds what is installed: from a name to its entry to the object, imported when first used."""

import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pluggy

from serbench import hookspecs, waveform
from serbench.errors import BadParameter, MissingRequirement, PluginError, nearest
from serbench.hookspecs import Entry

KINDS = {"dataset": "datasets", "feature": "features", "model": "models"}


@dataclass(frozen=True)
class Broken:
    """A plugin that cannot be used, and why."""

    plugin: str
    reason: str


@dataclass(frozen=True)
class Installed:
    """Everything that the installed plugins offer.

    Attributes:
        entries: for each kind ("dataset", "feature", "model") the entries by name, sorted.
        broken: the plugins that cannot be used.
        owners: which plugin offers an entry: ("model", "alexnet-mel") -> "alexnet".
    """

    entries: Mapping[str, Mapping[str, Entry]]
    broken: tuple[Broken, ...]
    owners: Mapping[tuple[str, str], str]


@functools.cache
def installed() -> Installed:
    """Discover the plugins of this environment, once a process.

    Raises:
        PluginError: two plugins offer one name.
    """
    manager = pluggy.PluginManager("serbench")
    manager.add_hookspecs(hookspecs)
    manager.register(waveform, name="serbench")
    broken = list(_register_entry_points(manager))
    entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
    owners: dict[tuple[str, str], str] = {}
    for plugin, module in sorted(manager.list_name_plugin()):
        try:
            offered = list(_offers(module))
        except Exception as error:  # a broken plugin must not break the others
            broken.append(Broken(plugin, f"{type(error).__name__}: {error}"))
            continue
        for kind, entry in offered:
            owner = owners.setdefault((kind, entry.name), plugin)
            if owner != plugin or entry.name in entries[kind]:
                raise PluginError(
                    f"{kind} {entry.name!r} is offered twice, by the plugins {owner} and {plugin}: "
                    "uninstall one of them"
                )
            entries[kind][entry.name] = entry
    ordered = {kind: dict(sorted(found.items())) for kind, found in entries.items()}
    return Installed(ordered, tuple(broken), owners)


def _register_entry_points(manager: pluggy.PluginManager) -> Iterator[Broken]:
    for point in importlib.metadata.entry_points(group="serbench"):
        try:
            manager.register(point.load(), name=point.name)
        except Exception as error:  # whatever its import raises
            yield Broken(point.name, f"{type(error).__name__}: {error}")


def _offers(module: object) -> Iterator[tuple[str, Entry]]:
    for kind, plural in KINDS.items():
        hook: Callable[[], Any] | None = getattr(module, f"serbench_{plural}", None)
        for entry in hook() if hook else ():
            yield kind, entry


def find(kind: str, name: str) -> Entry:
    """The entry of that name.

    Raises:
        UnknownName: nobody offers it; the nearest names are listed.
    """
    known = installed()
    if name in known.entries[kind]:
        return known.entries[kind][name]
    failed = ", ".join(broken.plugin for broken in known.broken)
    hint = f"; broken plugins, see `serbench {KINDS[kind]}`: {failed}" if failed else ""
    raise nearest(kind, name, list(known.entries[kind]), hint)


def load(entry: Entry) -> Callable[..., Any]:
    """Import what an entry points to.

    Raises:
        MissingRequirement: a package that it needs is not installed.
        PluginError: its module cannot be imported or has no such name.
    """
    for module in entry.requires:
        if importlib.util.find_spec(module) is None:
            remedy = f"pip install {entry.install or module}"
            raise MissingRequirement(f"{entry.name} needs the package {module!r}: {remedy}")
    module, _, attribute = entry.target.partition(":")
    try:
        made: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{entry.name}: cannot load {entry.target}: {error}") from error
    return made


def parameters(target: Callable[..., Any]) -> dict[str, tuple[Any, object]]:
    """The parameters that a user may set, with (annotation, default)."""
    hints = typing.get_type_hints(target.__init__ if isinstance(target, type) else target)
    return {
        name: (hints.get(name, Any), parameter.default)
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }


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
    values = {name: default for name, (_, default) in known.items()}
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
    except json.JSONDecodeError:
        return name.strip(), value


def parse_name(text: str) -> tuple[str, dict[str, object]]:
    """A name with parameters.

    >>> parse_name("kfold:n=5,seed=1")
    ('kfold', {'n': 5, 'seed': 1})
    """
    name, colon, rest = text.partition(":")
    return name, dict(parse(part) for part in rest.split(",")) if colon else {}


def make_dataset(spec: str) -> tuple[Entry, Any]:
    """The dataset that a user names: `toy:seed=3` -> its entry and the object.

    Raises:
        SerbenchError: the name or a parameter is unknown, or a package is missing.
    """
    name, given = parse_name(spec)
    entry = find("dataset", name)
    target = load(entry)
    return entry, target(**checked(name, parameters(target), given))
