"""The head `logistic`: logistic regression on one layer, chosen on the validation speakers."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from serbench import Workspace
from serbench_transformers.probing.heads import Doubles, Head, Problem

GRID = (0.0001, 0.001, 0.01, 0.1)  # C, the most regularised first
STEPS = 2000  # at most
TOLERANCE = 1e-7  # of the gradient


@dataclass(frozen=True)
class Fitted:
    """A classifier on one layer."""

    layer: int
    c: float
    weight: Doubles  # (labels seen, width)
    bias: Doubles  # (labels seen,)
    uar: float  # on the validation speakers

    def head(self, problem: Problem) -> Head:
        """Return the head with this classifier."""
        return Head(
            problem.standard.only(self.layer),
            np.array([self.layer]),
            np.ones(1),
            ((self.weight, self.bias),),
            problem.seen,
        )

    def facts(self) -> dict[str, object]:
        """Return the layer, the strength C and their score."""
        return {"layer": self.layer, "c": self.c, "validation_uar": self.uar}


def learn(
    problem: Problem, layer: int | None, c: float | None, workspace: Workspace
) -> tuple[Head, dict[str, object]]:
    """Choose the layer and the strength C with the highest validation UAR, the first of equals.

    If `layer` (from 0 on) or `c` (scikit-learn's C) is not None, it is fixed, not chosen.

    Returns:
        The head, and facts about it: under "layers" the best strength for every layer.
    """
    layers = range(problem.layers) if layer is None else (layer,)
    best_of = []
    with threadpool_limits(1):  # a second thread would mostly wait
        for step, position in enumerate(layers, start=1):
            best_of.append(max(_strengths(problem, position, c), key=lambda fitted: fitted.uar))
            workspace.report(step, len(layers), validation_uar=best_of[-1].uar)
    best = max(best_of, key=lambda fitted: fitted.uar)
    return best.head(problem), {**best.facts(), "layers": [fitted.facts() for fitted in best_of]}


def _strengths(problem: Problem, layer: int, c: float | None) -> Iterator[Fitted]:
    """Fit one layer with every strength, or only with `c`.

    Each fit starts from the solution for the weaker strength before, which saves most of the steps;
    a fixed `c` is reached in the same way, so that its solution is the same as if it were chosen.
    """
    from sklearn.linear_model import LogisticRegression  # a kept probe does not need scikit-learn

    # in double precision: in single precision, the optimum would differ between processors
    rows, held_out = (
        part[:, layer].astype(np.float64) for part in (problem.train, problem.held_out)
    )
    classifier = LogisticRegression(
        class_weight="balanced", max_iter=STEPS, tol=TOLERANCE, warm_start=True
    )
    for strength in GRID if c is None else (*(weaker for weaker in GRID if weaker < c), c):
        classifier.set_params(C=strength).fit(rows, problem.truth)
        if c is None or strength == c:
            weight, bias = _of_all_labels(classifier.coef_, classifier.intercept_)
            uar = problem.uar(held_out @ weight.T + bias)
            yield Fitted(layer, strength, weight, bias, uar)


def _of_all_labels(weight: Doubles, bias: Doubles) -> tuple[Doubles, Doubles]:
    """Return weights (labels, width), biases (labels,); scikit-learn has one row for two labels."""
    weight, bias = weight.astype(np.float64), bias.astype(np.float64)
    if len(weight) > 1:
        return weight, bias
    return np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
