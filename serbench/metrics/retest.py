"""Measure how often a model agrees with itself on takes of the same sentence.

A speaker who repeats a sentence with the same emotion gives takes that differ by chance. A model
that labels them differently is wrong in at least one, so its agreement limits its accuracy.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench.metrics import intervals
from serbench.metrics.classification import Labels, accuracy


@dataclass(frozen=True)
class Retest:
    """The agreement of a model with itself.

    Attributes:
        takes: utterances that have another take.
        pairs: pairs of takes of the same sentence, speaker and emotion.
        agreement: share of pairs that get the same label, right or wrong.
        interval: 95 % of the agreement, by bootstrap over speakers.
        accuracy: share of the takes that get their own label.
        ceiling: the accuracy if, of every group of takes, the label that most of them get were
            right: no truth gives these predictions a higher one.
    """

    takes: int
    pairs: int
    agreement: float
    interval: intervals.Interval
    accuracy: float
    ceiling: float


def retest(
    truth: Labels, prediction: Labels, speakers: Sequence[str], groups: Sequence[Hashable]
) -> Retest | None:
    """Measure the agreement between takes; None if no utterance has another take.

    Args:
        truth: (utterances,) true labels, as positions.
        prediction: (utterances,) predicted labels.
        speakers: the speaker of each utterance.
        groups: what the takes of one sentence have in common; None for an utterance without takes.

    >>> made = retest(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), "aabb", [1, 1, 2, 2])
    >>> made.agreement, made.accuracy, made.ceiling
    (0.5, 0.75, 0.75)
    """
    members: dict[Hashable, list[int]] = {}
    for at, group in enumerate(groups):
        if group is not None:
            members.setdefault(group, []).append(at)
    repeated = [np.array(each) for each in members.values() if len(each) > 1]
    if not repeated:
        return None
    same: list[npt.NDArray[np.bool_]] = []
    whose: list[str] = []
    for takes in repeated:
        first, second = np.triu_indices(len(takes), 1)
        same.append(prediction[takes[first]] == prediction[takes[second]])
        whose += [speakers[takes[0]]] * len(first)
    agrees = np.concatenate(same).astype(np.int64)
    # a pair is right if its takes agree, so agreement is an accuracy
    confusions = intervals.speaker_confusions(np.ones_like(agrees), agrees, whose, 2)
    takes = np.concatenate(repeated)
    return Retest(
        takes=len(takes),
        pairs=len(agrees),
        agreement=float(agrees.mean()),
        interval=intervals.speaker_interval(confusions, accuracy),
        accuracy=float((truth[takes] == prediction[takes]).mean()),
        ceiling=sum(int(np.bincount(prediction[each]).max()) for each in repeated) / len(takes),
    )
