"""Finds what is installed: from a name to its entry to the object, imported when first used.

Whatever is wrong with a plugin takes nothing else with it.
"""

import difflib
import functools
import importlib.metadata
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any, cast

from serbench.contracts import NAME, TARGET, Entry, HasAddedParams, ModelEntry
from serbench.errors import MissingRequirement, PluginError, nearest
from serbench.parameters import is_import_path
from serbench.plugins import builtin
from serbench.plugins.guarded_import import absent, attribute, guarded, imported, said

KINDS = {"dataset": "datasets", "feature": "features", "model": "models"}
HOOKS = {f"serbench_{plural}": kind for kind, plural in KINDS.items()}


@dataclass(frozen=True)
class Offer:
    """One thing that a plugin offers, or why it cannot be had.

    Attributes:
        kind: "dataset", "feature" or "model"; "" where a fault is that of no kind.
        entry: it, if it is sound.
        fault: what is wrong, otherwise.
    """

    kind: str
    entry: Entry | None = None
    fault: str = ""


def offers(plugin: object) -> Iterator[Offer]:
    """Everything that a plugin's hooks return.

    A function with the name of a hook is one, marked with `hookimpl` or not.

    Args:
        plugin: the module, or whatever else the entry point names.
    """
    try:
        with guarded("its names cannot be listed"):
            names = [name for name in dir(plugin) if name.startswith("serbench_")]
            hooks = {name: getattr(plugin, name) for name in names}
    except PluginError as error:
        yield Offer("", fault=str(error))
        return
    if not set(hooks) & set(HOOKS):
        yield Offer("", fault=f"it has none of the functions {', '.join(HOOKS)}")
    for name, hook in hooks.items():
        if name in HOOKS:
            yield from _of(HOOKS[name], name, hook)
        elif getattr(hook, "serbench_impl", None) is not None:  # the mark of `hookimpl`
            (close,) = difflib.get_close_matches(name, list(HOOKS), n=1, cutoff=0.0)
            yield Offer("", fault=f"there is no hook {name}; did you mean {close}?")


def _of(kind: str, name: str, hook: object) -> Iterator[Offer]:
    try:
        found = _called(name, hook)
    except PluginError as error:
        yield Offer(kind, fault=str(error))
        return
    for one in found:
        fault = _fault(kind, name, one)
        yield Offer(kind, fault=fault) if fault else Offer(kind, cast(Entry, one))


def _called(name: str, hook: object) -> list[object]:
    """What a hook returns, as a list."""
    if not callable(hook):
        raise PluginError(
            f"{name} is a {type(hook).__name__}, but must be a function that returns a list"
        )
    with guarded(f"{name} cannot be called"):
        signature = inspect.signature(hook)
    try:
        signature.bind()
    except TypeError:
        raise PluginError(
            f"{name}{signature} takes arguments, but a hook is called with none"
        ) from None
    with guarded(f"{name}() failed"):
        returned = hook()
    if isinstance(returned, str) or not isinstance(returned, Iterable):
        raise PluginError(f"{name}() returns {_kind(returned)}, but must return a list of entries")
    with guarded(f"{name}() failed"):
        return list(returned)


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _fault(kind: str, hook: str, one: object) -> str:
    """What is wrong with an entry, or nothing."""
    wanted = ModelEntry if kind == "model" else Entry
    if not isinstance(one, wanted) or (kind != "model" and isinstance(one, ModelEntry)):
        return f"{hook}() returns a {type(one).__name__} among its entries, not {wanted.__name__}"
    if not isinstance(one.name, str) or not NAME.fullmatch(one.name):
        return (
            f"the name {one.name!r} of a {kind} must be lower case, digits and hyphens: my-{kind}"
        )
    if not isinstance(one.target, str) or not TARGET.fullmatch(one.target):
        return (
            f"the target of the {kind} {one.name} is {one.target!r}, but must be written "
            "my_package.module:Name"
        )
    wrong = [*_wrong(one)]
    return f"the {kind} {one.name}: {wrong[0]}" if wrong else ""


