"""From the predictions of a run's folds to everything that its card counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.leaderboard.cards import Score
from serbench.metrics import classification
from serbench.metrics.classification import METRICS, Floats, Matrix
from serbench.metrics.intervals import intervals, mean_std
from serbench.results import run
from serbench.results.fold_file import Scored

Counts64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counted:
    """What the folds of a run came to.

    Attributes:
        files: the confusion matrix of every fold, (folds, labels, labels).
        winners: the positions of the folds that count; all of them where none compete in a group.
        speakers: the test speakers of the folds that count, sorted.
        by_speaker: their confusion matrices, (speakers, labels, labels).
    """

    files: Counts64
    winners: tuple[int, ...]
    speakers: tuple[str, ...]
    by_speaker: Counts64

    @property
    def folds(self) -> Counts64:
        """The confusion matrices of the folds that count."""
        return self.files[list(self.winners)]


def count(tests: Sequence[Scored], facts: Sequence[Mapping[str, Any]]) -> Counted:
    """Count every fold's test set, and the test speakers of the folds that count.

    Args:
        tests: of each fold, in the protocol's order.
        facts: of each fold.
    """
    labels = len(facts[0]["labels"])
    files = np.stack([confusion(test, labels) for test in tests])
    winners = tuple(run.winners(facts))
    counting = [tests[one] for one in winners]
    by_speaker = classification.by_group(
        np.concatenate([test.truth for test in counting]),
        classification.predicted(np.concatenate([test.activations for test in counting])),
        [speaker for test in counting for speaker in test.speakers],
        labels,
    )
    return Counted(files, winners, tuple(by_speaker), np.stack(list(by_speaker.values())))


def confusion(scored: Scored, labels: int) -> Counts64:
    """The confusion matrix of one set."""
    return classification.confusion(
        scored.truth, classification.predicted(scored.activations), labels
    )


def scores(folds: Matrix, by_speaker: Matrix) -> dict[str, Score]:
    """Every metric of a run: of each fold, their mean and spread, pooled, and its interval.

    Args:
        folds: (folds, labels, labels), of the folds that count.
        by_speaker: (speakers, labels, labels).
    """
    found = intervals(by_speaker)
    pooled = every_metric(folds.sum(axis=0))
    each = every_metric(folds)
    return {
        name: Score(
            tuple(each[:, index].tolist()),
            *mean_std(each[:, index]),
            float(pooled[index]),
            *found[name],
        )
        for index, name in enumerate(METRICS)
    }


def every_metric(matrices: Matrix) -> Floats:
    """(..., metrics) of matrices (..., labels, labels), in the order of `METRICS`."""
    return np.stack([metric.compute(matrices) for metric in METRICS.values()], axis=-1)
