"""Makes a model's class of anything that follows scikit-learn's estimator interface.

A class, or a function without required arguments that returns an estimator or a pipeline. It is
known by what it can do: the core does not import scikit-learn.
"""

import contextlib
import inspect
import keyword
import math
import types
import typing
from collections.abc import Callable
from typing import Any

from serbench import sources
from serbench.errors import PluginError
from serbench.estimators import Estimator, is_one, packages, words
from serbench.importing import guarded

HINT = (
    "; a model has fit, predict and version, and takes labels and seed (serbench.contracts.Model); "
    "an estimator has fit, predict and get_params, as scikit-learn's classifiers"
)
PLAIN = (bool, int, float, str, type(None))


def adapted(path: str, target: Any) -> type[Estimator]:
    """The model's class that an estimator's class, or a function that returns one, makes.

    Its parameters are those of `get_params`, or the arguments of a function that has any.

    Args:
        path: its import path.
        target: what is there.

    Raises:
        PluginError: it is no classifier, or cannot be made without arguments.
    """
    estimator = _made(path, target)
    own = {} if isinstance(target, type) else _arguments(target)
    known = {
        name: value
        for name, value in (own or estimator.get_params(deep=True)).items()
        if name.isidentifier() and not keyword.iskeyword(name) and _plain(value)
    }
    # a class is asked, never an instance: its own __init__ is the one that will run
    hints = _hints(target.__init__ if isinstance(target, type) else target)  # type: ignore[misc]
    kind = inspect.Parameter.KEYWORD_ONLY
    given = [inspect.Parameter(name, kind) for name in ("labels", "seed")]
    given += [
        inspect.Parameter(name, kind, default=words(value), annotation=hints.get(name, Any))
        for name, value in known.items()
        if name not in ("labels", "seed")
    ]
    packaged = {path.partition(":")[0].partition(".")[0], *packages(estimator)}
    code = sorted(packaged, key=lambda one: (not sources.is_own(one), one))
    attributes = {
        "path": path,
        "version": ", ".join(map(sources.identity, code)),
        "make": staticmethod(target),
        "defaults": known,
        "arguments": bool(own),
        "__signature__": inspect.Signature(given),
        "__module__": __name__,
    }
    return type("Estimator", (Estimator,), attributes)


def _made(path: str, target: Any) -> Any:
    """An estimator, if it is one that classifies."""
    what = _name(target)
    if not (isinstance(target, type) or inspect.isroutine(target)):
        made_of = "an estimator that is made already" if is_one(target) else f"of type {what}"
        remedy = (
            ": an object would carry what it learned from fold to fold; name its class, or a "
            "function that returns a new one"
        )
        raise PluginError(
            f"{path} is neither a model nor an estimator's class or function, but {made_of}"
            f"{remedy if is_one(target) else HINT}"
        )
    needed = _required(target)
    if needed:
        raise PluginError(
            f"{path} cannot be made without {', '.join(needed)}: write a function without required "
            "arguments that returns one, and name that"
        )
    with guarded(f"{path} cannot be made"):
        made = target()
    if not is_one(made):
        raise PluginError(
            f"{path} is neither a model nor an estimator: it makes {_name(made)}{HINT}"
        )
    kind = _kind(made)
    if kind != "classifier":
        raise PluginError(
            f"{path} is no classifier, but {kind}, and emotions are classes: name a classifier, or "
            "a function that returns one"
        )
    return made


def _kind(made: Any) -> str:
    """What an estimator says that it is; one that says nothing and predicts may classify."""
    kind = getattr(made, "_estimator_type", None)
    with contextlib.suppress(Exception):  # whose tags fail says nothing
        kind = made.__sklearn_tags__().estimator_type or kind
    if not callable(getattr(made, "predict", None)):
        transforms = callable(getattr(made, "transform", None))
        return "a transformer" if transforms else "cannot predict"
    words = str(kind or "classifier").replace("_", " ")
    return words if words == "classifier" else f"a{'n' * (words[0] in 'aeiou')} {words}"


def _name(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def _required(target: Callable[..., Any]) -> list[str]:
    try:
        known = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):  # of compiled code nobody knows
        return []
    some = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in known if one.default is one.empty and one.kind not in some]


def _arguments(target: Callable[..., Any]) -> dict[str, object]:
    """A function's arguments that may be given by name, with their defaults."""
    try:
        known = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {one.name: one.default for one in known if one.kind in named}


def _hints(maker: Any) -> dict[str, Any]:
    """Annotations that say which plain values fit; libraries' others are not held to."""
    try:
        hints = typing.get_type_hints(maker)
    except Exception:  # a name that is only there for type checkers
        return {}
    return {name: hint for name, hint in hints.items() if _simple(hint)}


def _simple(hint: Any) -> bool:
    if typing.get_origin(hint) is typing.Literal:
        return True
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return all(map(_simple, typing.get_args(hint))) if union else hint in PLAIN


def _plain(value: object) -> bool:
    """It is what JSON can say, so that it can be a parameter and part of a run's identity."""
    if isinstance(value, tuple | list):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(one) for key, one in value.items())
    return type(value) in PLAIN and not (isinstance(value, float) and not math.isfinite(value))