def _wrong(entry: Entry) -> Iterator[str]:
    """The fields of an entry that are not what they must be."""
    texts = {"summary": entry.summary, "install": entry.install}
    lists = {"requires": entry.requires, "default_for": entry.default_for}
    if isinstance(entry, ModelEntry):
        texts["features"] = entry.features
        lists["feature_params"] = entry.feature_params
        if not _defaults(entry.defaults):
            yield 'defaults must be of the form {"*": {"epochs": 3}}'
        if not isinstance(entry.gpus, int | float) or not entry.gpus >= 0:
            yield f"gpus is {entry.gpus!r}, but must be a number from 0 on"
    for name, text in texts.items():
        if not isinstance(text, str):
            yield f"{name} is {text!r}, but must be a text"
    for name, words in lists.items():
        if not isinstance(words, tuple | list) or not all(isinstance(one, str) for one in words):
            yield f'{name} is {words!r}, but must be a tuple of texts: ("one",)'


def _defaults(defaults: object) -> bool:
    return isinstance(defaults, Mapping) and all(
        isinstance(corpus, str)
        and isinstance(values, Mapping)
        and all(isinstance(name, str) for name in values)
        for corpus, values in defaults.items()
    )


CORE = "serbench"
SLOW = 2.0  # seconds that a plugin may take to say what it offers before a listing says so

Key = tuple[str, str]
"""A kind and a name."""


@dataclass(frozen=True)
class Broken:
    """A plugin of which something cannot be used, and why."""

    plugin: str
    reason: str


@dataclass(frozen=True)
class Installed:
    """Everything that the installed plugins offer.

    Attributes:
        entries: for each kind ("dataset", "feature", "model") the entries by name, sorted.
        broken: what cannot be used of which plugin.
        owners: which plugin offers an entry: ("model", "alexnet-mel") -> "alexnet".
        clashes: names that are offered more than once, so that nobody has them, and by whom.
        slow: seconds that plugins took to say what they offer, where that was long.
    """

    entries: Mapping[str, Mapping[str, Entry]]
    broken: tuple[Broken, ...]
    owners: Mapping[Key, str]
    clashes: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    slow: Mapping[str, float] = field(default_factory=dict)


@functools.cache
def installed() -> Installed:
    """Discover the plugins of this environment, once a process."""
    broken: list[Broken] = []
    slow: dict[str, float] = {}
    offered: dict[Key, list[tuple[str, Entry]]] = {}
    for plugin, load in _plugins(broken):
        began = time.perf_counter()
        for offer in _offered(load):
            if offer.entry is None:
                broken.append(Broken(plugin, offer.fault))
            else:
                key = (offer.kind, offer.entry.name)
                offered.setdefault(key, []).append((plugin, offer.entry))
        if (took := time.perf_counter() - began) > SLOW:
            slow[plugin] = took
    return _sorted(offered, broken, slow)


