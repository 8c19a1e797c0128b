"""The models `functionals-linear`, `functionals-svm` and `egemaps-linear`.

scikit-learn takes seconds to import, so it is imported only when a model is fitted.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from serbench_sklearn.scorer import Doubles
from serbench_sklearn.tuned import Problem, Strength, Tuned

STEPS = 5000  # the most iterations
TOLERANCE = 1e-8  # of the gradient; small, so that rounding does not change the result


class Linear(Tuned):
    """Multinomial logistic regression, with equal total weights of all labels.

    Args:
        labels: the emotions.
        seed: has no effect.
        c: scikit-learn's C; None chooses it on the validation speakers.
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
    """Support vector machine with a Gaussian kernel, with equal total weights of all labels.

    Args:
        labels: the emotions.
        seed: has no effect.
        c: scikit-learn's C; None chooses it on the validation speakers.
        gamma: the kernel's gamma in units of 1 / the number of features, which is scikit-learn's
            "scale"; None chooses it with `c`.
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
        """Return support vector machines, one per pair of labels, that vote."""
        return _svc(strength, kernel="rbf", gamma=strength["gamma"] / features)

    def decision(self, strength: Strength, problem: Problem) -> Doubles:
        """See `Tuned`; computes one kernel for all pairs, with the same scores up to tolerance."""
        gamma = strength["gamma"] / problem.train.shape[1]
        train, held_out = (np.exp(-gamma * distances) for distances in problem.distances)
        fitted = _svc(strength, kernel="precomputed").fit(train, problem.truth)
        return np.asarray(fitted.decision_function(held_out))


def _svc(strength: Strength, **kernel: Any) -> Any:
    from sklearn.svm import SVC

    # the seed has no effect, but without one SVC would draw it from numpy's global state
    return SVC(C=strength["c"], class_weight="balanced", cache_size=500, random_state=0, **kernel)
