"""What the facts of a fold must look like, for all the code that reads them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from serbench.text import shown

NUMBER = (float, int)
NOTHING = type(None)

NEEDED: Mapping[str, tuple[type, ...]] = {
    "config": (dict,),
    **{f"config.{one}": (str,) for one in ("dataset", "labels", "protocol", "model")},
    **{f"config.{one}": (str,) for one in ("model_version", "feature", "feature_version")},
    **{f"config.{one}": (dict,) for one in ("params", "feature_params", "reading")},
    "config.seed": (int,),
    "pins": (dict,),
    "pins.corpus": (str,),
    "pins.protocol": (str,),
    "protocol": (dict,),
    "protocol.leaks": (str,),
    "protocol.folds": (int,),
    "fold": (dict,),
    "fold.index": (int,),
    "fold.name": (str,),
    "fold.group": (str,),
    "labels": (list,),
    "labels.*": (str,),
    "link": (str,),
    "certificate": (dict,),
    "certificate.clean": (bool,),
    "validation": (dict,),
    "validation.f1": NUMBER,
    "alone": (dict,),
    "alone.largest_difference": NUMBER,
    "seconds": (dict,),
    "seconds.*": NUMBER,
    "device": (str,),
    "threads": (int,),
    "versions": (dict,),
    "versions.*": (str,),
    "sources": (dict,),
    "machine": (dict,),
}
"""By its place, "*" for everything in a list or an object; what holds others comes before them."""

ALLOWED: Mapping[str, tuple[type, ...]] = {
    "pins.audio": (str,),
    "fold.utterances": (dict,),
    "fold.utterances.*": (int,),
    "alone.other_labels": (int,),
    "alone.utterances": (int,),
    "alone.unchecked": (str,),
    "config.precision": (str,),
    "config.threads": (int,),
    "machine.*": (str,),
    "warnings": (list,),
    "warnings.*": (str,),
    "model": (dict,),
    "model.parameters": (int, NOTHING),
    "model.trained_parameters": (int, NOTHING),
    **{f"model.{one}": (str, NOTHING) for one in ("checkpoint", "revision", "licence")},
    "model.pretrained": (bool, NOTHING),
    "model.fine_tuned_before": (str, NOTHING),
    "model.precision": (str, NOTHING),
    "model.bfloat16_gain": NUMBER,
    "curve": (list,),
    "curve.*": (dict,),
    "curve.*.*": (*NUMBER, NOTHING),
    "peak_memory_mb": NUMBER,
    "folds_before": (int,),
    "finished": (str,),
}
"""What may be missing; where it is there it looks like this."""

WORDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NOTHING: "null",
}


def misfit(facts: object) -> str:
    """The first thing in a fold's facts that is not as other code relies on, or nothing.

    >>> misfit({"config": 5})
    'config is 5, but must be an object'
    """
    if not isinstance(facts, dict):
        return f"its facts are {_brief(facts)}, but must be an object"
    for path, kinds in {**NEEDED, **ALLOWED}.items():
        for value in _found(facts, path.split(".")):
            if value is _MISSING and path in NEEDED:
                return f"{path} is missing"
            if value is not _MISSING and type(value) not in kinds:
                return f"{path} is {_brief(value)}, but must be {_any_of(kinds)}"
    if not facts["labels"]:
        return "labels is empty"
    return ""


def misdescribed(words: object) -> str:
    """The first thing that a model says of itself that other code could not rely on, or nothing.

    >>> misdescribed({"precision": 32})
    'precision is 32, but must be a text or null'
    """
    if not isinstance(words, Mapping):
        return f"it is {_brief(words)}, but must be an object"
    for path, kinds in ALLOWED.items():
        place, _, name = path.partition(".")
        if place != "model" or name not in words:
            continue
        value = words[name]
        plain = value.item() if isinstance(value, np.generic) else value
        if type(plain) not in kinds:
            return f"{name} is {_brief(value)}, but must be {_any_of(kinds)}"
    return ""


_MISSING = object()


def _found(holder: Any, path: list[str]) -> Iterator[Any]:
    """The values at a place; `_MISSING` where there is none."""
    name, *rest = path
    if name == "*":
        values = list(holder.values() if isinstance(holder, dict) else holder)
    else:
        values = [holder.get(name, _MISSING)]
    for value in values:
        if not rest:
            yield value
        elif value is not _MISSING:
            yield from _found(value, rest)


def _any_of(kinds: tuple[type, ...]) -> str:
    return " or ".join(WORDS[kind] for kind in kinds)


def _brief(value: object) -> str:
    return shown(repr(value), 40)
