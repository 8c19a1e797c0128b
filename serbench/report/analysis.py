"""Compute the scores and curves of a report from a run's stored predictions."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench.errors import SerbenchError
from serbench.metrics import calibration, classification
from serbench.metrics.classification import Floats
from serbench.results import learning_curve
from serbench.results.learning_curve import Curve
from serbench.results.run import Run

BINS = 15  # as in `calibration.expected_calibration_error`


@dataclass(frozen=True)
class Predictions:
    """The test utterances of a run and their predictions, fold by fold."""

    fold: npt.NDArray[np.int64]  # (utterances,), positions in `run.folds`
    ids: tuple[str, ...]  # one per utterance
    speakers: tuple[str, ...]  # one per utterance
    truth: npt.NDArray[np.int64]  # (utterances,), positions in the labels
    prediction: npt.NDArray[np.int64]  # (utterances,), positions in the labels
    probabilities: Floats  # (utterances, labels)

    @property
    def confidence(self) -> Floats:
        """The probability of each predicted label: (utterances,)."""
        chosen: Floats = np.take_along_axis(self.probabilities, self.prediction[:, None], axis=1)
        return chosen[:, 0]

    @property
    def margin(self) -> Floats:
        """The probability of each predicted label minus that of the runner-up: (utterances,)."""
        if self.probabilities.shape[1] < 2:
            return self.confidence
        others = self.probabilities.copy()
        np.put_along_axis(others, self.prediction[:, None], -1.0, axis=1)
        return self.confidence - np.asarray(others.max(axis=1), dtype=np.float64)

    @property
    def surest_first(self) -> list[int]:
        """The positions of all utterances by falling confidence, then falling margin, then id."""
        keys = zip(-self.confidence, -self.margin, self.ids, range(len(self.ids)), strict=True)
        return [key[-1] for key in sorted(keys)]


@dataclass(frozen=True)
class Projection:
    """The first two principal components of one test set's output layer."""

    fold: str  # name
    points: Floats  # (utterances, 2), in the order of the fold's test set
    explained: tuple[float, float]  # shares of the variance; nan where all activations are equal


@dataclass(frozen=True)
class Mistake:
    """A test utterance whose prediction is wrong."""

    utterance: str  # id
    speaker: str
    fold: str  # name
    truth: str
    prediction: str
    confidence: float  # the probability of the prediction
    margin: float  # the confidence minus the probability of the runner-up
    likelihood: float  # the probability of the truth


@dataclass(frozen=True)
class Calibration:
    """The reliability of a run's probabilities, over all its test utterances and per fold."""

    curve: calibration.Reliability  # with `BINS` bins
    ece: float  # expected calibration error
    brier: float  # Brier score
    nll: float  # negative log-likelihood, in nats
    folds: Floats  # (folds, 3): ece, brier and nll of each fold


@dataclass(frozen=True)
class Selective:
    """Accuracy over shares of the utterances with the highest confidence."""

    coverage: Floats  # (points,), rising to 1
    accuracy: Floats  # (points,)


def fold_names(run: Run) -> tuple[str, ...]:
    """Return the names of the run's folds, in order."""
    return tuple(fold.facts.fold.name for fold in run.folds)


def predictions(run: Run) -> Predictions:
    """Return the predictions of all folds.

    Raises:
        SerbenchError: activations are not finite, or not the probabilities that the link promises.
    """
    tests = [fold.test for fold in run.folds]
    return Predictions(
        fold=np.repeat(np.arange(len(tests)), [len(test.ids) for test in tests]),
        ids=tuple(utterance for test in tests for utterance in test.ids),
        speakers=tuple(speaker for test in tests for speaker in test.speakers),
        truth=np.concatenate([test.truth for test in tests]),
        # from activations, since saturated sigmoids are equal
        prediction=np.concatenate([classification.predicted(test.activations) for test in tests]),
        probabilities=np.concatenate(
            [
                calibration.probabilities(fold.test.activations, fold.facts.link)
                for fold in run.folds
            ]
        ),
    )


def label_f1(run: Run) -> Floats:
    """Return F1 of each label in each fold, (folds, labels); nan if the fold lacks the label."""
    return classification.per_class(run.confusions).f1


