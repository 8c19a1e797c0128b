"""What models, features and datasets have in common: how they are made, and their parameters."""

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from serbench import specs
from serbench.testing.examination import Violation

PLAIN = (bool, int, float, str, types.NoneType)


def require_parameters(owner: str, target: Callable[..., Any], given: Sequence[str] = ()) -> str:
    """Refuse parameters that `--param` could not set or check.

    Args:
        owner: for the messages.
        target: a class, or whatever makes the plugin's object.
        given: parameters that the harness gives: "labels", "seed".

    Returns:
        A remark: which there are.

    Raises:
        Violation: one has no default, no annotation, or a default that its annotation forbids.
    """
    found = inspect.signature(target).parameters.values()
    ours = [one for one in found if one.name not in (*given, "device")]
    for one in ours:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            raise Violation(f"{owner} takes {one}: name each parameter, with a default")
        if one.default is one.empty:
            raise Violation(f"parameter {one.name} of {owner} has no default: give it one")
    known = specs.parameters(target)
    for one in ours:
        _require_plain(owner, one.name, *known[one.name], annotated=one.annotation is not one.empty)
    return ", ".join(one.name for one in ours) or "none"


def _require_plain(
    owner: str, name: str, annotation: Any, default: object, *, annotated: bool
) -> None:
    if not annotated or not all(_plain(option) for option in _options(annotation)):
        said = f"is annotated with {annotation}" if annotated else "has no annotation"
        raise Violation(
            f"parameter {name} of {owner} {said}, so --param cannot check it: annotate it with "
            "bool, int, float, str, a Literal, or one of these | None"
        )
    specs.checked(owner, {name: (annotation, default)}, {name: default})


def _options(annotation: Any) -> tuple[Any, ...]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _plain(option: Any) -> bool:
    return option in (None, *PLAIN) or typing.get_origin(option) is typing.Literal
