"""Learn logistic regression on the spectrum's bands by gradient descent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import safetensors.numpy
from serbench import Array, BadParameter, Examples, Predictions, Workspace, model_files

from example_model.spectrum import summary

MOST_BANDS = 40  # more would make the lowest bands narrower than the spectrum's resolution


class ExampleModel:
    """Logistic regression on the standardised mean and spread of log energies.

    Args:
        labels: the emotions, in the order of the columns of scores.
        seed: the seed of everything random; here of the initial weights.
        bands: the number of bands of the spectrum, 1 to 40.
        epochs: the number of gradient steps; the best one on the validation speakers is kept.
        rate: the learning rate.
    """

    version = "1"  # change it whenever the predictions change

    def __init__(
        self,
        *,
        labels: Sequence[str],
        seed: int,
        bands: int = 20,
        epochs: int = 100,
        rate: float = 0.5,
    ) -> None:
        if not 1 <= bands <= MOST_BANDS:
            raise BadParameter(f"bands is {bands}, but must be from 1 to {MOST_BANDS}")
        if epochs < 1:
            raise BadParameter(f"epochs is {epochs}, but must be 1 or more")
        self.labels, self.seed = tuple(labels), seed
        self.bands, self.epochs, self.rate = bands, epochs, rate
        self.best_epoch = 0
        self.arrays: dict[str, Array] = {}

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Learn from `train`; `validation` only chooses the epoch."""
        summaries = self._summaries(train.inputs)  # (utterances, 2 * bands)
        self.arrays = {"mean": summaries.mean(axis=0), "spread": summaries.std(axis=0) + 1e-6}
        inputs, held_out = self._standardised(summaries), self._rows(validation.inputs)
        wanted = np.eye(len(self.labels))[train.truth]  # (utterances, labels)
        random = np.random.default_rng(self.seed)
        weights = random.normal(0, 0.01, (inputs.shape[1], len(self.labels)))
        lowest = np.inf
        for epoch in range(1, self.epochs + 1):
            wrong = _softmax(inputs @ weights) - wanted
            weights = weights - self.rate * inputs.T @ wrong / len(inputs)
            loss = _loss(held_out @ weights, validation.truth)
            train_loss = _loss(inputs @ weights, train.truth)
            workspace.report(epoch, self.epochs, train_loss=train_loss, validation_loss=loss)
            if loss < lowest:
                lowest, self.best_epoch, self.arrays["weights"] = loss, epoch, weights

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Score utterances, each on its own."""
        return Predictions(self._rows(inputs) @ self.arrays["weights"], link="softmax")

    def describe(self) -> Mapping[str, object]:
        """Return facts to store beside a result."""
        return {"parameters": self.arrays["weights"].size, "best_epoch": self.best_epoch}

    def save(self, folder: Path) -> None:
        """Write arrays, and then everything else that `load` needs."""
        safetensors.numpy.save_file(self.arrays, folder / "arrays.safetensors")
        content = {name: getattr(self, name) for name in ("labels", "seed", "bands", "best_epoch")}
        model_files.write(folder / "model.json", self.version, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the model that `save` wrote."""
        content = model_files.read(folder / "model.json", cls.version)
        model = cls(labels=content["labels"], seed=content["seed"], bands=content["bands"])
        model.best_epoch = content["best_epoch"]
        model.arrays = safetensors.numpy.load_file(folder / "arrays.safetensors")
        return model

    def _summaries(self, inputs: Sequence[Array]) -> Array:
        return np.stack([summary(wave, self.bands) for wave in inputs])

    def _standardised(self, summaries: Array) -> Array:
        scaled = (summaries - self.arrays["mean"]) / self.arrays["spread"]
        return np.pad(scaled, ((0, 0), (0, 1)), constant_values=1)  # the last weight is a bias

    def _rows(self, inputs: Sequence[Array]) -> Array:
        return self._standardised(self._summaries(inputs))


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _loss(scores: Array, truth: Array) -> float:
    """Compute the mean cross-entropy."""
    right = _softmax(scores)[np.arange(len(truth)), truth]
    return float(-np.log(right + 1e-12).mean())
