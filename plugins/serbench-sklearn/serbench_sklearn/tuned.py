"""Base class of classifiers whose strength is chosen from a grid on the validation speakers."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from serbench import (
    Array,
    BadParameter,
    Examples,
    Predictions,
    SerbenchError,
    Workspace,
    model_files,
)
from serbench_sklearn.scorer import (
    Doubles,
    Scorer,
    best_temperature,
    matrix,
    spread,
    standardised,
    uar,
)

Strength = Mapping[str, float]
FILE = "model.json"
# matrix products are too small to gain from a second thread; and with one thread sums have a fixed
# order, so that scores are the same for any --jobs
THREADS = 1


@dataclass(frozen=True)
class Problem:
    """A standardised fold, on which every strength of a grid is tried."""

    train: Doubles  # (utterances, features)
    truth: npt.NDArray[np.int64]  # (utterances,), the labels of `train`
    held_out: Doubles  # (utterances, features) of the validation speakers

    @cached_property
    def distances(self) -> tuple[Doubles, Doubles]:
        """Squared distances to `train` from `train`, and from `held_out`."""
        norms = np.square(self.train).sum(axis=1)
        return tuple(
            np.maximum(np.square(rows).sum(axis=1)[:, None] + norms - 2 * rows @ self.train.T, 0)
            for rows in (self.train, self.held_out)
        )


class Tuned(ABC):
    """A classifier on standardised feature vectors, with a strength chosen inside the fold.

    Every strength of the grid is fitted on the training utterances. The one with the highest UAR on
    the validation speakers is chosen, the first if several tie, so grids begin with the most
    regularised. The validation speakers also choose a temperature, which calibrates probabilities
    without changing predictions. No model is fitted on them. Nothing is random.

    Args:
        labels: the emotions.
        seed: has no effect.
        **fixed: strengths to use; None for those to choose.

    Raises:
        BadParameter: a given strength is not above 0.
    """

    version = "1"
    grid: ClassVar[Mapping[str, Sequence[float]]]

    def __init__(self, *, labels: Sequence[str], seed: int, **fixed: float | None) -> None:
        for name, value in fixed.items():
            if value is not None and not value > 0:
                raise BadParameter(f"parameter {name} is {value}, but must be above 0")
        self._labels = tuple(labels)
        self._seed = seed
        self._fixed = fixed
        self._tried: list[dict[str, float]] = []
        self._chosen: dict[str, float] = {}
        self._scorer: Scorer | None = None

    @abstractmethod
    def classifier(self, strength: Strength, features: int) -> Any:
        """Return an unfitted scikit-learn classifier of a strength for `features` features."""

    def decision(self, strength: Strength, problem: Problem) -> Doubles:
        """Fit a classifier of a strength, and score the held-out utterances."""
        classifier = self.classifier(strength, problem.train.shape[1])
        return classifier.fit(problem.train, problem.truth).decision_function(problem.held_out)

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Choose a strength and a temperature on `validation`; learn all else from `train`.

        Raises:
            SerbenchError: there are no validation utterances, or only one training label.
        """
        from sklearn.preprocessing import StandardScaler  # late: see `classifiers`

        if len(validation.truth) == 0:
            raise SerbenchError(
                "this model chooses its strength on validation utterances, and the fold has none: "
                "use a protocol with validation speakers"
            )
        if len(np.unique(train.truth)) < 2:
            raise SerbenchError(
                "all training utterances of the fold have one label, and a classifier needs at "
                "least two: check the corpus's labels, or use the model dummy"
            )
        with threadpool_limits(THREADS):
            inputs, held_out = matrix(train.inputs), matrix(validation.inputs)
            scaler = StandardScaler().fit(inputs)
            scaled = standardised(scaler, inputs)
            problem = Problem(scaled, train.truth, standardised(scaler, held_out))
            self._choose(problem, validation.truth, workspace)
            classifier = self.classifier(self._chosen, scaled.shape[1]).fit(scaled, train.truth)
            scorer = Scorer(scaler, classifier, len(self._labels))
            seen = np.isin(validation.truth, classifier.classes_)
            scores = scorer.activations(held_out)[seen]
            temperature = best_temperature(validation.truth[seen], scores)
            self._scorer = replace(scorer, temperature=temperature)

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Divide the decision function by the temperature; its softmax is the probabilities."""
        with threadpool_limits(THREADS):
            return Predictions(self._fitted().activations(matrix(inputs)), "softmax")

    def describe(self) -> dict[str, object]:
        """Return the chosen strength, and the validation UAR of every strength."""
        scorer = self._fitted()
        return {
            **self._chosen,
            "features": int(scorer.scaler.n_features_in_),
            "temperature": scorer.temperature,
            "grid": self._tried,
        }

    def save(self, folder: Path) -> None:
        """Write `model.json` and `classifier.skops`."""
        scorer = self._fitted()
        scorer.save(folder)
        content = {
            "labels": self._labels,
            "seed": self._seed,
            "fixed": self._fixed,
            "chosen": self._chosen,
            "temperature": scorer.temperature,
            "grid": self._tried,
        }
        model_files.write(folder / FILE, self.version, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the model that `save` wrote.

        Raises:
            SerbenchError: the file holds more than data.
        """
        content = model_files.read(folder / FILE, cls.version)
        model = cls(labels=content["labels"], seed=content["seed"], **content["fixed"])
        model._tried, model._chosen = content["grid"], content["chosen"]
        model._scorer = Scorer.load(folder, len(content["labels"]), content["temperature"])
        return model

    def _choose(self, problem: Problem, truth: npt.NDArray[np.int64], workspace: Workspace) -> None:
        """Try the grid around the fixed strengths; choose the first with the highest UAR."""
        axes = [
            values if self._fixed[name] is None else (self._fixed[name],)
            for name, values in self.grid.items()
        ]
        strengths = [dict(zip(self.grid, point, strict=True)) for point in itertools.product(*axes)]
        self._tried, seen, best = [], np.unique(problem.truth), -1.0
        for step, strength in enumerate(strengths, start=1):
            scores = spread(self.decision(strength, problem), seen, len(self._labels))
            score = uar(truth, scores)
            self._tried.append({**strength, "validation_uar": score})
            workspace.report(step, len(strengths), validation_uar=score)
            if score > best:
                best, self._chosen = score, strength

    def _fitted(self) -> Scorer:
        assert self._scorer is not None, "fit comes before predict, describe and save"
        return self._scorer
