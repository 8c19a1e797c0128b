"""What no check can prove wrong, but somebody should look at; and what cannot be, for certain.

`refuted` is for what no model does. Everything else is a remark: a submission stays valid with it.
"""

import datetime
import itertools
from collections.abc import Iterator
from importlib import metadata

import numpy as np

from serbench.contracts import Array
from serbench.leaderboard.submissions.submission import Counted, Sent
from serbench.leaderboard.verification.reference import Reference
from serbench.metrics import calibration, classification
from serbench.protocols import leakage

PLAUSIBLE = 0.95  # UAR on new speakers; listeners themselves reach less on acted emotions
SURE = 3.0  # standard errors above chance


def refuted(sent: Sent, counted: Counted) -> Iterator[str]:
    """What no model does.

    - Every utterance is right, and every score is all or nothing: that is the truth, copied.
    - Two folds have the same scores, number for number, although they test on different
      utterances, and are better than chance: one was copied. (A model that never looks at its
      input, such as `dummy`, may well repeat itself, but is not better than chance.)
    """
    scores = [sent.files[one].arrays["test.activations"] for one in counted.winners]
    if _all_right(counted) and all(map(all_or_nothing, scores)):
        yield (
            "every utterance is right and every score is all or nothing: these are the true "
            "labels, not what a model says of them"
        )
    for first, second in itertools.combinations(range(len(scores)), 2):
        if np.array_equal(scores[first], scores[second]) and _better_than_chance(
            counted.folds[[first, second]].sum(axis=0)
        ):
            names = [
                sent.files[counted.winners[at]].facts["fold"]["name"] for at in (first, second)
            ]
            yield f"folds {' and '.join(names)} have the same scores, of different utterances"


def _all_right(counted: Counted) -> bool:
    pooled = counted.folds.sum(axis=0)
    return bool(pooled.sum() == pooled.trace())


def all_or_nothing(activations: Array) -> bool:
    """In every row one label has a score of its own, and all others share another one.

    With two labels: in every row one is 0 and the other is not.
    """
    ordered = np.sort(activations, axis=-1)
    others = ordered[:, :-1]
    if activations.shape[1] == 2:
        return bool((others == 0).all() and (ordered[:, -1] > 0).all())
    return bool((others == others[:, :1]).all() and (ordered[:, -1] > others[:, 0]).all())


def _better_than_chance(matrix: Array) -> bool:
    """The UAR is more than three standard errors above what guessing reaches."""
    labels, utterances = len(matrix), int(matrix.sum())
    chance = 1 / labels
    error = float(np.sqrt(chance * (1 - chance) / utterances))
    return bool(classification.uar(matrix) > chance + SURE * error)


def remarks(sent: Sent, counted: Counted, reference: Reference | None) -> Iterator[str]:
    """What somebody should look at.

    Args:
        sent: the submission.
        counted: what it comes to.
        reference: its corpus and protocol, where they are known.
    """
    yield from _of_scores(sent, counted)
    yield from _of_model(sent)
    yield from _of_circumstances(sent)
    if reference is not None and sent.facts[0]["protocol"]["leaks"] != reference.leaks:
        yield "why its protocol leaks is said in other words than here"


def _of_scores(sent: Sent, counted: Counted) -> Iterator[str]:
    pooled = float(classification.uar(counted.folds.sum(axis=0)))
    if _all_right(counted):
        yield "every utterance is right"
    elif pooled > PLAUSIBLE:
        yield f"its UAR is {100 * pooled:.2f} %: hardly anything reaches {100 * PLAUSIBLE:.0f} %"
    scores = [file.arrays["test.activations"] for file in sent.files]
    if all(map(all_or_nothing, scores)):
        yield "every score is all or nothing"
    if len(scores) > 1 and all(np.array_equal(one, scores[0]) for one in scores[1:]):
        yield "all folds have the same scores, number for number"
    if sent.facts[0]["link"] != "identity" and all(map(_probabilities, scores)):
        yield f"its scores are probabilities already, but {sent.facts[0]['link']} is applied"


def _probabilities(activations: Array) -> bool:
    sums = activations.sum(axis=-1)
    return bool((activations >= 0).all() and np.abs(sums - 1).max() < calibration.TOLERANCE)


def _of_model(sent: Sent) -> Iterator[str]:
    if sent.card.model.seen_test_corpus == "yes":
        yield "its model has learned from the test corpus before, as its submitter says"
    model = sent.facts[0].get("model", {})
    if model.get("fine_tuned_before"):
        yield f"its checkpoint was fine-tuned before, to tell apart {model['fine_tuned_before']}"
    if model.get("pretrained") is False:
        yield "its model starts from random weights"


def _of_circumstances(sent: Sent) -> Iterator[str]:
    kinds = [
        kind
        for kind in ("device", "threads", "versions", "sources", "machine", "link")
        if any(one[kind] != sent.facts[0][kind] for one in sent.facts)
    ]
    if kinds:
        yield f"its folds differ in {', '.join(kinds)}"
    if not all(leakage.from_json(one["certificate"]).audio_checked for one in sent.facts):
        yield "whether its sets share recordings was not looked at"
    today = datetime.date.today() + datetime.timedelta(days=1)
    days = [sent.card.submitted, *(one.get("finished", "")[:10] for one in sent.facts)]
    if max(days) > today.isoformat():
        yield f"it is from the future: {max(days)}"
    here = metadata.version("serbench")
    if _numbers(sent.card.serbench) > _numbers(here):
        yield f"it was made with serbench {sent.card.serbench}, this is {here}"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:3] if part.isascii() and part.isdigit()]
