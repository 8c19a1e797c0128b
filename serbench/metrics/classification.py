"""How good decisions are: every number that is a function of a confusion matrix.

Such a matrix has shape (..., labels, labels): rows truth, columns prediction, cells counts or
weights; numbers are computed for all leading axes at once. Macro averages run over the labels that
occur in the truth, as scikit-learn's do with `labels=` those and `zero_division=0`: a label that is
never predicted has precision 0. Scores are fractions, not percentages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.errors import SerbenchError

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Matrix = npt.NDArray[Any]
"""Confusion matrices, shape (..., labels, labels), of counts or weights."""


class PerClass(NamedTuple):
    """Scores of each label, shape (..., labels); nan where the truth lacks the label."""

    precision: Floats
    recall: Floats
    f1: Floats


class Chance(NamedTuple):
    """The confusion matrices, shape (..., labels, labels), to expect of two ways of guessing."""

    majority: Floats
    stratified: Floats


@dataclass(frozen=True)
class Metric:
    """A number that is a function of a confusion matrix.

    Attributes:
        name: as in result files and on the command line: "uar".
        title: as in the head of a table.
        formula: in one line; C is the confusion matrix, n its sum, k runs over the labels in the
            truth, K is how many these are.
        compute: from matrices (..., labels, labels) to scores (...).
    """

    name: str
    title: str
    formula: str
    compute: Callable[[Matrix], Floats]


def confusion(truth: Labels, prediction: Labels, n_labels: int) -> npt.NDArray[np.int64]:
    """Count utterances by true and predicted label: C[i, j] = #(truth = i and prediction = j).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]

    Raises:
        SerbenchError: the lengths differ, or a label is not in 0 .. n_labels - 1.
    """
    whole = np.zeros_like(truth)
    counts: npt.NDArray[np.int64] = _counted(whole, truth, prediction, (1, n_labels, n_labels))[0]
    return counts


def by_group(
    truth: Labels, prediction: Labels, groups: Sequence[str], n_labels: int
) -> dict[str, npt.NDArray[np.int64]]:
    """The confusion matrix of each group of utterances (their speaker, their speaker's sex).

    Args:
        truth: (utterances,), positions in the labels.
        prediction: the same.
        groups: the group of each utterance.
        n_labels: how many labels there are.

    Returns:
        The groups in sorted order, each with its matrix (labels, labels).

    >>> parts = by_group(np.array([0, 1, 1]), np.array([0, 0, 1]), ["male", "female", "male"], 2)
    >>> {sex: float(uar(matrix)) for sex, matrix in parts.items()}
    {'female': 0.0, 'male': 1.0}

    Raises:
        SerbenchError: the lengths differ, or a label is not in 0 .. n_labels - 1.
    """
    names = sorted(set(groups))
    place = {name: at for at, name in enumerate(names)}
    group = np.fromiter(map(place.__getitem__, groups), np.int64, len(groups))
    counts = _counted(group, truth, prediction, (len(names), n_labels, n_labels))
    return dict(zip(names, counts, strict=True))


def _counted(
    group: Labels, truth: Labels, prediction: Labels, shape: tuple[int, int, int]
) -> npt.NDArray[np.int64]:
    if not len(group) == len(truth) == len(prediction):
        raise SerbenchError(
            f"{len(truth)} true labels, {len(prediction)} predictions and {len(group)} groups: "
            "every utterance needs one of each"
        )
    for labels in (truth, prediction):
        if len(labels) and not 0 <= labels.min() <= labels.max() < shape[1]:
            raise SerbenchError(
                f"labels are positions from 0 to {shape[1] - 1}, "
                f"but these run from {labels.min()} to {labels.max()}"
            )
    cells = np.ravel_multi_index((group, truth, prediction), shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def _ratio(part: Matrix, whole: Matrix, empty: float = 0.0) -> Floats:
    """`part / whole`, or `empty` where the whole is 0."""
    result = np.full(np.shape(whole), empty)
    scores: Floats = np.divide(part, whole, out=result, where=np.asarray(whole) > 0)[()]
    return scores


def _macro(matrix: Matrix, scores: Floats) -> Floats:
    """The mean over the labels that occur in the truth; nan where none does."""
    present = matrix.sum(axis=-1) > 0
    return _ratio(np.where(present, scores, 0.0).sum(axis=-1), present.sum(axis=-1), np.nan)


def per_class(matrix: Matrix) -> PerClass:
    """Precision, recall and F1 of each label.

    P_k = C[k, k] / sum_i C[i, k], R_k = C[k, k] / sum_j C[k, j], and F_k = 2 P_k R_k / (P_k + R_k)
    = 2 C[k, k] / (sum_j C[k, j] + sum_i C[i, k]); 0 where the label is never predicted, nan where
    it is never true. Source: van Rijsbergen, Information Retrieval, 1979, chapter 7.

    >>> per_class(np.array([[3, 1], [2, 2]])).precision.round(3).tolist()
    [0.6, 0.667]
    """
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    true, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    unknown = np.where(true > 0, 0.0, np.nan)
    return PerClass(
        precision=_ratio(hits, predicted) + unknown,
        recall=_ratio(hits, true) + unknown,
        f1=_ratio(2 * hits, true + predicted) + unknown,
    )


def accuracy(matrix: Matrix) -> Floats:
    """Accuracy, in speech emotion recognition also weighted accuracy (WA): sum_k C[k, k] / n.

    Source: Schuller et al., The INTERSPEECH 2009 Emotion Challenge (there: weighted average).

    >>> float(accuracy(np.array([[3, 1], [2, 2]])))
    0.625
    """
    hits = np.diagonal(matrix, axis1=-2, axis2=-1).sum(axis=-1)
    return _ratio(hits, matrix.sum(axis=(-2, -1)), np.nan)


def uar(matrix: Matrix) -> Floats:
    """Unweighted average recall, the macro recall: 1/K sum_k C[k, k] / sum_j C[k, j].

    Source: Schuller et al., The INTERSPEECH 2009 Emotion Challenge; the paper's "recall".

    >>> float(uar(np.array([[8, 0], [1, 1]])))
    0.75
    """
    return _macro(matrix, per_class(matrix).recall)


def macro_precision(matrix: Matrix) -> Floats:
    """Macro precision: 1/K sum_k C[k, k] / sum_i C[i, k].

    Source: Sokolova and Lapalme, A systematic analysis of performance measures, 2009, table 3.

    >>> float(macro_precision(np.array([[4, 0], [4, 0]])))
    0.25
    """
    return _macro(matrix, per_class(matrix).precision)


def macro_f1(matrix: Matrix) -> Floats:
    """Macro F1, the mean of the labels' F1: 1/K sum_k 2 C[k, k] / (sum_j C[k, j] + sum_i C[i, k]).

    Not the F1 of macro precision and macro recall, which is never smaller.
    Source: Opitz and Burst, Macro F1 and Macro F1, 2019, equation 2.

    >>> round(float(macro_f1(np.array([[3, 1], [2, 2]]))), 3)
    0.619
    """
    return _macro(matrix, per_class(matrix).f1)


def weighted_f1(matrix: Matrix) -> Floats:
    """F1 weighted by how often a label is true: sum_k (sum_j C[k, j] / n) F_k.

    Source: scikit-learn, `f1_score(average="weighted")`.

    >>> round(float(weighted_f1(np.array([[8, 0], [1, 1]]))), 3)
    0.886
    """
    true = matrix.sum(axis=-1)
    parts = true * np.nan_to_num(per_class(matrix).f1)
    return _ratio(parts.sum(axis=-1), true.sum(axis=-1), np.nan)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("accuracy", "WA", "sum_k C[k,k] / n", accuracy),
            Metric("uar", "UAR", "1/K sum_k C[k,k] / sum_j C[k,j]", uar),
            Metric("precision", "Precision", "1/K sum_k C[k,k] / sum_i C[i,k]", macro_precision),
            Metric("recall", "Recall", "1/K sum_k C[k,k] / sum_j C[k,j] = UAR", uar),
            Metric("f1", "F1", "1/K sum_k 2 C[k,k] / (sum_j C[k,j] + sum_i C[i,k])", macro_f1),
            Metric(
                "weighted_f1",
                "Weighted F1",
                "1/n sum_k 2 C[k,k] sum_j C[k,j] / (sum_j C[k,j] + sum_i C[i,k])",
                weighted_f1,
            ),
        )
    }
)
"""What can be computed from counts alone, in the order of a table's columns."""


def chance(truth_counts: Matrix) -> Chance:
    """The confusion matrices to expect of guessing, from how often each label is true.

    Majority: always the commonest label (the first of equals). Stratified: each label as often as
    it is true, E[C[i, j]] = n_i n_j / n. Accuracy and UAR of the stratified matrix are exact
    expectations; its precision and F1 are those of a long run.
    Source: scikit-learn, `DummyClassifier`, strategies "most_frequent" and "stratified".

    Args:
        truth_counts: (..., labels), utterances of each label.

    >>> guesses = chance(np.array([6, 2]))
    >>> guesses.majority.tolist(), guesses.stratified.tolist()
    ([[6.0, 0.0], [2.0, 0.0]], [[4.5, 1.5], [1.5, 0.5]])
    """
    counts = np.asarray(truth_counts, dtype=np.float64)
    commonest = np.eye(counts.shape[-1])[counts.argmax(axis=-1)]
    shares = _ratio(counts, counts.sum(axis=-1, keepdims=True) + np.zeros_like(counts))
    rows = counts[..., :, None]
    return Chance(rows * commonest[..., None, :], rows * shares[..., None, :])


def predicted(scores: Matrix) -> npt.NDArray[np.int64]:
    """The label with the highest score, the first of equals: argmax_k s_k.

    Activations and probabilities decide alike, since every link keeps their order; where sigmoids
    saturate only the activations still tell the labels apart. Source: the Bayes decision rule.

    >>> predicted(np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])).tolist()
    [0, 2]
    """
    labels: npt.NDArray[np.int64] = np.argmax(scores, axis=-1)
    return labels
