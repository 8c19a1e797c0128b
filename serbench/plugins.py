"""Finds what is installed: from a name to its entry to the object, imported when first used.

Whatever is wrong with a plugin takes nothing else with it.
"""

import functools
import importlib.metadata
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

from serbench import waveform
from serbench.contracts import Adds, Entry
from serbench.errors import MissingRequirement, PluginError, nearest
from serbench.importing import absent, attribute, guarded, imported, said
from serbench.offers import KINDS, Offer, offers
from serbench.specs import by_path

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
    yield CORE, lambda: waveform
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
    if kind == "model" and by_path(name):
        from serbench import importpaths

        return importpaths.entry(name)
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
    if by_path(entry.name):
        from serbench import importpaths

        made = importpaths.load(entry.name)
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
    if by_path(entry.name):
        from serbench import importpaths

        return importpaths.version(entry.name, found)
    return found


_OTHER = object()


def identifying(target: Any, params: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters that identify a run; see `serbench.contracts.Adds`."""
    later = target.added if isinstance(target, Adds) else {}
    return {name: params[name] for name in params if params[name] != later.get(name, _OTHER)}


def complete(target: Any, params: Mapping[str, object]) -> dict[str, object]:
    """Return all parameters with which a run makes its model or extractor."""
    return {**(target.added if isinstance(target, Adds) else {}), **params}