def row_shares(confusion: classification.Matrix) -> Floats:
    """Return a confusion matrix as shares of each true label; nan where a label is never true.

    >>> row_shares(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [nan, nan]]
    """
    counts = np.asarray(confusion, dtype=np.float64)
    totals = counts.sum(axis=-1, keepdims=True)
    return counts / np.where(totals > 0, totals, np.nan)


def pca(run: Run, position: int) -> Projection:
    """Project the stored activations of the test set of `run.folds[position]`.

    Activations are probabilities if the model's link is "identity". The sign of a component is
    arbitrary, so its largest loading is made positive.

    Raises:
        SerbenchError: an activation is not finite.
    """
    fold, name = run.folds[position], fold_names(run)[position]
    activations = np.asarray(fold.test.activations, dtype=np.float64)  # (utterances, labels)
    if not np.isfinite(activations).all():
        raise SerbenchError(
            f"{run.name}, fold {name}: not all activations are finite: "
            "the training diverged; lower the learning rate"
        )
    return Projection(name, *principal(activations))


def principal(rows: Floats) -> tuple[Floats, tuple[float, float]]:
    """Return the coordinates of rows on two principal axes, and the variance shares of the axes.

    Source: Pearson, On lines and planes of closest fit, 1901; computed from singular values of the
    centred rows, whose squares are the variances times (rows - 1).

    >>> points, explained = principal(np.array([[0.0, 0.0, 1.0], [3.0, 4.0, 1.0]]))
    >>> points[:, 0].round(6).tolist(), np.round(explained, 6).tolist()
    ([-2.5, 2.5], [1.0, 0.0])
    """
    centred = rows - rows.mean(axis=0)
    points, shares = np.zeros((len(rows), 2)), np.zeros(2)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    variances, count = singular**2, min(2, len(singular))
    if not variances.sum() > np.finfo(np.float64).eps * np.square(rows).sum():
        return points, (math.nan, math.nan)
    largest = np.abs(axes[:count]).argmax(axis=1)
    signs = np.where(axes[np.arange(count), largest] < 0, -1.0, 1.0)
    points[:, :count] = centred @ (axes[:count] * signs[:, None]).T
    shares[:count] = variances[:count] / variances.sum()
    return points, (float(shares[0]), float(shares[1]))


def mistakes(run: Run) -> list[Mistake]:
    """Return every wrongly predicted test utterance, the most confident first."""
    tested, names, labels = predictions(run), fold_names(run), run.facts.labels
    confidence, margin = tested.confidence, tested.margin
    return [
        Mistake(
            utterance=tested.ids[place],
            speaker=tested.speakers[place],
            fold=names[tested.fold[place]],
            truth=labels[tested.truth[place]],
            prediction=labels[tested.prediction[place]],
            confidence=float(confidence[place]),
            margin=float(margin[place]),
            likelihood=float(tested.probabilities[place, tested.truth[place]]),
        )
        for place in tested.surest_first
        if tested.truth[place] != tested.prediction[place]
    ]


def reliability(run: Run) -> Calibration:
    """Measure the calibration of the probabilities, over all test utterances and per fold."""
    tested = predictions(run)
    folds = [tested.fold == position for position in range(len(run.folds))]
    return Calibration(
        calibration.reliability_curve(tested.truth, tested.probabilities, BINS),
        *_calibration(tested.truth, tested.probabilities),
        np.array([_calibration(tested.truth[fold], tested.probabilities[fold]) for fold in folds]),
    )


def _calibration(truth: classification.Labels, shares: Floats) -> tuple[float, float, float]:
    return (
        calibration.expected_calibration_error(truth, shares, BINS),
        calibration.brier(truth, shares),
        calibration.nll(truth, shares),
    )


def learning_curves(run: Run) -> list[Curve]:
    """Return the learning curve of each fold; folds without reports are left out."""
    return [curve for fold in run.folds if (curve := learning_curve.of_fold(fold.facts))]


def selective(run: Run, points: int = 100) -> Selective:
    """Return the accuracy over the most confident 1/points, 2/points, ... of test utterances."""
    tested = predictions(run)
    coverage = np.arange(1, points + 1) / points
    accuracy = [
        calibration.selective_accuracy(tested.truth, tested.probabilities, float(share))
        for share in coverage
    ]
    return Selective(coverage, np.array(accuracy))
