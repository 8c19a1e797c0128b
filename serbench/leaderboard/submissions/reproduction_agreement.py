"""Whether a run made again says what was submitted: the same labels, or at least scores as good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from serbench.contracts import Array
from serbench.errors import SerbenchError
from serbench.leaderboard.submissions.fold_file import FoldFile
from serbench.metrics import classification, intervals
from serbench.metrics.classification import METRICS
from serbench.results.fold_file import Scored

SAME = 0.99  # the share of utterances that must get the same label
# speakers from which on scores may decide. On RAVDESS, of pairs of models whose F1 is more than 10
# points apart, 33 % have scores in each other's interval on one fold (4 speakers), 11 % on two,
# 2 % on three (12 speakers) and none on all six; other seeds of the same model always have. And the
# interval of two speakers may be so narrow that alexnet-mel on toy leaves it with another thread.
ENOUGH = 10
COMPARED = ("f1", "uar")
ROUNDING = 1e-9

Grounds = Literal["labels", "scores", "undecided", "none"]
"""Why a run counts as reproduced: the same labels; scores, where labels may differ; or not.

It is undecided where only scores can tell, and the folds have too few speakers for that.
"""


@dataclass(frozen=True)
class Score:
    """One metric of the folds that were made again.

    Attributes:
        submitted: its value by the submitted predictions.
        here: its value by the new ones.
        low: of the submitted one's 95 % interval over these folds' test speakers; nan where there
            are fewer than two.
        high: the same.
    """

    submitted: float
    here: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """The new value lies in the interval of the submitted one."""
        return self.low - ROUNDING <= self.here <= self.high + ROUNDING


@dataclass(frozen=True)
class Agreement:
    """Two sets of predictions of the same utterances.

    Attributes:
        utterances: how many there are.
        same_label: how many get the same label.
        speakers: how many speakers they have.
        whole: they are of all folds.
        largest_difference: of two activations.
        scores: by metric, those of `COMPARED`.
        differing: circumstances that differ and may change predictions: "threads", "numpy".
    """

    utterances: int
    same_label: int
    speakers: int
    whole: bool
    largest_difference: float
    scores: Mapping[str, Score]
    differing: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share of utterances that get the same label."""
        return self.same_label / self.utterances

    @property
    def grounds(self) -> Grounds:
        """Why the submitted predictions count as reproduced, or why not."""
        if self.share >= SAME:
            return "labels"
        if not self.differing:
            return "none"
        if not self.whole and self.speakers < ENOUGH:
            return "undecided"
        return "scores" if all(score.inside for score in self.scores.values()) else "none"

    @property
    def reproduced(self) -> bool:
        """The submitted predictions count as reproduced."""
        return self.grounds in ("labels", "scores")


def agreement(
    submitted: Sequence[FoldFile],
    here: Sequence[Scored],
    differing: Sequence[str],
    *,
    whole: bool = False,
) -> Agreement:
    """Compare submitted predictions with new ones, fold by fold in the same order.

    Truth and speakers are the new ones', so truth need not have been submitted.

    Args:
        submitted: the folds as they were sent.
        here: their test sets, made again.
        differing: circumstances that differ and may change predictions.
        whole: these are all folds of the run.

    Raises:
        SerbenchError: two folds are not of the same utterances and labels.
    """
    old = np.concatenate([_aligned(*pair) for pair in zip(submitted, here, strict=True)])
    new = np.concatenate([one.activations for one in here])
    truth = np.concatenate([one.truth for one in here])
    speakers = [speaker for one in here for speaker in one.speakers]
    labels = [classification.predicted(one) for one in (old, new)]
    parts = [intervals.speaker_confusions(truth, one, speakers, old.shape[1]) for one in labels]
    return Agreement(
        utterances=len(truth),
        same_label=int((labels[0] == labels[1]).sum()),
        speakers=len(set(speakers)),
        whole=whole,
        largest_difference=float(np.abs(old.astype(np.float64) - new).max()),
        scores={name: _score(name, *parts) for name in COMPARED},
        differing=tuple(differing),
    )


def _aligned(submitted: FoldFile, here: Scored) -> Array:
    """The submitted activations in the order of the new ones."""
    ids, activations = submitted.ids("test"), submitted.arrays["test.activations"]
    position = {one: at for at, one in enumerate(ids)}
    same = sorted(ids) == sorted(here.ids) and len(position) == len(ids)
    if not same or activations.shape != here.activations.shape:
        raise SerbenchError(
            f"{submitted.name} of the submission has {len(ids)} test utterances and activations of "
            f"shape {activations.shape}, but made again it has {len(here.ids)} and "
            f"{here.activations.shape}: they are not of the same fold"
        )
    ordered: Array = activations[[position[one] for one in here.ids]]
    return ordered


def _score(name: str, submitted: classification.Matrix, here: classification.Matrix) -> Score:
    """A metric of both, of one confusion matrix a speaker each."""
    compute = METRICS[name].compute
    low, high = intervals.speaker_interval(submitted, compute)
    values = [float(compute(parts.sum(axis=0))) for parts in (submitted, here)]
    return Score(values[0], values[1], low, high)


def differing(submitted: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Which circumstances of two folds' facts differ that may change predictions.

    Args:
        submitted: facts that may have been written by anybody.
        here: facts of this machine, whose words are those that are returned.
    """
    kinds = [kind for kind in ("device", "threads", "machine") if submitted[kind] != here[kind]]
    for kind, what in (("feature", "features"), ("model", "model")):
        if submitted["config"][f"{kind}_version"] != here["config"][f"{kind}_version"]:
            kinds.append(f"{what} version")
    # models that say nothing of it compute in float32
    precision = [
        _words(facts.get("model")).get("precision", "float32") for facts in (submitted, here)
    ]
    if precision[0] != precision[1]:
        kinds.append("precision")
    before = _words(submitted["versions"])
    libraries = [name for name, version in here["versions"].items() if before.get(name) != version]
    return kinds + [name for name in libraries if name != "serbench"]  # its code has a digest


def _words(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
