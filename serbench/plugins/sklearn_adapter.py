"""Adapt an estimator with scikit-learn's interface, from its class or from a function.

Estimators are recognised by their methods: the core does not import scikit-learn.
"""

import contextlib
import inspect
import json
import keyword
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from serbench.contracts import Array, Examples, Predictions, Workspace
from serbench.errors import BadParameter, PluginError
from serbench.plugins import source_code
from serbench.plugins.guarded_import import LONGEST, guarded

LEAST = 30.0  # below the lowest score, for a label missing in training: exp(-30) is negligible
MOST_SEED = 2**32  # numpy's older generators take seeds below it
PLAIN = (bool, int, float, str, type(None))
HINT = (
    "; a model has fit, predict and version, and takes labels and seed (serbench.contracts.Model); "
    "an estimator has fit, predict and get_params, as scikit-learn's classifiers"
)

Matrix = npt.NDArray[np.float64]


class Estimator:
    """A model that fits an estimator to vectors; `adapted` returns a subclass per estimator.

    The estimator sees the training set only: to choose something on the validation set, write a
    model. Features are not scaled: use a pipeline that begins with a scaler.
    """

    path: ClassVar[str]  # the import path of the estimator's class or function
    version: ClassVar[str]  # of the code that it runs
    make: ClassVar[Callable[..., Any]]  # that class or function
    defaults: ClassVar[Mapping[str, object]]  # of the parameters that a user may set
    arguments: ClassVar[bool]  # whether `defaults` are arguments of `make`, not of the estimator

    def __init__(self, *, labels: Sequence[str], seed: int, **params: Any) -> None:
        self._labels = tuple(labels)
        defaults = self.defaults
        given = {
            name: tuple(value) if isinstance(defaults[name], tuple) else value
            for name, value in params.items()
            if json.dumps(value) != json.dumps(defaults[name])
        }
        seed %= MOST_SEED
        if self.arguments and "random_state" in defaults and defaults["random_state"] is None:
            given.setdefault("random_state", seed)
        with guarded(f"{self.path} refuses its parameters"):
            self.estimator = self.make(**given) if self.arguments else self.make()
            if not self.arguments:
                self.estimator.set_params(**given)
            unseeded = [
                name
                for name, value in self.estimator.get_params(deep=True).items()
                if value is None and name.rpartition("__")[2] == "random_state"
            ]
            self.estimator.set_params(**dict.fromkeys(unseeded, seed))
        self._classes = np.arange(len(self._labels))
        self._scores = ""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Fit the estimator to the training set; truths are positions in the labels."""
        rows = self._vectors(train.inputs)
        with self._library_errors("cannot be fitted"):
            self.estimator.fit(rows, train.truth)
        classes = getattr(self.estimator, "classes_", None)
        present = np.unique(train.truth)
        self._classes = present if classes is None else np.asarray(classes)
        if self._classes.ndim != 1 or not np.isin(self._classes, present).all():
            raise PluginError(
                f"{self.path} was fitted to the classes {present.tolist()}, but its classes_ are "
                f"{self._classes.tolist()}"
            )

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Return the estimator's probabilities, or else its decision function, or else votes.

        Returns:
            (utterances, labels); the prediction is the label with the highest score. The
            estimator's `predict` may differ in ties.
        """
        rows = self._vectors(inputs)
        with self._library_errors("cannot predict"):
            probabilities = getattr(self.estimator, "predict_proba", None)
            if callable(probabilities):
                self._scores = "predict_proba"
                return Predictions(self._placed(np.asarray(probabilities(rows))), "identity")
            decide = getattr(self.estimator, "decision_function", None)
            if callable(decide):
                decisions = _columns(np.asarray(decide(rows), np.float64))
                if decisions.shape[1] == len(self._classes):
                    self._scores = "decision_function"
                    return Predictions(self._placed(decisions, LEAST), "softmax")
            self._scores = "predict"
            return Predictions(self._votes(np.asarray(self.estimator.predict(rows))), "identity")

    def describe(self) -> dict[str, object]:
        """Name the estimator, and which of its methods returned the scores."""
        kind = type(self.estimator)
        return {"estimator": f"{kind.__module__}.{kind.__qualname__}", "scores": self._scores}

    def _vectors(self, inputs: Sequence[Array]) -> Matrix:
        """Return features as one matrix (utterances, values)."""
        arrays = list(inputs)
        shapes = sorted({array.shape for array in arrays})
        if len(shapes) != 1 or len(shapes[0]) != 1:
            few = ", ".join(map(str, shapes[:3])) + ", ..." * (len(shapes) > 3)
            raise BadParameter(
                f"{self.path} learns from one vector per utterance, all of one size, but its "
                f"features have the shapes {few}: choose features that give vectors, such as "
                "--features functionals or --features egemaps; `serbench features` lists all"
            )
        return np.stack(arrays).astype(np.float64)

    def _placed(self, scores: Matrix, below: float | None = None) -> Matrix:
        """Return scores (utterances, classes) as (utterances, labels).

        Labels that were missing in training get the utterance's lowest score minus `below`; if that
        is None, a probability of 0.
        """
        if scores.shape[1:] != self._classes.shape:
            raise PluginError(
                f"{self.path} gives scores of shape {scores.shape} for {len(self._classes)} classes"
            )
        missing = np.zeros(len(scores)) if below is None else scores.min(axis=1) - below
        placed = np.repeat(missing[:, None], len(self._labels), axis=1).astype(np.float64)
        placed[:, self._classes] = scores
        return placed

    def _votes(self, predicted: Array) -> Matrix:
        """Return a probability of 1 for the class of each utterance."""
        votes: Matrix = predicted[:, None] == np.arange(len(self._labels))
        if votes.shape != (len(predicted), len(self._labels)) or not votes.any(axis=1).all():
            raise PluginError(
                f"{self.path} must predict one of its classes per utterance, "
                f"but its predictions have the shape {predicted.shape} and begin "
                f"{predicted[:3].tolist()}"
            )
        return votes.astype(np.float64)

    @contextlib.contextmanager
    def _library_errors(self, doing: str) -> Iterator[None]:
        """Report errors of the estimator's library in one line; others keep their traceback."""
        try:
            yield
        except Exception as error:
            library = type(error).__module__.partition(".")[0]
            if library in _packages(self.estimator) and not source_code.is_own(library):
                message = " ".join(str(error).split())
                raise BadParameter(f"{self.path} {doing}: {message[:LONGEST]}") from error
            raise


