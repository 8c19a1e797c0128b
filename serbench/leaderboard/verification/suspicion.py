"""Heuristics that refute or flag implausible submissions.

`refuted` is for what no model does. Everything else is a remark: a submission stays valid with it.
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

PLAUSIBLE = 0.95  # UAR on new speakers; listeners themselves reach less on acted emotions
SURE = 3.0  # standard errors above chance


def refuted(submission: Submission, counts: Counts) -> Iterator[str]:
    """What no model does.

    - Every utterance is right, and every score is all or nothing: that is the truth, copied.
    - Two folds have the same scores, number for number, although they test on different
      utterances, and are better than chance: one was copied. (A model that never looks at its
      input, such as `dummy`, may well repeat itself, but is not better than chance.)
    """
    winners = [submission.files[position] for position in counts.winners]
    scores = [file.arrays["test.activations"] for file in winners]
    if _is_all_right(counts) and all(map(is_all_or_nothing, scores)):
        yield (
            "every utterance is right and every score is all or nothing: these are the true "
            "labels, not what a model says of them"
        )
    for first, second in itertools.combinations(range(len(scores)), 2):
        if np.array_equal(scores[first], scores[second]) and _is_better_than_chance(
            counts.folds[[first, second]].sum(axis=0)
        ):
            names = f"{winners[first].facts.fold.name} and {winners[second].facts.fold.name}"
            yield f"folds {names} have the same scores, of different utterances"


def _is_all_right(counts: Counts) -> bool:
    pooled = counts.folds.sum(axis=0)
    return bool(pooled.sum() == pooled.trace())


def is_all_or_nothing(activations: Array) -> bool:
    """In every row one label has a score of its own, and all others share another one.

    With two labels: in every row one is 0 and the other is not.
    """
    ordered = np.sort(activations, axis=-1)
    others = ordered[:, :-1]
    if activations.shape[1] == 2:
        return bool((others == 0).all() and (ordered[:, -1] > 0).all())
    return bool((others == others[:, :1]).all() and (ordered[:, -1] > others[:, 0]).all())


def _is_better_than_chance(matrix: Array) -> bool:
    """The UAR is more than three standard errors above what guessing reaches."""
    labels, utterances = len(matrix), int(matrix.sum())
    chance = 1 / labels
    error = float(np.sqrt(chance * (1 - chance) / utterances))
    return bool(classification.uar(matrix) > chance + SURE * error)


def remarks(submission: Submission, counts: Counts, reference: Reference | None) -> Iterator[str]:
    """What somebody should look at.

    Args:
        submission: to check.
        counts: what it comes to.
        reference: its corpus and protocol, where they are known.
    """
    yield from _of_scores(submission, counts)
    yield from _of_model(submission)
    yield from _of_circumstances(submission)
    if reference is not None and submission.facts.protocol.leaks != reference.leaks:
        yield "why its protocol leaks is said in other words than here"


def _of_scores(submission: Submission, counts: Counts) -> Iterator[str]:
    pooled = float(classification.uar(counts.folds.sum(axis=0)))
    if _is_all_right(counts):
        yield "every utterance is right"
    elif pooled > PLAUSIBLE:
        yield f"its UAR is {100 * pooled:.2f} %: hardly anything reaches {100 * PLAUSIBLE:.0f} %"
    scores = [file.arrays["test.activations"] for file in submission.files]
    if all(map(is_all_or_nothing, scores)):
        yield "every score is all or nothing"
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
        yield f"its checkpoint was fine-tuned before, to tell apart {model['fine_tuned_before']}"
    if model.get("pretrained") is False:
        yield "its model starts from random weights"


def _of_circumstances(submission: Submission) -> Iterator[str]:
    facts, card = submission.all_facts, submission.card
    kinds = run.differing(facts, ("device", "threads", "versions", "sources", "machine", "link"))
    if kinds:
        yield f"its folds differ in {', '.join(kinds)}"
    if not all(leakage.from_json(fold.certificate).audio_checked for fold in facts):
        yield "whether its sets share recordings was not looked at"
    today = datetime.date.today() + datetime.timedelta(days=1)
    last = max(card.submitted, *(fold.finished[:10] for fold in facts))
    if last > today.isoformat():
        yield f"it is from the future: {last}"
    here = metadata.version("serbench")
    if _numbers(card.serbench) > _numbers(here):
        yield f"it was made with serbench {card.serbench}, this is {here}"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:3] if part.isascii() and part.isdigit()]
