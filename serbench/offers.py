"""What a plugin offers, checked before anybody relies on it: one fault costs one entry or hook."""

import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from serbench.contracts import NAME, TARGET, Entry, ModelEntry
from serbench.errors import PluginError
from serbench.importing import guarded

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
    lists = {"requires": entry.requires}
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