def _is_estimator(value: object) -> bool:
    """Return whether a value is an estimator, not its class."""
    methods = ("fit", "get_params", "set_params")
    return not isinstance(value, type) and all(callable(getattr(value, m, None)) for m in methods)


def _plain_lists(value: Any) -> Any:
    """Return a plain value as JSON reads it back, with lists in place of tuples."""
    if isinstance(value, tuple | list):
        return [_plain_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain_lists(item) for key, item in value.items()}
    return value


def _packages(estimator: Any) -> set[str]:
    """Return the packages of the classes of an estimator and its parts."""
    parts = [estimator, *estimator.get_params(deep=True).values()]
    return {type(part).__module__.partition(".")[0] for part in parts if _is_estimator(part)}


def _columns(decisions: Matrix) -> Matrix:
    """Return decisions as (utterances, classes); estimators score only the second of two classes.

    The softmax of the two columns is the logistic function of that score.
    """
    if decisions.ndim == 1:
        decisions = decisions[:, None]
    return np.hstack([-decisions / 2, decisions / 2]) if decisions.shape[1] == 1 else decisions


def adapted(path: str, target: Any) -> type[Estimator]:
    """Return the model's class for an estimator's class, or for a function that returns one.

    Its parameters are those of `get_params`, or the arguments of a function that has any.

    Raises:
        PluginError: the function returns no classifier, or the target requires arguments.
    """
    estimator = _instance(path, target)
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    arguments = [] if isinstance(target, type) else _parameters(target)
    own = {argument.name: argument.default for argument in arguments if argument.kind in by_name}
    defaults = {
        name: value
        for name, value in (own or estimator.get_params(deep=True)).items()
        if name.isidentifier() and not keyword.iskeyword(name) and _is_plain(value)
    }
    # ask the class, never an instance: the class's own __init__ will run
    hints = _hints(target.__init__ if isinstance(target, type) else target)  # type: ignore[misc]
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, kind) for name in ("labels", "seed")]
    parameters += [
        inspect.Parameter(name, kind, default=_plain_lists(value), annotation=hints.get(name, Any))
        for name, value in defaults.items()
        if name not in ("labels", "seed")
    ]
    packages = {path.partition(":")[0].partition(".")[0], *_packages(estimator)}
    own_first = sorted(packages, key=lambda package: (not source_code.is_own(package), package))
    attributes = {
        "path": path,
        "version": ", ".join(map(source_code.identity, own_first)),
        "make": staticmethod(target),
        "defaults": defaults,
        "arguments": bool(own),
        "__signature__": inspect.Signature(parameters),
        "__module__": __name__,
    }
    return type("Estimator", (Estimator,), attributes)


