"""Heuristics that refute or flag implausible submissions.

`refuted` finds predictions that no model makes. Everything else is a remark, and the submission
stays valid.
"""

import datetime
import itertools
from collections.abc import Iterator
from importlib import metadata

import numpy as np

from serbench.contracts import Array
from serbench.leaderboard.submissions.submission import Counts, Submission
from serbench.leaderboard.verification.reference import Reference
from serbench.metrics import calibration, classification
from serbench.protocols import leakage
from serbench.results import run

PLAUSIBLE = 0.95  # UAR on new speakers; human listeners reach less on acted emotions
SURE = 3.0  # standard errors above chance


def refuted(submission: Submission, counts: Counts) -> Iterator[str]:
    """Yield reasons why no model can have made the predictions.

    - Every prediction is correct, and all scores are one-hot: they are copied from the truth.
    - Two folds have exactly the same scores on different utterances, and are better than chance:
      one is a copy. (A model that ignores its input, such as `dummy`, may repeat its scores, but is
      not better than chance.)
    """
    winners = [submission.files[position] for position in counts.winners]
    scores = [file.arrays["test.activations"] for file in winners]
    if _is_all_right(counts) and all(map(is_one_hot, scores)):
        yield (
            "every prediction is correct and all scores are one-hot: these are the true labels, "
            "not a model's scores"
        )
    for first, second in itertools.combinations(range(len(scores)), 2):
        if np.array_equal(scores[first], scores[second]) and _is_better_than_chance(
            counts.folds[[first, second]].sum(axis=0)
        ):
            names = f"{winners[first].facts.fold.name} and {winners[second].facts.fold.name}"
            yield f"folds {names} have the same scores on different utterances"


def _is_all_right(counts: Counts) -> bool:
    pooled = counts.folds.sum(axis=0)
    return bool(pooled.sum() == pooled.trace())


def is_one_hot(activations: Array) -> bool:
    """Return whether in every row one label has a higher score, and all others the same score.

    With two labels, the lower score must be 0 in every row.
    """
    ordered = np.sort(activations, axis=-1)
    others = ordered[:, :-1]
    if activations.shape[1] == 2:
        return bool((others == 0).all() and (ordered[:, -1] > 0).all())
    return bool((others == others[:, :1]).all() and (ordered[:, -1] > others[:, 0]).all())


def _is_better_than_chance(matrix: Array) -> bool:
    """Return whether the UAR is more than three standard errors above chance."""
    labels, utterances = len(matrix), int(matrix.sum())
    chance = 1 / labels
    error = float(np.sqrt(chance * (1 - chance) / utterances))
    return bool(classification.uar(matrix) > chance + SURE * error)


def remarks(submission: Submission, counts: Counts, reference: Reference | None) -> Iterator[str]:
    """Yield remarks on details that somebody should look at.

    Args:
        submission: the submission.
        counts: its confusion matrices.
        reference: its corpus and protocol; None if they are not available.
    """
    yield from _of_scores(submission, counts)
    yield from _of_model(submission)
    yield from _of_circumstances(submission)
    if reference is not None and submission.facts.protocol.leaks != reference.leaks:
        yield "its files explain the protocol's leak in other words than this installation"


def _of_scores(submission: Submission, counts: Counts) -> Iterator[str]:
    pooled = float(classification.uar(counts.folds.sum(axis=0)))
    if _is_all_right(counts):
        yield "every prediction is correct"
    elif pooled > PLAUSIBLE:
        yield f"its UAR is {100 * pooled:.2f} %: models hardly ever reach {100 * PLAUSIBLE:.0f} %"
    scores = [file.arrays["test.activations"] for file in submission.files]
    if all(map(is_one_hot, scores)):
        yield "all scores are one-hot"
    if len(scores) > 1 and all(np.array_equal(row, scores[0]) for row in scores[1:]):
        yield "all folds have the same scores, number for number"
    if submission.facts.link != "identity" and all(map(_are_probabilities, scores)):
        yield f"its scores are probabilities already, but {submission.facts.link} is applied"


def _are_probabilities(activations: Array) -> bool:
    sums = activations.sum(axis=-1)
    return bool((activations >= 0).all() and np.abs(sums - 1).max() < calibration.TOLERANCE)


def _of_model(submission: Submission) -> Iterator[str]:
    if submission.card.model.seen_test_corpus == "yes":
        yield "its model has learned from the test corpus before, as its submitter says"
    model = submission.facts.model
    if model.get("fine_tuned_before"):
        yield f"its checkpoint was fine-tuned before, to classify {model['fine_tuned_before']}"
    if model.get("pretrained") is False:
        yield "its model starts from random weights"


def _of_circumstances(submission: Submission) -> Iterator[str]:
    facts, card = submission.all_facts, submission.card
    kinds = run.differing(facts, ("device", "threads", "versions", "sources", "machine", "link"))
    if kinds:
        yield f"its folds differ in {', '.join(kinds)}"
    if not all(leakage.from_json(fold.certificate).audio_checked for fold in facts):
        yield "its sets were not checked for shared recordings"
    today = datetime.date.today() + datetime.timedelta(days=1)
    last = max(card.submitted, *(fold.finished[:10] for fold in facts))
    if last > today.isoformat():
        yield f"it is from the future: {last}"
    here = metadata.version("serbench")
    if _numbers(card.serbench) > _numbers(here):
        yield f"it was made with serbench {card.serbench}, a later version than {here} here"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:3] if part.isascii() and part.isdigit()]