def _plugins(broken: list[Broken]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each plugin's name, and what imports it; the core's own comes first."""
    yield CORE, lambda: builtin
    points = sorted(_points(broken), key=lambda point: (point.name, point.value))
    names = [point.name for point in points]
    for point in points:
        # two packages may use one name for their entry points
        alone = names.count(point.name) == 1 and point.name != CORE
        name = point.name if alone else f"{point.name} ({point.value})"
        yield name, functools.partial(_loaded, point)


def _points(broken: list[Broken]) -> list[EntryPoint]:
    try:
        return list(importlib.metadata.entry_points(group="serbench"))
    except Exception:  # one package's list is no list: everybody's would be lost
        return [*_one_by_one(broken)]


def _one_by_one(broken: list[Broken]) -> Iterator[EntryPoint]:
    for distribution in importlib.metadata.distributions():
        try:
            yield from distribution.entry_points.select(group="serbench")
        except Exception as error:
            place = getattr(distribution, "_path", "a distribution")
            broken.append(Broken(str(place), f"its entry points cannot be read: {said(error)}"))


def _loaded(point: EntryPoint) -> object:
    match = EntryPoint.pattern.match(point.value)
    if match is None:
        raise PluginError(f"its entry point is {point.value!r}, but must be a module: my_package")
    with guarded(f"cannot import {match['module']}"):
        return point.load()


def _offered(load: Callable[[], object]) -> Iterator[Offer]:
    try:
        yield from offers(load())
    except PluginError as error:
        yield Offer("", fault=str(error))


def _sorted(
    offered: Mapping[Key, list[tuple[str, Entry]]], broken: list[Broken], slow: Mapping[str, float]
) -> Installed:
    """What can be had, and what is offered by nobody since two offer it."""
    entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
    owners: dict[Key, str] = {}
    clashes: dict[Key, tuple[str, ...]] = {}
    for (kind, name), pairs in sorted(offered.items()):
        plugins = [plugin for plugin, _ in pairs]
        if CORE in plugins:  # what the core has itself, no plugin takes away
            others = [one for one in plugins if one != CORE]
            broken += [Broken(one, f"the {kind} {name} is the core's own name") for one in others]
        elif len(pairs) > 1:
            clashes[kind, name] = tuple(plugins)
            continue
        entries[kind][name] = next(one for plugin, one in pairs if plugin in (CORE, plugins[0]))
        owners[kind, name] = plugins[0]
    return Installed(entries, tuple(broken), owners, clashes, dict(slow))


def find(kind: str, name: str) -> Entry:
    """The entry of that name; of a model also by import path, "my_ser:Nearest".

    Raises:
        UnknownName: nobody offers it; the nearest names are listed.
        PluginError: two plugins offer it, or nothing usable is at that path.
    """
    if kind == "model" and is_import_path(name):
        from serbench.plugins import import_path

        features = import_path.features(name) or next(iter(defaults("feature", "estimators")), "")
        return ModelEntry(name, name, "by import path", features=features)
    known = installed()
    if name in known.entries[kind]:
        return known.entries[kind][name]
    if (kind, name) in known.clashes:
        raise PluginError(f"the {kind} {name!r} {clash(known.clashes[kind, name])}")
    failed = ", ".join(dict.fromkeys(broken.plugin for broken in known.broken))
    hint = f"; broken plugins, see `serbench {KINDS[kind]}`: {failed}" if failed else ""
    if kind == "model" and "." in name:
        hint = "; a model of your own is written module:Name" + hint
    raise nearest(kind, name, list(known.entries[kind]), hint)


def defaults(kind: str, use: str) -> list[str]:
    """Return the names of the entries that are the default for a use, such as "bench"; sorted."""
    entries = installed().entries[kind]
    return [name for name, entry in entries.items() if use in entry.default_for]


def clash(plugins: tuple[str, ...]) -> str:
    """What is wrong with a name that more than one plugin offers, or one plugin twice."""
    different = list(dict.fromkeys(plugins))
    if len(different) == 1:
        return f"is offered twice by the plugin {different[0]}, so it cannot be used"
    return (
        f"is offered by the plugins {' and '.join(different)}, so it cannot be used: uninstall "
        f"{'one' if len(different) == 2 else 'all but one'} of them"
    )


def lacking(entry: Entry) -> str:
    """What an entry needs that is not installed, and how to install it, or nothing."""
    module = absent(entry.requires)
    return module and f"needs the package {module!r}: pip install {entry.install or module}"


def load(entry: Entry) -> Callable[..., Any]:
    """Import what an entry points to.

    Raises:
        MissingRequirement: a package that it needs is not installed.
        PluginError: its module cannot be imported, or has no such name, or one of no use.
    """
    made: Callable[..., Any]
    if is_import_path(entry.name):
        from serbench.plugins import import_path

        made = import_path.load(entry.name)
        return made
    if lack := lacking(entry):
        raise MissingRequirement(f"{entry.name} {lack}")
    module, _, name = entry.target.partition(":")
    made = attribute(imported(module, entry.name), name, entry.name)
    if not callable(made):
        raise PluginError(f"{entry.name}: {entry.target} is a {type(made).__name__}, not a class")
    return made


def version(entry: Entry, target: Any) -> str:
    """The version of a model or an extractor that `load` returned.

    Raises:
        PluginError: it has none.
    """
    found = getattr(target, "version", None)
    if not isinstance(found, str) or not found.strip():
        raise PluginError(
            f'{entry.name} says no version: {entry.target} must have an attribute version = "1", '
            "changed whenever its numbers change"
        )
    if is_import_path(entry.name):
        from serbench.plugins import import_path

        return import_path.version(entry.name, found)
    return found


_OTHER = object()


def identifying(target: Any, params: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters that identify a run; see `serbench.contracts.HasAddedParams`."""
    later = target.added if isinstance(target, HasAddedParams) else {}
    return {name: params[name] for name in params if params[name] != later.get(name, _OTHER)}


def complete(target: Any, params: Mapping[str, object]) -> dict[str, object]:
    """Return all parameters with which a run makes its model or extractor."""
    return {**(target.added if isinstance(target, HasAddedParams) else {}), **params}
