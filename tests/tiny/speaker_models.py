"""Two models on zero crossings of a tone for the speaker, one for the accent, one for the label."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from serbench.contracts import Examples, Predictions, Workspace

LOWEST, STEP, RATE = 300, 200, 16_000  # hertz


def heard(inputs: Sequence[Any]) -> np.ndarray:
    """The numbers of the tones of each utterance: (utterances, 3)."""
    hertz = np.stack(list(inputs)) * RATE / 2
    return np.rint((hertz - LOWEST) / STEP).astype(int)


class Blind:
    """Reads the tone of the label, whoever speaks, and learns nothing."""

    features = "crossings"
    version = "1"

    def __init__(self, labels: Sequence[str], seed: int):
        self.labels = labels

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Do nothing."""

    def predict(self, inputs: Sequence[Any]) -> Predictions:
        """The label that is heard."""
        return self.answers(heard(inputs)[:, 2].tolist())

    def answers(self, positions: Sequence[int]) -> Predictions:
        """One for the label of each utterance."""
        return Predictions(np.eye(len(self.labels), dtype=np.float32)[list(positions)], "identity")


class Memory(Blind):
    """Knows what an accent means for speakers that it learned from; for others, the first label."""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Remember the label of every speaker's accents."""
        rows = heard(train.inputs)[:, :2].tolist()
        self.meanings = {tuple(row): int(at) for row, at in zip(rows, train.truth, strict=True)}

    def predict(self, inputs: Sequence[Any]) -> Predictions:
        """What is remembered, or the first label."""
        rows = heard(inputs)[:, :2].tolist()
        return self.answers([self.meanings.get(tuple(row), 0) for row in rows])
