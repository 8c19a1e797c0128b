"""Fingerprints of a submission's predictions, by which `copies` recognises them in another.

The order of utterances and that of labels do not matter.
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
    """A fold's name, or its group's where folds compete, and digests of its scores and answers.

    Both are "" if every answer is the same, since any constant model has these. The second is "" if
    every answer is right, since any perfect model has these.
    """

    name: str
    scores: str
    answers: str


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What a submission's predictions can be recognised by."""

    answers: str  # a digest of all answers
    folds: tuple[FoldFingerprint, ...]  # those that count
    # of all their test utterances, in each fold sorted by id, (utterances,): 0 if the answer is
    # right or all answers of the fold are the same, else the position of the given label among the
    # sorted labels, from 1. Empty if the truth is withheld.
    mistakes: Mistakes


NONE = Fingerprint("", (), np.empty(0, np.uint8))
"""The fingerprint of a run that was not submitted."""


def of(submission: Submission) -> Fingerprint:
    """Return the fingerprint of a submission."""
    labels = submission.facts.labels
    columns = sorted(range(len(labels)), key=labels.__getitem__)  # by name
    place = np.argsort(columns)  # of each label among the names
    whole, folds, mistakes = hashlib.sha256(), [], [np.empty(0, np.uint8)]
    for winner in run.winners(submission.all_facts):
        file = submission.files[winner]
        ids = file.ids("test")
        rows = sorted(range(len(ids)), key=ids.__getitem__)
        scores = np.ascontiguousarray(file.arrays["test.activations"][rows])
        given = place[classification.predicted(scores)]
        names = "\n".join([*sorted(labels), "", *(ids[row] for row in rows), ""]).encode()
        answers = names + given.astype(np.uint8).tobytes()
        whole.update(hashlib.sha256(answers).digest())
        constant, perfect = bool((given == given[0]).all()), False
        if "test.truth" in file.arrays:
            wrong = given != place[file.arrays["test.truth"][rows]]
            perfect = not wrong.any()
            numbered = np.where(wrong & (not constant), np.minimum(given + 1, 255), 0)
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
