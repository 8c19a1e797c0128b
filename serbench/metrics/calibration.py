"""Score probabilities beyond the label with the highest one: likelihood and calibration.

Probabilities have shape (utterances, labels) and rows that sum to 1; an utterance's confidence is
the probability of its predicted label.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.errors import BadParameter, PluginError, SerbenchError, nearest
from serbench.metrics.classification import Floats, Labels, Matrix, predicted

LINKS = ("identity", "softmax", "sigmoid")
TOLERANCE = 0.01  # eight probabilities in bfloat16 sum to 1 within 0.004


class Reliability(NamedTuple):
    """A reliability curve, shape (bins,); confidence and accuracy are nan in an empty bin."""

    confidence: Floats
    accuracy: Floats
    utterances: npt.NDArray[np.int64]


def probabilities(activations: Matrix, link: str) -> Floats:
    """Turn activations (..., labels) into probabilities, in float64 so that nothing overflows.

    identity: a_k / sum_j a_j; softmax: exp(a_k) / sum_j exp(a_j); sigmoid: s(a_k) / sum_j s(a_j)
    with s(a) = 1 / (1 + exp(-a)). Source: Bridle 1990 for softmax; the paper, section IV-C, trains
    M2 with binary cross-entropy, so its sigmoids are normalised here.

    >>> probabilities(np.array([[0.0, 1000.0]]), "softmax").tolist()
    [[0.0, 1.0]]

    Raises:
        UnknownName: the link is not one of `LINKS`.
        PluginError: an activation is not finite, or with `identity` a row is not probabilities.
    """
    scores = np.asarray(activations, dtype=np.float64)
    finite = np.isfinite(scores).all(axis=-1)
    if not finite.all():
        raise PluginError(
            f"activations of {np.sum(~finite)} of {finite.size} utterances are not finite: "
            "the training diverged; lower the learning rate"
        )
    if link not in LINKS:
        raise nearest("link", link, LINKS)
    if link == "identity":
        invalid = (np.abs(scores.sum(axis=-1) - 1) > TOLERANCE) | (scores < 0).any(axis=-1)
        if invalid.any():
            raise PluginError(
                "with the link 'identity' activations must be probabilities, but those of "
                f"{invalid.sum()} of {invalid.size} utterances are negative or do not sum to 1: "
                "use the link softmax or sigmoid"
            )
    else:
        logs = scores if link == "softmax" else -np.logaddexp(0.0, -scores)
        scores = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=-1, keepdims=True))


def nll(truth: Labels, probabilities: Floats) -> float:
    """Negative log-likelihood in nats: -1/n sum_u log p_u[truth_u], p at least 2.2e-16.

    Source: Good, Rational decisions, 1952; the floor is that of scikit-learn's `log_loss`.

    >>> round(nll(np.array([0, 1]), np.array([[0.5, 0.5], [0.0, 1.0]])), 3)
    0.347
    """
    likelihoods = _at_labels(truth, probabilities)
    return float(-np.log(likelihoods.clip(np.finfo(np.float64).eps)).mean())


def brier(truth: Labels, probabilities: Floats) -> float:
    """The Brier score, from 0 (best) to 2: 1/n sum_u sum_k (p_u[k] - [truth_u = k])^2.

    Source: Brier, Verification of forecasts expressed in terms of probability, 1950.

    >>> brier(np.array([0, 1]), np.array([[0.5, 0.5], [0.0, 1.0]]))
    0.25
    """
    squares = (probabilities**2).sum(axis=-1) + 1 - 2 * _at_labels(truth, probabilities)
    return float(squares.mean())


def _at_labels(labels: Labels, probabilities: Floats) -> Floats:
    if probabilities.ndim != 2 or len(labels) != len(probabilities):
        raise SerbenchError(
            f"{len(labels)} true labels need probabilities of shape ({len(labels)}, labels), "
            f"not {probabilities.shape}"
        )
    return np.asarray(np.take_along_axis(probabilities, labels[:, None], axis=-1)[:, 0])


def reliability_curve(truth: Labels, probabilities: Floats, bins: int = 15) -> Reliability:
    """Return the mean confidence and accuracy in each of `bins` equal intervals (low, high].

    Source: DeGroot and Fienberg, The comparison and evaluation of forecasters, 1983.

    >>> curve = reliability_curve(np.array([0, 0]), np.array([[0.9, 0.1], [0.3, 0.7]]), bins=2)
    >>> curve.accuracy.tolist(), curve.utterances.tolist()
    ([nan, 0.5], [0, 2])

    Raises:
        BadParameter: fewer than one bin.
    """
    if bins < 1:
        raise BadParameter(f"bins is {bins}, but must be at least 1")
    confidence, correct = _confidence_and_correct(truth, probabilities)
    place = (np.ceil(confidence * bins).astype(np.int64) - 1).clip(0, bins - 1)
    count = np.bincount(place, minlength=bins)
    size = np.where(count, count, np.nan)
    return Reliability(
        confidence=np.bincount(place, weights=confidence, minlength=bins) / size,
        accuracy=np.bincount(place, weights=correct, minlength=bins) / size,
        utterances=count,
    )


def expected_calibration_error(truth: Labels, probabilities: Floats, bins: int = 15) -> float:
    """The mean gap between confidence and accuracy: sum_b (n_b / n) |accuracy_b - confidence_b|.

    Source: Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, 2015;
    15 bins as in Guo et al., On calibration of modern neural networks, 2017.

    >>> expected_calibration_error(np.array([0, 1]), np.array([[0.75, 0.25], [0.75, 0.25]]))
    0.25
    """
    curve = reliability_curve(truth, probabilities, bins)
    gaps = np.nan_to_num(np.abs(curve.accuracy - curve.confidence))
    return float((curve.utterances * gaps).sum() / curve.utterances.sum())


def selective_accuracy(truth: Labels, probabilities: Floats, coverage: float) -> float:
    """Accuracy over the share `coverage` of the utterances, those with the highest confidence.

    sum_u w_u [correct_u] / sum_u w_u with w = 1 for the c n most confident utterances, else 0.
    Utterances that tie for the last places share the weight, so that order does not matter.
    Source: El-Yaniv and Wiener, On the foundations of noise-free selective classification, 2010.

    >>> surest = np.array([[0.9, 0.1], [0.6, 0.4]])
    >>> selective_accuracy(np.array([0, 1]), surest, 0.5)
    1.0

    Raises:
        BadParameter: the coverage is not in (0, 1].
    """
    if not 0 < coverage <= 1:
        raise BadParameter(f"coverage is {coverage}, but must be above 0 and at most 1")
    confidence, correct = _confidence_and_correct(truth, probabilities)
    _, level = np.unique(-confidence, return_inverse=True)  # 0 is the surest
    size = np.bincount(level)
    before = np.cumsum(size) - size
    kept = (coverage * len(truth) - before).clip(0, size)
    return float((kept * np.bincount(level, weights=correct) / size).sum() / kept.sum())


def _confidence_and_correct(truth: Labels, probabilities: Floats) -> tuple[Floats, Floats]:
    prediction = predicted(probabilities)
    confidence = _at_labels(prediction, probabilities)
    return confidence, (prediction == truth).astype(np.float64)
