"""Finds what is installed: from a name to its entry to the object, imported when first used."""

import functools
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pluggy

from serbench import hookspecs, waveform
from serbench.errors import MissingRequirement, PluginError, nearest
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
