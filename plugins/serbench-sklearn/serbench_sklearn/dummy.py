"""The model `dummy`, which is the chance level, trained and scored like other models."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np

from serbench import Array, Examples, Predictions, Workspace, model_files

FILE = "dummy.json"


class Dummy:
    """Predict by chance.

    Args:
        labels: the emotions.
        seed: seed of stratified draws, which also depend on the utterance.
        strategy: "majority" predicts the most frequent training label, the first if several tie;
            "stratified" draws labels with their frequencies in training.
    """

    version = "1"

    def __init__(
        self,
        *,
        labels: Sequence[str],
        seed: int,
        strategy: Literal["majority", "stratified"] = "majority",
    ) -> None:
        self._labels = tuple(labels)
        self._seed = seed
        self._strategy: Literal["majority", "stratified"] = strategy
        self._counts = np.zeros(len(self._labels), dtype=np.int64)

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Count the training labels."""
        self._counts = np.bincount(train.truth, minlength=len(self._labels))

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Put all probability on one label; a draw depends only on the seed and the input."""
        if self._strategy == "majority":
            chosen = [int(self._counts.argmax())] * len(inputs)
        else:
            chosen = [self._draw(array) for array in inputs]
        return Predictions(np.eye(len(self._labels), dtype=np.float32)[chosen], "identity")

    def describe(self) -> dict[str, object]:
        """Return the strategy and the number of training utterances per label."""
        counts = dict(zip(self._labels, self._counts.tolist(), strict=True))
        return {"strategy": self._strategy, "training_labels": counts}

    def save(self, folder: Path) -> None:
        """Write `dummy.json`."""
        content = {
            "labels": self._labels,
            "seed": self._seed,
            "strategy": self._strategy,
            "counts": self._counts.tolist(),
        }
        model_files.write(folder / FILE, self.version, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the model that `save` wrote."""
        content = model_files.read(folder / FILE, cls.version)
        model = cls(labels=content["labels"], seed=content["seed"], strategy=content["strategy"])
        model._counts = np.array(content["counts"], dtype=np.int64)
        return model

    def _draw(self, array: Array) -> int:
        content = hashlib.sha256(f"{self._seed}:".encode() + np.ascontiguousarray(array).tobytes())
        number = int.from_bytes(content.digest()[:8]) % int(self._counts.sum())
        return int(np.searchsorted(np.cumsum(self._counts), number, side="right"))
