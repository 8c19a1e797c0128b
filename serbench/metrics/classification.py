"""Score predicted labels: confusion matrices, and the metrics computed from them.

A confusion matrix has shape (..., labels, labels): rows are the truth, columns the prediction,
cells counts or weights. Metrics are computed for all leading axes at once. Macro averages run over
the labels that occur in the truth, like scikit-learn's with `labels=` set to these labels and
`zero_division=0`: a label that is never predicted has precision 0. Scores are fractions.

`METRICS` is the only list of metrics. An entry added to it appears in the tables of `serbench
score`, in result files, and in the cards of the leaderboard with an interval over speakers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.errors import SerbenchError

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Matrix = npt.NDArray[Any]
"""Confusion matrices, shape (..., labels, labels), of counts or weights."""


@dataclass(frozen=True, eq=False)
class PerClass:
    """Counts of each label, and the scores computed from them, all of shape (..., labels).

    A score is nan where the truth lacks the label.
    """

    counts: Matrix  # (..., 3, labels): `hits`, `predicted` and `true`

    @property
    def hits(self) -> Matrix:
        """Utterances with the label that were predicted to have it, C[k, k]."""
        return self.counts[..., 0, :]

    @property
    def predicted(self) -> Matrix:
        """Utterances predicted to have the label, sum_i C[i, k]."""
        return self.counts[..., 1, :]

    @property
    def true(self) -> Matrix:
        """Utterances with the label, sum_j C[k, j]."""
        return self.counts[..., 2, :]

    @cached_property
    def present(self) -> npt.NDArray[np.bool_]:
        """Whether each label occurs in the truth."""
        return np.asarray(self.true > 0)

    @cached_property
    def n_present(self) -> Matrix:
        """How many labels occur in the truth, (...)."""
        return np.asarray(self.present.sum(axis=-1))

    @cached_property
    def precision(self) -> Floats:
        """P_k = C[k, k] / sum_i C[i, k]; 0 where the label is never predicted."""
        return np.where(self.present, _ratio(self.hits, self.predicted), np.nan)

    @cached_property
    def recall(self) -> Floats:
        """R_k = C[k, k] / sum_j C[k, j]."""
        return _ratio(self.hits, self.true, np.nan)

    @cached_property
    def f1(self) -> Floats:
        """F_k = 2 P_k R_k / (P_k + R_k) = 2 C[k, k] / (sum_j C[k, j] + sum_i C[i, k])."""
        return np.where(self.present, _ratio(2 * self.hits, self.true + self.predicted), np.nan)


class Chance(NamedTuple):
    """Expected confusion matrices, shape (..., labels, labels), of two ways of guessing."""

    majority: Floats
    stratified: Floats


@dataclass(frozen=True)
class Metric:
    """A score computed from how often each label is predicted, true, and both.

    Attributes:
        name: as in result files and on the command line: "uar".
        title: the heading of its column in tables.
        formula: one line; C is the confusion matrix, n its sum, k runs over the labels in the
            truth, K is the number of these labels.
        compute: function from matrices (..., labels, labels) or their `per_class` to scores (...).
    """

    name: str
    title: str
    formula: str
    compute: Callable[[Matrix | PerClass], Floats]


def confusion(truth: Labels, prediction: Labels, n_labels: int) -> npt.NDArray[np.int64]:
    """Count utterances by true and predicted label: C[i, j] = #(truth = i and prediction = j).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]

    Raises:
        SerbenchError: the lengths differ, or a label is not in 0 .. n_labels - 1.
    """
    group = np.zeros_like(truth)
    return np.asarray(_counted(group, truth, prediction, (1, n_labels, n_labels))[0])


def by_group(
    truth: Labels, prediction: Labels, groups: Sequence[str], n_labels: int
) -> dict[str, npt.NDArray[np.int64]]:
    """Count utterances by true and predicted label in each group (speaker, sex), groups sorted.

    Truth and prediction are positions in the labels, as for `confusion`.

    >>> parts = by_group(np.array([0, 1, 1]), np.array([0, 0, 1]), ["male", "female", "male"], 2)
    >>> {sex: float(uar(matrix)) for sex, matrix in parts.items()}
    {'female': 0.0, 'male': 1.0}

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
    with np.errstate(divide="ignore", invalid="ignore"):
        scores: Floats = np.where(whole > 0, np.true_divide(part, whole), empty)[()]
    return scores


