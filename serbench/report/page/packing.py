"""Packs every utterance of every run small enough for a page: numbers as base64, names once."""

import base64
from collections.abc import Sequence

import numpy as np

from serbench.contracts import Array
from serbench.metrics.classification import Floats
from serbench.report import analysis
from serbench.report.analysis import Predictions
from serbench.results.run import Run

SCORE = 10_000  # a probability's step is a hundredth of a percent
REACH = 32_767  # the farthest point of a projection, as int16


class Register:
    """The utterances of all runs, each named once; an utterance is an id and its speaker.

    Attributes:
        places: from (id, speaker) to its position.
    """

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], int] = {}

    def add(self, ids: Sequence[str], speakers: Sequence[str]) -> list[int]:
        """The positions of these utterances, which are entered where they are new."""
        places = self.places
        return [places.setdefault(key, len(places)) for key in zip(ids, speakers, strict=True)]

    def words(self) -> dict[str, object]:
        """All of them: ids, the speakers' names, and the position of each one's speaker."""
        names = {name: None for _, name in self.places}
        positions = {name: position for position, name in enumerate(names)}
        return {
            "ids": [one for one, _ in self.places],
            "speakers": list(names),
            "speaker": packed(np.array([positions[name] for _, name in self.places]), "<u4"),
        }


def packed(values: Array, kind: str) -> str:
    """Numbers as base64 of their bytes, "<u2" for little-endian 16 bits without sign.

    >>> packed(np.array([1, 2]), "<u2")
    'AQACAA=='
    """
    return base64.b64encode(np.ascontiguousarray(values, np.dtype(kind)).tobytes()).decode("ascii")


def folds(run: Run, register: Register) -> list[dict[str, object]]:
    """Every test set of a run: which utterances, their truth, prediction, scores and place.

    Raises:
        SerbenchError: activations are not finite, or are no probabilities where they should be.
    """
    given = analysis.predictions(run)
    names = analysis.fold_names(run)
    return [
        _fold(run, position, given, register) | {"name": names[position]}
        for position in range(len(run.folds))
    ]


def _fold(run: Run, position: int, given: Predictions, register: Register) -> dict[str, object]:
    chosen, test = given.fold == position, run.folds[position].test
    projection = analysis.pca(run, position)
    return {
        "sets": dict(run.folds[position].facts["fold"]["utterances"]),
        "at": packed(np.array(register.add(test.ids, test.speakers)), "<u4"),
        "truth": packed(given.truth[chosen], "u1"),
        "prediction": packed(given.prediction[chosen], "u1"),
        "scores": packed(np.rint(SCORE * given.probabilities[chosen]), "<u2"),
        "points": packed(_steps(projection.points), "<i2"),
        "explained": [
            None if share != share else round(share, 5) for share in projection.explained
        ],
    }


def _steps(points: Floats) -> Floats:
    """Coordinates in steps; both axes alike, so that distances stay as they are."""
    reach = float(np.abs(points).max(initial=0.0)) or 1.0
    steps: Floats = np.rint(REACH / reach * points)
    return steps


def surest_first(run: Run) -> str:
    """The order of all test utterances, the most confident first, as `facts.mistakes` has it."""
    return packed(np.array(analysis.predictions(run).surest_first), "<u4")
