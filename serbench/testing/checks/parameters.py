"""Check the parameters of a model, a feature, a perturbation or a dataset."""

import types
import typing
from inspect import Parameter, signature
from typing import Any

from serbench.parameters import checked, settable
from serbench.plugins.sklearn_adapter import Estimator
from serbench.testing.examination import NotRun, Subject, Violation

PLAIN = (bool, int, float, str, types.NoneType, None)


def parameters_are_annotated(subject: Subject) -> str:
    """Every parameter has an annotation, and a default that fits the annotation.

    Otherwise --param cannot set the parameter, and runs do not record it.
    """
    target: Any = subject.target
    if isinstance(target, type) and issubclass(target, Estimator):
        raise NotRun(
            "its parameters are those of a scikit-learn estimator, which need no annotations"
        )
    own = [
        parameter
        for parameter in signature(target).parameters.values()
        if parameter.name not in (*subject.given, "device")
    ]
    for parameter in own:
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            raise Violation(
                f"{subject.name} takes {parameter}: name each parameter, with a default"
            )
        if parameter.default is Parameter.empty:
            raise Violation(
                f"parameter {parameter.name} of {subject.name} has no default: give it one"
            )
    typed = settable(target)
    for parameter in own:
        annotation, default = typed[parameter.name]
        is_annotated = parameter.annotation is not Parameter.empty
        if not is_annotated or not is_plain(annotation):
            fault = f"is annotated with {annotation}" if is_annotated else "has no annotation"
            raise Violation(
                f"parameter {parameter.name} of {subject.name} {fault}, so --param cannot check "
                "it: annotate it with bool, int, float, str, a Literal, or one of these | None"
            )
        checked(subject.name, {parameter.name: typed[parameter.name]}, {parameter.name: default})
    return ", ".join(parameter.name for parameter in own) or "none"


def is_plain(annotation: Any) -> bool:
    """Return whether a value of this annotation can be typed on a command line."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    options = typing.get_args(annotation) if union else (annotation,)
    return all(option in PLAIN or typing.get_origin(option) is typing.Literal for option in options)
