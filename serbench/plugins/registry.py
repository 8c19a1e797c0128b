"""Find plugins: look up entries by name, and import their targets at first use.

A fault of a plugin disables only the faulty entries.
"""

import difflib
import functools
import importlib.metadata
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, cast

from serbench.contracts import NAME, TARGET, Entry, HasAddedParams, ModelEntry
from serbench.errors import MissingRequirement, PluginError, UnknownName, nearest
from serbench.parameters import is_import_path
from serbench.plugins import builtin, shipped
from serbench.plugins.guarded_import import (
    first_missing,
    get_attribute,
    guarded,
    import_module,
    one_line,
)

KINDS = {
    "dataset": "datasets",
    "feature": "features",
    "model": "models",
    "perturbation": "perturbations",
    "engine": "engines",
}
HOOKS = {f"serbench_{plural}": kind for kind, plural in KINDS.items()}
CORE = "serbench"
SLOW = 2.0  # seconds that a plugin may take to return its entries before a listing remarks on it

Key = tuple[str, str]
"""A kind and a name."""


@dataclass(frozen=True)
class Offer:
    """An entry of a plugin, or the fault that makes it unusable."""

    kind: str  # one of `KINDS`; "" for a fault of the whole plugin
    entry: Entry | None = None
    fault: str = ""


def offers(plugin: object) -> Iterator[Offer]:
    """Yield the entries of a plugin, usually a module, and its faults.

    A function with the name of a hook is one, with or without the mark of `hookimpl`.
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
            yield from _offers_of(HOOKS[name], name, hook)
        elif getattr(hook, "serbench_impl", None) is not None:  # the mark of `hookimpl`
            (close,) = difflib.get_close_matches(name, list(HOOKS), n=1, cutoff=0.0)
            yield Offer("", fault=f"there is no hook {name}; did you mean {close}?")


def _offers_of(kind: str, name: str, hook: object) -> Iterator[Offer]:
    try:
        entries = _call(name, hook)
    except PluginError as error:
        yield Offer(kind, fault=str(error))
        return
    for entry in entries:
        fault = _fault(kind, name, entry)
        yield Offer(kind, fault=fault) if fault else Offer(kind, cast(Entry, entry))


def _call(name: str, hook: object) -> list[object]:
    """Call a hook, and return its entries as a list."""
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
        kind = "None" if returned is None else f"a {type(returned).__name__}"
        raise PluginError(f"{name}() returns {kind}, but must return a list of entries")
    with guarded(f"{name}() failed"):
        return list(returned)


def _fault(kind: str, hook: str, entry: object) -> str:
    """Return the fault of an entry, "" if it has none."""
    wanted = ModelEntry if kind == "model" else Entry
    if not isinstance(entry, wanted) or (kind != "model" and isinstance(entry, ModelEntry)):
        return f"{hook}() returns a {type(entry).__name__} among its entries, not {wanted.__name__}"
    if not isinstance(entry.name, str) or not NAME.fullmatch(entry.name):
        return (
            f"the name {entry.name!r} of a {kind} must be lower case, digits and hyphens: my-{kind}"
        )
    if not isinstance(entry.target, str) or not TARGET.fullmatch(entry.target):
        return (
            f"the target of the {kind} {entry.name} is {entry.target!r}, but must be written "
            "my_package.module:Name"
        )
    fault = next(_field_faults(entry), "")
    return fault and f"the {kind} {entry.name}: {fault}"


def _field_faults(entry: Entry) -> Iterator[str]:
    texts, lists = ["summary", "install"], ["requires", "default_for"]
    if isinstance(entry, ModelEntry):
        texts, lists = [*texts, "features", "title"], [*lists, "feature_params", "augment"]
        if not _is_text_mapping(entry.value_titles) or not all(
            isinstance(words, str) for words in entry.value_titles.values()
        ):
            yield 'value_titles must be of the form {"whisper-tiny": "Whisper tiny"}'
        if not _is_text_mapping(entry.defaults) or not all(
            map(_is_text_mapping, entry.defaults.values())
        ):
            yield 'defaults must be of the form {"*": {"epochs": 3}}'
        for name in ("gpus", "memory", "minutes"):
            value = getattr(entry, name)
            if not isinstance(value, int | float) or not value >= 0:
                yield f"{name} is {value!r}, but must be 0 or more"
        if not isinstance(entry.threads, int) or entry.threads < 1:
            yield f"threads is {entry.threads!r}, but must be 1 or more"
    for name in texts:
        if not isinstance(value := getattr(entry, name), str):
            yield f"{name} is {value!r}, but must be a text"
    for name in lists:
        value = getattr(entry, name)
        if not isinstance(value, tuple | list) or not all(isinstance(text, str) for text in value):
            yield f'{name} is {value!r}, but must be a tuple of texts: ("one",)'


def _is_text_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


@dataclass(frozen=True)
class Broken:
    """A fault of a plugin."""

    plugin: str
    reason: str


@dataclass(frozen=True)
class Installed:
    """Everything that the installed plugins offer."""

    entries: Mapping[str, Mapping[str, Entry]]  # by kind and name, sorted
    broken: tuple[Broken, ...]
    owners: Mapping[Key, str]  # the plugin of each entry: ("model", "alexnet-mel") -> "alexnet"
    clashes: Mapping[Key, tuple[str, ...]]  # several plugins of one name, which none gets
    slow: Mapping[str, float]  # seconds of the plugins that took more than `SLOW`


@functools.cache
def installed() -> Installed:
    """Discover the plugins of this environment, once per process."""
    broken: list[Broken] = []
    slow: dict[str, float] = {}
    offered: dict[Key, list[tuple[str, Entry]]] = {}
    for plugin, load_plugin in _plugins(broken):
        began = time.perf_counter()
        try:
            for offer in offers(load_plugin()):
                if offer.entry is None:
                    broken.append(Broken(plugin, offer.fault))
                else:
                    key = (offer.kind, offer.entry.name)
                    offered.setdefault(key, []).append((plugin, offer.entry))
        except PluginError as error:
            broken.append(Broken(plugin, str(error)))
        if (took := time.perf_counter() - began) > SLOW:
            slow[plugin] = took
    entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
    owners: dict[Key, str] = {}
    clashes: dict[Key, tuple[str, ...]] = {}
    for (kind, name), pairs in sorted(offered.items(), key=lambda pair: pair[0]):
        plugins = [plugin for plugin, _ in pairs]
        if plugins[0] == CORE:  # discovered first; plugins cannot replace its entries
            reason = f"the {kind} {name} is the core's own name"
            broken += [Broken(plugin, reason) for plugin in plugins if plugin != CORE]
        elif len(pairs) > 1:
            clashes[kind, name] = tuple(plugins)
            continue
        owners[kind, name], entries[kind][name] = pairs[0]
    return Installed(entries, tuple(broken), owners, clashes, slow)


def _plugins(broken: list[Broken]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield each plugin's name and a function that imports it, the core's first."""
    yield CORE, lambda: builtin
    points = sorted(_entry_points(broken), key=lambda point: (point.name, point.value))
    names = [point.name for point in points]
    for point in points:
        # two packages may use one name for their entry points
        is_unique = names.count(point.name) == 1 and point.name != CORE
        name = point.name if is_unique else f"{point.name} ({point.value})"
        yield name, functools.partial(_load_plugin, point)


