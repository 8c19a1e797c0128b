"""What a report shows of a run, computed from its stored predictions; pure numbers, no drawing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.errors import SerbenchError
from serbench.metrics import calibration, classification
from serbench.metrics.classification import Floats
from serbench.results.run import Run

BINS = 15  # as in `calibration.expected_calibration_error`
LOSSES = ("train_loss", "validation_loss")


@dataclass(frozen=True)
class Answers:
    """Every test utterance of a run and what was said of it, folds one after the other.

    Attributes:
        fold: (utterances,), positions in `run.folds`.
        ids: of the utterances.
        speakers: one an utterance.
        truth: (utterances,), positions in the labels.
        prediction: (utterances,), the same.
        probabilities: (utterances, labels).
    """

    fold: npt.NDArray[np.int64]
    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    probabilities: Floats

    @property
    def confidence(self) -> Floats:
        """The probability of each predicted label: (utterances,)."""
        chosen: Floats = np.take_along_axis(self.probabilities, self.prediction[:, None], axis=1)
        return chosen[:, 0]

    @property
    def margin(self) -> Floats:
        """The probability of each predicted label less that of the runner-up: (utterances,)."""
        if self.probabilities.shape[1] < 2:
            return self.confidence
        others = self.probabilities.copy()
        np.put_along_axis(others, self.prediction[:, None], -1.0, axis=1)
        return self.confidence - np.asarray(others.max(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class Projection:
    """The first two principal components of one test set's output layer.

    Attributes:
        fold: the fold's name.
        points: (utterances, 2), in the order of `run.folds[position].test.ids`.
        explained: the share of the variance that each component explains; nan where all
            utterances have the same activations.
    """

    fold: str
    points: Floats
    explained: tuple[float, float]


@dataclass(frozen=True)
class Mistake:
    """A test utterance that got another label than its own.

    Attributes:
        fold: the fold's name.
        utterance: its id.
        speaker: who speaks it.
        truth: its label.
        prediction: the label that it got.
        confidence: the probability of the prediction.
        margin: that, less the probability of the runner-up.
        likelihood: the probability of the truth.
    """

    fold: str
    utterance: str
    speaker: str
    truth: str
    prediction: str
    confidence: float
    margin: float
    likelihood: float


@dataclass(frozen=True)
class Calibrated:
    """How much a run's probabilities can be believed; see `serbench.metrics.calibration`.

    Attributes:
        curve: of `BINS` bins, all test utterances together.
        ece: expected calibration error, all test utterances together.
        brier: the Brier score of the same.
        nll: the negative log-likelihood of the same, in nats.
        folds: (folds, 3), ece, brier and nll of each fold.
    """

    curve: calibration.Reliability
    ece: float
    brier: float
    nll: float
    folds: Floats


@dataclass(frozen=True)
class Curve:
    """What a model reported while it learned one fold.

    Attributes:
        fold: the fold's name.
        epochs: whether the reports are epochs; else they are settings that were tried.
        steps: (reports,), their numbers, from 1.
        values: of each name ("train_loss", "validation_loss", "validation_uar") one number a
            report, nan where there is none; names that no report has are absent.
        best: the number of the epoch that was kept, where the model says so.
    """

    fold: str
    epochs: bool
    steps: Floats
    values: Mapping[str, Floats]
    best: int | None


@dataclass(frozen=True)
class Selective:
    """Accuracy over the share of utterances that the model is surest of.

    Attributes:
        coverage: (points,), rising to 1.
        accuracy: (points,).
    """

    coverage: Floats
    accuracy: Floats


def fold_names(run: Run) -> tuple[str, ...]:
    """The names of its folds, in their order."""
    return tuple(str(fold.facts["fold"]["name"]) for fold in run.folds)


def labels(run: Run) -> tuple[str, ...]:
    """The emotions, in the order of every table and every column of scores."""
    return run.folds[0].labels


def answers(run: Run) -> Answers:
    """Every test utterance and what was said of it.

    Raises:
        SerbenchError: activations are not finite, or are no probabilities where they should be.
    """
    tests = [fold.test for fold in run.folds]
    given = [calibration.probabilities(one.test.activations, one.link) for one in run.folds]
    return Answers(
        fold=np.repeat(np.arange(len(tests)), [len(test.ids) for test in tests]),
        ids=tuple(one for test in tests for one in test.ids),
        speakers=tuple(one for test in tests for one in test.speakers),
        truth=np.concatenate([test.truth for test in tests]),
        # of the activations: where sigmoids saturate, only they tell the labels apart
        prediction=np.concatenate([classification.predicted(test.activations) for test in tests]),
        probabilities=np.concatenate(given),
    )


def label_f1(run: Run) -> Floats:
    """F1 of each label in each fold: (folds, labels); nan where a test set lacks the label."""
    return classification.per_class(run.confusions).f1


def row_shares(confusion: classification.Matrix) -> Floats:
    """A confusion matrix as shares of each true label; nan in the row of one that is never true.

    >>> row_shares(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [nan, nan]]
    """
    counts = np.asarray(confusion, dtype=np.float64)
    totals = counts.sum(axis=-1, keepdims=True)
    return counts / np.where(totals > 0, totals, np.nan)


def pca(run: Run, position: int) -> Projection:
    """The first two principal components of the output-layer activations of one test set.

    The activations as stored: whatever the model's output layer gives (probabilities where its
    link is "identity"). A component's sign is arbitrary, so its largest loading is made positive.

    Args:
        run: of which.
        position: of the fold in `run.folds`.

    Raises:
        SerbenchError: an activation is not finite.
    """
    fold = run.folds[position]
    activations = np.asarray(fold.test.activations, dtype=np.float64)  # (utterances, labels)
    if not np.isfinite(activations).all():
        raise SerbenchError(
            f"{run.name}, fold {fold.facts['fold']['name']}: not all activations are finite: "
            "the training diverged; lower the learning rate"
        )
    points, explained = principal(activations)
    return Projection(str(fold.facts["fold"]["name"]), points, explained)


def principal(rows: Floats) -> tuple[Floats, tuple[float, float]]:
    """The coordinates of rows along their first two principal axes, and what these explain.

    Source: Pearson, On lines and planes of closest fit, 1901; by singular values of the centred
    rows, whose squares are the variances times (rows - 1).

    >>> points, explained = principal(np.array([[0.0, 0.0, 1.0], [3.0, 4.0, 1.0]]))
    >>> points[:, 0].round(6).tolist(), np.round(explained, 6).tolist()
    ([-2.5, 2.5], [1.0, 0.0])
    """
    centred = rows - rows.mean(axis=0)
    points, shares = np.zeros((len(rows), 2)), np.zeros(2)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    variances, found = singular**2, min(2, len(singular))
    if not variances.sum() > np.finfo(np.float64).eps * np.square(rows).sum():
        return points, (math.nan, math.nan)
    largest = np.abs(axes[:found]).argmax(axis=1)
    signs = np.where(axes[np.arange(found), largest] < 0, -1.0, 1.0)
    points[:, :found] = centred @ (axes[:found] * signs[:, None]).T
    shares[:found] = variances[:found] / variances.sum()
    return points, (float(shares[0]), float(shares[1]))


def mistakes(run: Run) -> list[Mistake]:
    """Every test utterance that got another label than its own, the most confident first."""
    given, names, emotions = answers(run), fold_names(run), labels(run)
    confidence, margin = given.confidence, given.margin
    wrong = np.flatnonzero(given.truth != given.prediction)
    ordered = sorted(wrong.tolist(), key=lambda at: (-confidence[at], -margin[at], given.ids[at]))
    return [
        Mistake(
            fold=names[given.fold[at]],
            utterance=given.ids[at],
            speaker=given.speakers[at],
            truth=emotions[given.truth[at]],
            prediction=emotions[given.prediction[at]],
            confidence=float(confidence[at]),
            margin=float(margin[at]),
            likelihood=float(given.probabilities[at, given.truth[at]]),
        )
        for at in ordered
    ]


def reliability(run: Run) -> Calibrated:
    """How much the probabilities can be believed, over all test utterances and in each fold."""
    given = answers(run)
    truth, shares = given.truth, given.probabilities
    parts = [given.fold == position for position in range(len(run.folds))]
    ece, brier, nll = _calibration(truth, shares)
    return Calibrated(
        curve=calibration.reliability_curve(truth, shares, BINS),
        ece=ece,
        brier=brier,
        nll=nll,
        folds=np.array([_calibration(truth[part], shares[part]) for part in parts]),
    )


def _calibration(truth: classification.Labels, shares: Floats) -> tuple[float, float, float]:
    return (
        calibration.expected_calibration_error(truth, shares, BINS),
        calibration.brier(truth, shares),
        calibration.nll(truth, shares),
    )


def curves(run: Run) -> list[Curve]:
    """What the model reported while it learned, fold by fold; folds without reports are left out.

    Models that try settings (a grid, a layer) report each as if it were an epoch, without losses.
    """
    return [
        _curve(name, fold.facts["curve"], fold.facts.get("model", {}))
        for name, fold in zip(fold_names(run), run.folds, strict=True)
        if fold.facts.get("curve")
    ]


def _curve(fold: str, reports: Sequence[Mapping[str, Any]], model: Mapping[str, Any]) -> Curve:
    names = [name for name in (*LOSSES, "validation_uar") if any(name in one for one in reports)]
    best = model.get("best_epoch")
    return Curve(
        fold=fold,
        epochs=any(name in LOSSES for name in names),
        steps=_series([one.get("epoch", at) for at, one in enumerate(reports, start=1)]),
        values={name: _series([one.get(name) for one in reports]) for name in names},
        best=int(best) if isinstance(best, int | float) else None,
    )


def _series(values: Sequence[object]) -> Floats:
    """Numbers, nan for what is none."""
    return np.array(
        [float(one) if isinstance(one, int | float) else math.nan for one in values],
        dtype=np.float64,
    )


def selective(run: Run, points: int = 100) -> Selective:
    """Accuracy over the surest 1/points, 2/points, ... of all test utterances."""
    given = answers(run)
    coverage = np.arange(1, points + 1) / points
    accuracy = [
        calibration.selective_accuracy(given.truth, given.probabilities, float(share))
        for share in coverage
    ]
    return Selective(coverage, np.array(accuracy))