def _instance(path: str, target: Any) -> Any:
    """Return the target's estimator; refuse a non-classifier or a target that needs arguments."""
    if not (isinstance(target, type) or inspect.isroutine(target)):
        kind, remedy = f"of type {type(target).__name__}", HINT
        if _is_estimator(target):
            kind = "an estimator instance"
            remedy = (
                ": an object would carry what it learned from fold to fold; name its class, or a "
                "function that returns a new one"
            )
        raise PluginError(
            f"{path} is neither a model nor an estimator's class or function, but {kind}{remedy}"
        )
    if names := required(target):
        raise PluginError(
            f"{path} cannot be made without {', '.join(names)}: write a function without required "
            "arguments that returns one, and name that"
        )
    with guarded(f"{path} cannot be made"):
        estimator = target()
    if not _is_estimator(estimator):
        name = "nothing" if estimator is None else type(estimator).__name__
        raise PluginError(f"{path} is neither a model nor an estimator: it makes {name}{HINT}")
    kind = _kind(estimator)
    if kind != "classifier":
        raise PluginError(
            f"{path} is not a classifier but {kind}, and emotions are classes: name a classifier, "
            "or a function that returns one"
        )
    return estimator


def _kind(estimator: Any) -> str:
    """Return an estimator's kind, "classifier" if it predicts and states no kind."""
    kind = getattr(estimator, "_estimator_type", None)
    with contextlib.suppress(Exception):  # tags that fail state no kind
        kind = estimator.__sklearn_tags__().estimator_type or kind
    if not callable(getattr(estimator, "predict", None)):
        transforms = callable(getattr(estimator, "transform", None))
        return "a transformer" if transforms else "an object without predict"
    noun = str(kind or "classifier").replace("_", " ")
    return noun if noun == "classifier" else f"a{'n' * (noun[0] in 'aeiou')} {noun}"


def _parameters(target: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # compiled code may have no signature
        return []


def required(target: Callable[..., Any]) -> list[str]:
    """Return the arguments without a default."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        parameter.name
        for parameter in _parameters(target)
        if parameter.default is parameter.empty and parameter.kind not in several
    ]


def _hints(maker: Any) -> dict[str, Any]:
    """Return the annotations of plain types; parameters with other types are not checked."""
    try:
        hints = typing.get_type_hints(maker)
    except Exception:  # a name that exists for type checkers only
        return {}
    return {name: hint for name, hint in hints.items() if _is_simple(hint)}


def _is_simple(hint: Any) -> bool:
    if typing.get_origin(hint) is typing.Literal:
        return True
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return all(map(_is_simple, typing.get_args(hint))) if union else hint in PLAIN


def _is_plain(value: object) -> bool:
    """Return whether JSON can store a value, so that it may be a parameter."""
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return type(value) in PLAIN and not (isinstance(value, float) and not math.isfinite(value))
