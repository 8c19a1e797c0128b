"""Score utterances with a fitted classifier, on standardised features, at one temperature."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from serbench import Array, SerbenchError, replacing

Doubles = npt.NDArray[np.float64]

EXTREME = 5.0  # standard deviations; bounds features, which are extreme in silent utterances
UNSEEN = 30.0  # how far a label without training utterances lies below the others
TEMPERATURES = np.geomspace(0.001, 100, 151)  # steps of 8 %
FILE = "classifier.skops"


@dataclass(frozen=True)
class Scorer:
    """Compute activations from feature vectors; their softmax is the probabilities."""

    scaler: Any  # a fitted `StandardScaler`
    classifier: Any  # a fitted scikit-learn classifier that has a decision function
    labels: int  # how many labels there are; some may be missing from training
    temperature: float = 1.0  # divides the decision function

    def activations(self, features: Doubles) -> Doubles:
        """Compute the activations, (utterances, labels)."""
        decision = self.classifier.decision_function(standardised(self.scaler, features))
        return spread(decision / self.temperature, self.classifier.classes_, self.labels)

    def save(self, folder: Path) -> None:
        """Write scaler and classifier as `classifier.skops`, which contains data but no code."""
        import skops.io  # late: it imports all of scikit-learn, which takes seconds

        with replacing(folder / FILE) as path:
            skops.io.dump({"scaler": self.scaler, "classifier": self.classifier}, path)

    @classmethod
    def load(cls, folder: Path, labels: int, temperature: float) -> Self:
        """Load the scorer that `save` wrote.

        Raises:
            SerbenchError: the file contains types from outside scikit-learn and numpy.
        """
        import skops.io

        if unknown := skops.io.get_untrusted_types(file=folder / FILE):
            raise SerbenchError(
                f"{folder / FILE} asks for {', '.join(unknown)}, which serbench does not load: "
                "files from serbench need only scikit-learn and numpy; fit the model again"
            )
        parts = skops.io.load(folder / FILE, trusted=[])
        return cls(parts["scaler"], parts["classifier"], labels, temperature)


def standardised(scaler: Any, features: Doubles) -> Doubles:
    """Return features in standard deviations of the training set, clipped at five."""
    return np.clip(scaler.transform(features), -EXTREME, EXTREME)


def spread(decision: Doubles, seen: npt.NDArray[np.int64], labels: int) -> Doubles:
    """Spread a decision function over all labels: (utterances, labels).

    Args:
        decision: (utterances, len(seen)), or (utterances,) for two labels: positive for the second.
        seen: the labels in training, sorted; all others get lower scores.
        labels: how many labels there are.
    """
    if decision.ndim == 1:
        decision = np.column_stack([-decision, decision]) / 2
    scores = np.repeat(decision.min(axis=1, keepdims=True) - UNSEEN, labels, axis=1)
    scores[:, seen] = decision
    return scores


def matrix(inputs: Sequence[Array]) -> Doubles:
    """Stack feature vectors: (utterances, features)."""
    return np.stack([np.asarray(vector, dtype=np.float64) for vector in inputs])


def uar(truth: npt.NDArray[np.int64], scores: Doubles) -> float:
    """Compute the mean recall over the labels that occur in the truth."""
    hits = scores.argmax(axis=1) == truth
    return float(np.mean([hits[truth == label].mean() for label in np.unique(truth)]))


def best_temperature(truth: npt.NDArray[np.int64], scores: Doubles) -> float:
    """Return the temperature that maximises the truth's likelihood (Guo et al. 2017), or 1."""
    if len(truth) == 0:
        return 1.0
    of_truth = scores[np.arange(len(truth)), truth]
    losses = [(logsumexp(scores / t, axis=1) - of_truth / t).mean() for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])
