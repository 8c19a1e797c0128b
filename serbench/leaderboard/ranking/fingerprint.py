"""Fingerprints of a submission's predictions, by which `copies` recognises copied predictions.

They do not depend on the order of utterances or of labels.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.leaderboard.ledger import LENGTH
from serbench.leaderboard.submissions.submission import Submission
from serbench.metrics import classification
from serbench.results import run

SHORT = 16  # hexadecimal digits of a digest

Mistakes = npt.NDArray[np.uint8]


class FoldFingerprint(NamedTuple):
    """The name of a fold, and digests of its scores and predicted labels.

    Predictions that prove no copy have no digest: constant ones, as any constant model makes them,
    and all-correct labels, as any perfect model makes them.
    """

    name: str  # of its group, where folds compete
    scores: str  # a digest; "" if all predicted labels are the same
    answers: str  # a digest of the predicted labels; "" if all are the same, or all correct


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Digests and mistakes by which a submission's predictions can be recognised."""

    answers: str  # a digest of all predicted labels
    folds: tuple[FoldFingerprint, ...]  # those that count
    # for each test utterance of these folds, sorted by id in each fold, (utterances,): 0 if the
    # predicted label is correct or the fold's are all the same, else the position of the predicted
    # label among the sorted labels, from 1. Empty if the truth is withheld.
    mistakes: Mistakes


NONE = Fingerprint("", (), np.empty(0, np.uint8))
"""The fingerprint of a run that was not submitted."""


def of(submission: Submission) -> Fingerprint:
    """Return the fingerprint of a submission."""
    labels = submission.facts.labels
    columns = sorted(range(len(labels)), key=labels.__getitem__)  # by name
    place = np.argsort(columns)  # of each label among the sorted names
    whole, folds, mistakes = hashlib.sha256(), [], [np.empty(0, np.uint8)]
    for winner in run.winners(submission.all_facts):
        file = submission.files[winner]
        ids = file.ids("test")
        rows = sorted(range(len(ids)), key=ids.__getitem__)
        scores = np.ascontiguousarray(file.arrays["test.activations"][rows])
        predicted = place[classification.predicted(scores)]
        names = "\n".join([*sorted(labels), "", *(ids[row] for row in rows), ""]).encode()
        answers = names + predicted.astype(np.uint8).tobytes()
        whole.update(hashlib.sha256(answers).digest())
        constant, perfect = bool((predicted == predicted[0]).all()), False
        if "test.truth" in file.arrays:
            wrong = predicted != place[file.arrays["test.truth"][rows]]
            perfect = not wrong.any()
            numbered = np.where(wrong & (not constant), np.minimum(predicted + 1, 255), 0)
            mistakes.append(numbered.astype(np.uint8))
        folds.append(
            FoldFingerprint(
                file.facts.fold.group or file.facts.fold.name,
                "" if constant else _digest(scores[:, columns].tobytes()),
                "" if constant or perfect else _digest(answers),
            )
        )
    return Fingerprint(whole.hexdigest()[:LENGTH], tuple(folds), np.concatenate(mistakes))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:SHORT]
