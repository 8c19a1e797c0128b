"""Recognise the predictions of one submission in another.

The order of utterances and that of labels do not matter.

Three things are found: folds with exactly the same scores; folds with the same answers but other
scores; and runs that make nearly the same mistakes. Not found are a copy in which more than about
one answer in twenty was changed, a few changed answers where the labels are not public, and folds
of a protocol, label set or corpus under another name.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.contracts import Array
from serbench.leaderboard.ledger import LENGTH
from serbench.leaderboard.submissions.submission import Sent
from serbench.metrics import classification
from serbench.metrics.classification import Floats
from serbench.results import run

SAME_MISTAKES = 0.8  # share of the mistakes of either; committed runs on RAVDESS have at most 0.60
FEW = 20  # runs with fewer mistakes are not compared
SHORT = 16  # hexadecimal digits of a digest
SAMPLE = 512  # utterances, at least, on which all pairs are compared first
LIKELY = 0.6  # share of mistakes in the sample from which on a pair is compared in full

Mistakes = npt.NDArray[np.uint8]


class Fold(NamedTuple):
    """A fold's name, or its group's where folds compete, and digests of its scores and answers.

    Both are "" if every answer is the same, since any constant model has these. The second is "" if
    every answer is right, since any perfect model has these.
    """

    name: str
    scores: str
    answers: str


@dataclass(frozen=True, eq=False)
class Traces:
    """What a submission's predictions can be recognised by.

    Attributes:
        answers: a digest of all answers.
        folds: those that count.
        mistakes: of all their test utterances, in each fold sorted by id, (utterances,): 0 if the
            answer is right or all answers of the fold are the same, else the position of the given
            label among the sorted labels, from 1. Empty if the truth is withheld.
    """

    answers: str
    folds: tuple[Fold, ...]
    mistakes: Mistakes


NOTHING = Traces("", (), np.empty(0, np.uint8))
"""The traces of a run that was not submitted."""


def of(sent: Sent) -> Traces:
    """Return the traces of a submission."""
    labels = sent.labels
    columns = sorted(range(len(labels)), key=labels.__getitem__)  # by name
    place = np.argsort(columns)  # of each label among the names
    whole, folds, mistakes = hashlib.sha256(), [], []
    for winner in run.winners(sent.facts):
        file = sent.files[winner]
        ids = file.ids("test")
        rows = sorted(range(len(ids)), key=ids.__getitem__)
        scores = np.ascontiguousarray(file.arrays["test.activations"][rows])
        given = place[classification.predicted(scores)]
        names = "\n".join([*sorted(labels), "", *(ids[row] for row in rows), ""]).encode()
        answers = names + given.astype(np.uint8).tobytes()
        whole.update(hashlib.sha256(answers).digest())
        truth = file.arrays.get("test.truth")
        wrong = None if truth is None else given != place[truth[rows]]
        name = file.facts["fold"]["group"] or file.facts["fold"]["name"]
        folds.append(_fold(name, scores[:, columns], answers, given, wrong))
        if wrong is not None:
            told = wrong & (given != given[0]).any()
            mistakes.append(np.where(told, np.minimum(given + 1, 255), 0).astype(np.uint8))
    together = np.concatenate(mistakes) if mistakes else np.empty(0, np.uint8)
    return Traces(whole.hexdigest()[:LENGTH], tuple(folds), together)


def _fold(name: str, scores: Array, answers: bytes, given: Array, wrong: Array | None) -> Fold:
    if (given == given[0]).all():
        return Fold(name, "", "")
    digests = [hashlib.sha256(one).hexdigest()[:SHORT] for one in (answers, scores.tobytes())]
    right = wrong is not None and not wrong.any()
    return Fold(name, digests[1], "" if right else digests[0])


def shared(ours: Traces, theirs: Traces) -> tuple[list[str], list[str]]:
    """Return the names of folds with the same scores, and of those with only the same answers."""
    known = {one.name: one for one in theirs.folds}
    pairs = [(one, known[one.name]) for one in ours.folds if one.name in known]
    scores = [one.name for one, other in pairs if one.scores and one.scores == other.scores]
    answers = [one.name for one, other in pairs if one.answers and one.answers == other.answers]
    return scores, [name for name in answers if name not in scores]


def same_mistakes(traces: Sequence[Traces]) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs that make nearly the same mistakes, with their share.

    The share is that of the utterances with the same wrong label from both, among those that at
    least one of the two gets wrong.
    """
    alike: dict[int, list[int]] = {}
    for at, one in enumerate(traces):
        alike.setdefault(len(one.mistakes), []).append(at)
    for length, group in alike.items():
        if length and len(group) > 1:
            mistakes = np.stack([traces[at].mistakes for at in group])
            some = mistakes[:, :: max(1, length // SAMPLE)]
            for first, other in np.argwhere(np.triu(_shares(some) >= LIKELY, 1)).tolist():
                share = _share(mistakes[first], mistakes[other])
                if share >= SAME_MISTAKES:
                    yield group[first], group[other], share


def _share(ours: Mistakes, theirs: Mistakes) -> float:
    either = (ours > 0) | (theirs > 0)
    same = (ours == theirs) & either
    return float(same.sum() / either.sum()) if either.sum() >= FEW else 0.0


def _shares(mistakes: Mistakes) -> Floats:
    """Return the shares of all pairs at once, (runs, runs), from mistakes, (runs, utterances)."""
    both = _together(mistakes > 0)
    same = sum(_together(mistakes == label) for label in range(1, int(mistakes.max()) + 1))
    wrong = np.diagonal(both)
    shares: Floats = same / np.maximum(wrong[:, None] + wrong - both, 1)
    return shares


def _together(marked: npt.NDArray[np.bool_]) -> Floats:
    """Return how often both of two runs have a mark: (runs, runs)."""
    marks = marked.astype(np.float32)
    found: Floats = (marks @ marks.T).astype(np.float64)
    return found
