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
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from serbench.contracts import Array, Examples, Predictions, Workspace
from serbench.errors import BadParameter, PluginError
from serbench.plugins import source_code
from serbench.plugins.guarded_import import LONGEST, guarded

LEAST = 30.0  # below the lowest score, where a class was missing in training: exp(-30) is nothing
MOST_SEED = 2**32  # numpy's generators of old take seeds below it

Matrix = npt.NDArray[np.float64]


class Estimator:
    """A model that learns vectors with an estimator; `adapted` makes a class of it for each.

    The estimator sees the training set only: where something is to be chosen on the validation
    set, write a model. Nothing is scaled: a pipeline that begins with a scaler does that.

    Attributes:
        path: the import path of what makes the estimator.
        version: of the code that it runs.
        make: returns an estimator.
        defaults: what a user may set, as the estimator has it.
        arguments: that are `make`'s own arguments, not parameters of what it returns.
    """

    path: ClassVar[str]
    version: ClassVar[str]
    make: ClassVar[Callable[..., Any]]
    defaults: ClassVar[Mapping[str, object]]
    arguments: ClassVar[bool]

    def __init__(self, *, labels: Sequence[str], seed: int, **params: Any) -> None:
        self._labels = tuple(labels)
        known = self.defaults
        given = {
            name: tuple(value) if isinstance(known[name], tuple) else value
            for name, value in params.items()
            if not _same(value, words(known[name]))
        }
        seed %= MOST_SEED
        if self.arguments and "random_state" in known and known["random_state"] is None:
            given.setdefault("random_state", seed)
        with guarded(f"{self.path} refuses its parameters"):
            self.estimator = self.make(**given) if self.arguments else self.make()
            if not self.arguments:
                self.estimator.set_params(**given)
            self.estimator.set_params(**_unseeded(self.estimator, seed))
        self._classes = np.arange(len(self._labels))
        self._scores = ""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Fit the estimator to the training set; truths are positions in the labels."""
        rows = self._vectors(train.inputs)
        with self._one_line("cannot be fitted"):
            self.estimator.fit(rows, train.truth)
        found = getattr(self.estimator, "classes_", None)
        present = np.unique(train.truth)
        self._classes = present if found is None else np.asarray(found)
        if self._classes.ndim != 1 or not np.isin(self._classes, present).all():
            raise PluginError(
                f"{self.path} was fitted to the classes {present.tolist()}, but says that they are "
                f"{self._classes.tolist()} (classes_)"
            )

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Probabilities where the estimator has them, else its decision function, else a vote.

        Returns:
            (utterances, labels); the label that counts is that of the highest score. What its
            `predict` says may differ in ties.
        """
        rows = self._vectors(inputs)
        with self._one_line("cannot predict"):
            probable = getattr(self.estimator, "predict_proba", None)
            if callable(probable):
                self._scores = "predict_proba"
                return Predictions(self._placed(np.asarray(probable(rows))), "identity")
            decide = getattr(self.estimator, "decision_function", None)
            if callable(decide):
                decided = _columns(np.asarray(decide(rows), np.float64))
                if decided.shape[1] == len(self._classes):
                    self._scores = "decision_function"
                    return Predictions(self._placed(decided, LEAST), "softmax")
            self._scores = "predict"
            return Predictions(self._voted(np.asarray(self.estimator.predict(rows))), "identity")

    def describe(self) -> dict[str, object]:
        """Which estimator, and which of its methods gave the scores."""
        kind = type(self.estimator)
        return {"estimator": f"{kind.__module__}.{kind.__qualname__}", "scores": self._scores}

    def _vectors(self, inputs: Sequence[Array]) -> Matrix:
        """(utterances, values)."""
        arrays = list(inputs)
        shapes = sorted({array.shape for array in arrays})
        if len(shapes) != 1 or len(shapes[0]) != 1:
            found = ", ".join(map(str, shapes[:3])) + ", ..." * (len(shapes) > 3)
            raise BadParameter(
                f"{self.path} learns from one vector an utterance, all of one size, but its "
                f"features have the shapes {found}: choose features that give vectors, such as "
                "--features functionals or --features egemaps; `serbench features` lists all"
            )
        return np.stack(arrays).astype(np.float64)

    def _placed(self, scores: Matrix, below: float | None = None) -> Matrix:
        """Scores of the classes in the order of the labels.

        Args:
            scores: (utterances, classes).
            below: how far below its lowest score an utterance has that of a label that was missing
                in training; None is a probability of 0.
        """
        if scores.shape[1:] != self._classes.shape:
            raise PluginError(
                f"{self.path} gives scores of shape {scores.shape} for {len(self._classes)} classes"
            )
        missing = np.zeros(len(scores)) if below is None else scores.min(axis=1) - below
        placed = np.repeat(missing[:, None], len(self._labels), axis=1).astype(np.float64)
        placed[:, self._classes] = scores
        return placed

    def _voted(self, said_so: Array) -> Matrix:
        """All of the probability on the class that each utterance was given."""
        votes: Matrix = said_so[:, None] == np.arange(len(self._labels))
        if votes.shape != (len(said_so), len(self._labels)) or not votes.any(axis=1).all():
            raise PluginError(
                f"{self.path} must predict one class an utterance, of those that it was fitted to, "
                f"but its predictions have the shape {said_so.shape} and begin "
                f"{said_so[:3].tolist()}"
            )
        return votes.astype(np.float64)

    @contextlib.contextmanager
    def _one_line(self, doing: str) -> Iterator[None]:
        """What the estimator's own library refuses is one line; other faults keep a traceback."""
        try:
            yield
        except Exception as error:
            library = type(error).__module__.partition(".")[0]
            if library in packages(self.estimator) and not source_code.is_own(library):
                words = " ".join(str(error).split())
                raise BadParameter(f"{self.path} {doing}: {words[:LONGEST]}") from error
            raise


def is_one(made: object) -> bool:
    """It is an estimator, made already."""
    wanted = ("fit", "get_params", "set_params")
    instance = not isinstance(made, type)
    return instance and all(callable(getattr(made, name, None)) for name in wanted)


def words(value: Any) -> Any:
    """A plain value as JSON reads it back."""
    if isinstance(value, tuple | list):
        return [words(one) for one in value]
    return {key: words(one) for key, one in value.items()} if isinstance(value, dict) else value


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _unseeded(estimator: Any, seed: int) -> dict[str, int]:
    """The seed for every `random_state`, of parts too, that is left to chance."""
    return {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if value is None and name.rpartition("__")[2] == "random_state"
    }


def packages(estimator: Any) -> set[str]:
    """The packages whose classes an estimator and its parts are of."""
    parts = [estimator, *estimator.get_params(deep=True).values()]
    modules = [type(part).__module__ for part in parts if is_one(part)]
    return {module.partition(".")[0] for module in modules}


def _columns(decided: Matrix) -> Matrix:
    """(utterances, classes): of two classes an estimator gives one column, for the second.

    Their softmax is the logistic function of that column.
    """
    if decided.ndim == 1:
        decided = decided[:, None]
    return np.hstack([-decided / 2, decided / 2]) if decided.shape[1] == 1 else decided


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
    code = sorted(packaged, key=lambda one: (not source_code.is_own(one), one))
    attributes = {
        "path": path,
        "version": ", ".join(map(source_code.identity, code)),
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