def _macro(labels: PerClass, scores: Floats) -> Floats:
    """Return the mean over the labels that occur in the truth; nan where none does."""
    return _ratio(np.where(labels.present, scores, 0.0).sum(axis=-1), labels.n_present, np.nan)


def per_class(matrix: Matrix | PerClass) -> PerClass:
    """Return the counts, precision, recall and F1 of each label.

    Source: van Rijsbergen, Information Retrieval, 1979, chapter 7.

    >>> per_class(np.array([[3, 1], [2, 2]])).precision.round(3).tolist()
    [0.6, 0.667]
    """
    if isinstance(matrix, PerClass):
        return matrix
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    return PerClass(np.stack([hits, matrix.sum(axis=-2), matrix.sum(axis=-1)], axis=-2))


def accuracy(matrix: Matrix | PerClass) -> Floats:
    """Accuracy, in speech emotion recognition called weighted accuracy (WA): sum_k C[k, k] / n.

    Source: Schuller et al., The INTERSPEECH 2009 Emotion Challenge (there: weighted average).

    >>> float(accuracy(np.array([[3, 1], [2, 2]])))
    0.625
    """
    labels = per_class(matrix)
    return _ratio(labels.hits.sum(axis=-1), labels.predicted.sum(axis=-1), np.nan)


def uar(matrix: Matrix | PerClass) -> Floats:
    """Unweighted average recall, the macro recall: 1/K sum_k C[k, k] / sum_j C[k, j].

    Source: Schuller et al., The INTERSPEECH 2009 Emotion Challenge; the paper's "recall".

    >>> float(uar(np.array([[8, 0], [1, 1]])))
    0.75
    """
    labels = per_class(matrix)
    return _macro(labels, labels.recall)


def macro_precision(matrix: Matrix | PerClass) -> Floats:
    """Macro precision: 1/K sum_k C[k, k] / sum_i C[i, k].

    Source: Sokolova and Lapalme, A systematic analysis of performance measures, 2009, table 3.

    >>> float(macro_precision(np.array([[4, 0], [4, 0]])))
    0.25
    """
    labels = per_class(matrix)
    return _macro(labels, labels.precision)


def macro_f1(matrix: Matrix | PerClass) -> Floats:
    """Macro F1, the mean of the labels' F1: 1/K sum_k 2 C[k, k] / (sum_j C[k, j] + sum_i C[i, k]).

    The F1 of macro precision and macro recall is another score, and never smaller.
    Source: Opitz and Burst, Macro F1 and Macro F1, 2019, equation 2.

    >>> round(float(macro_f1(np.array([[3, 1], [2, 2]]))), 3)
    0.619
    """
    labels = per_class(matrix)
    return _macro(labels, labels.f1)


def weighted_f1(matrix: Matrix | PerClass) -> Floats:
    """F1 weighted by how often a label is true: sum_k (sum_j C[k, j] / n) F_k.

    Source: scikit-learn, `f1_score(average="weighted")`.

    >>> round(float(weighted_f1(np.array([[8, 0], [1, 1]]))), 3)
    0.886
    """
    labels = per_class(matrix)
    total = (labels.true * np.nan_to_num(labels.f1)).sum(axis=-1)
    return _ratio(total, labels.true.sum(axis=-1), np.nan)


METRICS: Mapping[str, Metric] = {
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
"""Every metric by its name, in the order of a table's columns."""


def every_metric(matrices: Matrix | PerClass) -> Floats:
    """Return the scores (..., metrics) of matrices (..., labels, labels), ordered as `METRICS`."""
    labels = per_class(matrices)
    computes = [metric.compute for metric in METRICS.values()]
    scores = {compute: compute(labels) for compute in set(computes)}  # recall is the UAR
    return np.stack([scores[compute] for compute in computes], axis=-1)


def chance(truth_counts: Matrix) -> Chance:
    """Return the confusion matrices that guessing gives, from counts (..., labels) of true labels.

    Majority: always the commonest label (the first of equals). Stratified: each label as often as
    it is true, E[C[i, j]] = n_i n_j / n. Accuracy and UAR of the stratified matrix are exact
    expectations; its precision and F1 are the limits for many utterances.
    Source: scikit-learn, `DummyClassifier`, strategies "most_frequent" and "stratified".

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
    """Return the label with the highest score, the first of equals: argmax_k s_k.

    Activations and probabilities give the same label, since every link keeps their order; where
    sigmoids saturate, only the activations still differ. Source: the Bayes decision rule.

    >>> predicted(np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])).tolist()
    [0, 2]
    """
    return np.asarray(np.argmax(scores, axis=-1))
