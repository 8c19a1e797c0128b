"""The models `functionals-linear`, `functionals-svm` and `egemaps-linear`.

scikit-learn takes seconds to import, so it is imported when something is fitted.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from serbench_sklearn.scorer import Doubles
from serbench_sklearn.tuned import Problem, Strength, Tuned

STEPS = 5000  # at most
TOLERANCE = 1e-8  # of the gradient: small, so that the result does not depend on rounding


class Linear(Tuned):
    """Multinomial logistic regression, labels weighted to count equally.

    Args:
        labels: the emotions.
        seed: of no influence.
        c: scikit-learn's C; None: chosen on the validation speakers.
    """

    version = "2"
    notes: ClassVar = {"2": "the optimum is found to more digits"}
    grid: ClassVar = {"c": (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)}

    def __init__(self, *, labels: Sequence[str], seed: int, c: float | None = None) -> None:
        super().__init__(labels=labels, seed=seed, c=c)

    def classifier(self, strength: Strength, features: int) -> Any:
        """Return logistic regression with a squared penalty."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(
            C=strength["c"], class_weight="balanced", max_iter=STEPS, tol=TOLERANCE
        )


class Svm(Tuned):
    """Support vectors with a Gaussian kernel, labels weighted to count equally.

    Args:
        labels: the emotions.
        seed: of no influence.
        c: scikit-learn's C; None: chosen on the validation speakers.
        gamma: the kernel's, times the number of features, so that 1 is scikit-learn's "scale";
            None: chosen with `c`.
    """

    grid: ClassVar = {"gamma": (0.03, 0.1, 0.3, 1.0), "c": (0.3, 1.0, 3.0, 10.0, 30.0)}

    def __init__(
        self,
        *,
        labels: Sequence[str],
        seed: int,
        c: float | None = None,
        gamma: float | None = None,
    ) -> None:
        super().__init__(labels=labels, seed=seed, c=c, gamma=gamma)

    def classifier(self, strength: Strength, features: int) -> Any:
        """Return a machine for each pair of labels, voting."""
        return _svc(strength, kernel="rbf", gamma=strength["gamma"] / features)

    def decision(self, strength: Strength, problem: Problem) -> Doubles:
        """See `Tuned`: the same up to the solver's tolerance, from one kernel for all pairs."""
        gamma = strength["gamma"] / problem.train.shape[1]
        train, held_out = (np.exp(-gamma * distances) for distances in problem.distances)
        fitted = _svc(strength, kernel="precomputed").fit(train, problem.truth)
        return np.asarray(fitted.decision_function(held_out))


def _svc(strength: Strength, **kernel: Any) -> Any:
    from sklearn.svm import SVC

    # without a seed, of which nothing depends, it would draw one from numpy's global state
    return SVC(C=strength["c"], class_weight="balanced", cache_size=500, random_state=0, **kernel)
