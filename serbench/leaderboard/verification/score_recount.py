"""A card's counts and scores must be those of the stored predictions.

Each check yields a reason for everything that does not hold.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from serbench.contracts import Array
from serbench.leaderboard.submissions import card, submission
from serbench.leaderboard.submissions.card import Score
from serbench.leaderboard.submissions.fold_file import FoldFile
from serbench.leaderboard.submissions.submission import Counted, Sent
from serbench.metrics.classification import METRICS

EXACT = 1e-9  # metrics are a few float64 operations on counts
DRAWN = 0.02  # numpy does not promise the same draws in every version: intervals may move a little

Reasons = Iterator[str]


def counts(sent: Sent, counted: Counted) -> Reasons:
    """The card's counts are those of the stored predictions."""
    for fold, matrix in zip(sent.card.folds, counted.files, strict=True):
        if card.counts(matrix) != fold.confusion:
            yield f"the card's counts of fold {fold.name} are not those of its predictions"
    found = dict(zip(counted.speakers, map(card.counts, counted.by_speaker), strict=True))
    if found.keys() != sent.card.speakers.keys():
        yield "the card's speakers are not the test speakers"
        return
    for name, matrix in found.items():
        if matrix != sent.card.speakers[name]:
            yield f"the card's counts of speaker {name} are not those of the predictions"


def scores(sent: Sent, counted: Counted) -> Reasons:
    """The card's scores are those that follow from the counts."""
    existing = _existing_metrics(sent) | sent.card.scores.keys()
    found = submission.scores(counted.folds, counted.by_speaker)
    found = {name: score for name, score in found.items() if name in existing}
    if found.keys() != sent.card.scores.keys():
        yield f"the card must have the scores {', '.join(found)}"
        return
    for name, real in found.items():
        for what, ours, theirs, most in _pairs(real, sent.card.scores[name]):
            if not same(ours, theirs, most):
                yield f"the card's {name} ({what}) is {theirs:.12g}, but it comes to {ours:.12g}"


def _existing_metrics(sent: Sent) -> set[str]:
    """Return the metrics that existed when the run was made: those of its validation scores."""
    return {name for file in sent.files for name in file.facts["validation"]}


def _pairs(real: Score, said: Score) -> Iterator[tuple[str, float, float, float]]:
    if len(real.folds) != len(said.folds):
        yield "number of folds", len(real.folds), len(said.folds), 0
        return
    for index, (ours, theirs) in enumerate(zip(real.folds, said.folds, strict=True)):
        yield f"fold {index + 1}", ours, theirs, EXACT
    for what, most in (("mean", EXACT), ("std", EXACT), ("pooled", EXACT)):
        yield what, getattr(real, what), getattr(said, what), most
    for what in ("low", "high"):
        yield what, getattr(real, what), getattr(said, what), DRAWN


def same(first: float, second: float, most: float) -> bool:
    """Both are the same number, or both are none."""
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return abs(first - second) <= most


def validated(sent: Sent, truths: Mapping[str, Array]) -> Reasons:
    """Where folds compete, what they say of their validation set is what decides: is it so?

    Args:
        sent: the submission.
        truths: of the validation set of each file, by the file's name.
    """
    existing = _existing_metrics(sent)
    for file in sent.files:
        if file.name not in truths:
            continue
        scored = file.scored("validation", truths[file.name])
        matrix = submission.confusion(scored, len(sent.labels))
        for name, metric in METRICS.items():
            if name not in existing:
                continue
            said = file.facts["validation"].get(name)
            real = float(metric.compute(matrix))
            if said is None or not same(real, float(said), EXACT):
                yield f"{file.name} says {name} {said} of its validation set: it comes to {real}"


def predicted(sent: Sent) -> Reasons:
    """Where truth is withheld: how often each label was predicted still is in the card's columns.

    And the counts of speakers and of folds, which are counted apart, have the same sum.
    """
    blind = [file.scored("test", _zeros(file)) for file in sent.files]
    counted = submission.count(blind, sent.facts)  # all in the first row
    for fold, matrix in zip(sent.card.folds, counted.files, strict=True):
        if (matrix[0] != np.array(fold.confusion).sum(axis=0)).any():
            yield f"the card's counts of fold {fold.name} are not those of its predictions"
    if set(counted.speakers) != sent.card.speakers.keys():
        yield "the card's speakers are not the test speakers"
        return
    for name, matrix in zip(counted.speakers, counted.by_speaker, strict=True):
        if (matrix[0] != np.array(sent.card.speakers[name]).sum(axis=0)).any():
            yield f"the card's counts of speaker {name} are not those of the predictions"
    of_card = sent.claimed()
    if (of_card.folds.sum(axis=0) != of_card.by_speaker.sum(axis=0)).any():
        yield "the card's counts of folds and of speakers have different sums"


def _zeros(file: FoldFile) -> Array:
    return np.zeros(len(file.arrays["test.activations"]), np.int64)