def _entry_points(broken: list[Broken]) -> list[EntryPoint]:
    try:
        return list(importlib.metadata.entry_points(group="serbench"))
    except Exception:  # broken metadata of one package hides all other packages
        points: list[EntryPoint] = []
    for distribution in importlib.metadata.distributions():
        try:
            points += distribution.entry_points.select(group="serbench")
        except Exception as error:
            place = getattr(distribution, "_path", "a distribution")
            reason = f"its entry points cannot be read: {one_line(error)}"
            broken.append(Broken(str(place), reason))
    return points


def _load_plugin(point: EntryPoint) -> object:
    match = EntryPoint.pattern.match(point.value)
    if match is None:
        raise PluginError(f"its entry point is {point.value!r}, but must be a module: my_package")
    with guarded(f"cannot import {match['module']}"):
        return point.load()


def find(kind: str, name: str) -> Entry:
    """Return the entry of that name.

    The name of a model or a perturbation may be an import path, "my_ser:Nearest".

    Raises:
        UnknownName: no plugin offers it; the message says what to install, or lists the nearest
            names.
        PluginError: two plugins offer it, or the path leads to nothing usable.
    """
    if kind == "model" and is_import_path(name):
        from serbench.plugins import import_path

        features = import_path.features(name) or next(iter(defaults("feature", "estimators")), "")
        return ModelEntry(name, name, "by import path", features=features)
    if kind == "perturbation" and is_import_path(name):
        return Entry(name, name, "by import path")
    plugins = installed()
    if name in plugins.entries[kind]:
        return plugins.entries[kind][name]
    if (kind, name) in plugins.clashes:
        raise PluginError(f"the {kind} {name!r} {clash(plugins.clashes[kind, name])}")
    if remedy := shipped.remedy(kind, name):
        raise UnknownName(f"the {kind} {name!r} is not installed: {remedy}")
    failed = ", ".join(dict.fromkeys(broken.plugin for broken in plugins.broken))
    hint = f"; broken plugins, see `serbench {KINDS[kind]}`: {failed}" if failed else ""
    if kind in ("model", "perturbation") and "." in name:
        hint = f"; a {kind} of your own is written module:Name" + hint
    if kind == "dataset" and ("." in name or "/" in name):
        hint = "; a corpus of your own is written csv:my.csv or folder:DIR" + hint
    if not plugins.entries[kind]:
        hint = f"; to install {shipped.LIGHT}" + hint
    raise nearest(kind, name, list(plugins.entries[kind]), hint)


