"""The check of parameters that models, features and datasets have in common."""

import types
import typing
from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any

from serbench.parameters import checked, settable
from serbench.testing.examination import Violation

PLAIN = (bool, int, float, str, types.NoneType, None)


def require_parameters(owner: str, target: Callable[..., Any], given: Sequence[str] = ()) -> str:
    """Refuse parameters that `--param` could not set or check.

    Args:
        owner: for the messages.
        target: a class, or another callable that makes the plugin's object.
        given: parameters that the harness gives: "labels", "seed".

    Returns:
        The names of the parameters, as a remark.

    Raises:
        Violation: one has no default, no annotation, or a default that its annotation forbids.
    """
    every = signature(target).parameters.values()
    own = [parameter for parameter in every if parameter.name not in (*given, "device")]
    for parameter in own:
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            raise Violation(f"{owner} takes {parameter}: name each parameter, with a default")
        if parameter.default is Parameter.empty:
            raise Violation(f"parameter {parameter.name} of {owner} has no default: give it one")
    typed = settable(target)
    for parameter in own:
        name = parameter.name
        annotation, default = typed[name]
        is_annotated = parameter.annotation is not Parameter.empty
        if not is_annotated or not _is_plain(annotation):
            fault = f"is annotated with {annotation}" if is_annotated else "has no annotation"
            raise Violation(
                f"parameter {name} of {owner} {fault}, so --param cannot check it: annotate it "
                "with bool, int, float, str, a Literal, or one of these | None"
            )
        checked(owner, {name: typed[name]}, {name: default})
    return ", ".join(parameter.name for parameter in own) or "none"


def _is_plain(annotation: Any) -> bool:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    options = typing.get_args(annotation) if union else (annotation,)
    return all(option in PLAIN or typing.get_origin(option) is typing.Literal for option in options)
