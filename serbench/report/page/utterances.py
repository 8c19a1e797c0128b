"""Pack the utterances of all runs for a page: numbers as base64, every name only once."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serbench.contracts import Array
from serbench.report import analysis
from serbench.results.run import Run

SCORE = 10_000  # steps of a probability from 0 to 1, each 0.01 %
REACH = 32_767  # the farthest point of a projection, as int16


@dataclass(frozen=True)
class Utterances:
    """The utterances of all runs, without repeats."""

    ids: list[str]
    speakers: list[str]  # names
    speaker: str  # (utterances,) <u4, positions in `speakers`


@dataclass(frozen=True)
class FoldData:
    """The test set of one fold; arrays are packed."""

    sets: Mapping[str, int]  # the number of utterances in each part
    at: str  # (utterances,) <u4, positions in `Utterances`
    truth: str  # (utterances,) u1
    prediction: str  # (utterances,) u1
    scores: str  # (utterances, labels) <u2, probabilities in steps of 1 / `SCORE`
    points: str  # (utterances, 2) <i2, principal components of the output layer
    explained: list[float | None]  # each component's share of the variance
    name: str  # of the fold


class Register:
    """Gives each utterance (id and speaker) a position that all runs share."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], int] = {}  # from (id, speaker) to its position

    def add(self, ids: Sequence[str], speakers: Sequence[str]) -> list[int]:
        """Return the positions of utterances; new utterances get the next positions."""
        places = self.places
        return [places.setdefault(key, len(places)) for key in zip(ids, speakers, strict=True)]

    def utterances(self) -> Utterances:
        """Return all added utterances."""
        speakers = list(dict.fromkeys(speaker for _, speaker in self.places))
        positions = {speaker: position for position, speaker in enumerate(speakers)}
        return Utterances(
            ids=[utterance for utterance, _ in self.places],
            speakers=speakers,
            speaker=packed([positions[speaker] for _, speaker in self.places], "<u4"),
        )


def packed(values: Array | Sequence[int], kind: str) -> str:
    """Return the base64 of numbers in a numpy type: "<u2" is little-endian unsigned 16 bits.

    >>> packed(np.array([1, 2]), "<u2")
    'AQACAA=='
    """
    return base64.b64encode(np.ascontiguousarray(values, np.dtype(kind)).tobytes()).decode("ascii")


def fold_data(run: Run, register: Register) -> list[FoldData]:
    """Return the utterances of every test set, with their predictions.

    Raises:
        SerbenchError: activations are not finite, or not probabilities although the link says so.
    """
    tested, folds = analysis.predictions(run), []
    for position, (name, fold) in enumerate(zip(analysis.fold_names(run), run.folds, strict=True)):
        chosen, projection = tested.fold == position, analysis.pca(run, position)
        # the same scale for both axes, which keeps distances
        reach = float(np.abs(projection.points).max(initial=0.0)) or 1.0
        folds.append(
            FoldData(
                sets=fold.facts.fold.utterances,
                at=packed(register.add(fold.test.ids, fold.test.speakers), "<u4"),
                truth=packed(tested.truth[chosen], "u1"),
                prediction=packed(tested.prediction[chosen], "u1"),
                scores=packed(np.rint(SCORE * tested.probabilities[chosen]), "<u2"),
                points=packed(np.rint(REACH / reach * projection.points), "<i2"),
                explained=[
                    None if share != share else round(share, 5) for share in projection.explained
                ],
                name=name,
            )
        )
    return folds