def title(model: str, params: Mapping[str, object]) -> str:
    """Return the title of a model with these parameters, for tables of the user's own runs.

    Return "" if neither its plugin nor `shipped.title` has one.

    Args:
        model: its name; a model by import path is not imported.
        params: parameters of the model and of its features.
    """
    entry = cast(ModelEntry | None, installed().entries["model"].get(model))
    return entry.title_with(params) if entry else shipped.title(model, params)


def defaults(kind: str, use: str) -> list[str]:
    """Return the names of the entries that are the default for a use, such as "bench"; sorted."""
    entries = installed().entries[kind]
    return [name for name, entry in entries.items() if use in entry.default_for]


def clash(plugins: tuple[str, ...]) -> str:
    """Return the message for a name that several plugins offer, or one plugin twice."""
    different = list(dict.fromkeys(plugins))
    if len(different) == 1:
        return f"is offered twice by the plugin {different[0]}, so it cannot be used"
    return (
        f"is offered by the plugins {' and '.join(different)}, so it cannot be used: uninstall "
        f"{'one' if len(different) == 2 else 'all but one'} of them"
    )


def lacking(entry: Entry) -> str:
    """Return the missing package of an entry and how to install it, "" if none is missing."""
    module = first_missing(entry.requires)
    return module and f"needs the package {module!r}: pip install {entry.install or module}"


def load(entry: Entry) -> Callable[..., Any]:
    """Import the target of an entry.

    Raises:
        MissingRequirement: a package that the entry needs is not installed.
        PluginError: the module cannot be imported, or has no such class or function.
    """
    target: Callable[..., Any]
    if is_import_path(entry.name):
        from serbench.plugins import import_path

        load_class = import_path.load if isinstance(entry, ModelEntry) else import_path.locate
        target = load_class(entry.name)
    elif reason := lacking(entry):
        raise MissingRequirement(f"{entry.name} {reason}")
    else:
        module, _, name = entry.target.partition(":")
        target = get_attribute(import_module(module, entry.name), name, entry.name)
    if not callable(target):
        raise PluginError(f"{entry.name}: {entry.target} is a {type(target).__name__}, not a class")
    return target


def version(entry: Entry, target: Any) -> str:
    """Return the version of a model, an extractor or a perturbation that `load` returned.

    Raises:
        PluginError: it has none.
    """
    stated = getattr(target, "version", None)
    if not isinstance(stated, str) or not stated.strip():
        raise PluginError(
            f'{entry.name} has no version: {entry.target} must have an attribute version = "1", '
            "changed whenever its results change"
        )
    if is_import_path(entry.name):
        from serbench.plugins import import_path

        return import_path.version(entry.name, stated)
    return stated


_OTHER = object()


def identifying(target: Any, params: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters that identify a run; see `serbench.contracts.HasAddedParams`."""
    added = target.added if isinstance(target, HasAddedParams) else {}
    return {name: params[name] for name in params if params[name] != added.get(name, _OTHER)}


def complete(target: Any, params: Mapping[str, object]) -> dict[str, object]:
    """Return all parameters with which a run instantiates its model or extractor."""
    return {**(target.added if isinstance(target, HasAddedParams) else {}), **params}
