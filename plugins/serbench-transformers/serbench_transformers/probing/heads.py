"""Heads of probes as plain arrays: standardise layers, mix them, and score with linear layers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from serbench import Array, Examples, SerbenchError, replacing
from serbench.metrics import classification
from serbench.metrics.calibration import nll, probabilities

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

EXTREME = 5.0  # standard deviations: values that hardly vary in training must not dominate
UNSEEN = 30.0  # how far the score of a label absent from training is below all others
TEMPERATURES = np.geomspace(0.001, 100, 151)  # steps of 8 %


@dataclass(frozen=True)
class Standard:
    """The mean and the standard deviation of the training set, each (layers, width)."""

    mean: Singles
    scale: Singles

    @classmethod
    def of(cls, embeddings: Array) -> Self:
        """Compute the standard of utterances, (utterances, layers, width)."""
        # one layer at a time, since numpy makes a copy in double precision
        layers = [embeddings[:, layer] for layer in range(embeddings.shape[1])]
        means = [layer.mean(axis=0, dtype=np.float64) for layer in layers]
        scales = [layer.std(axis=0, dtype=np.float64) for layer in layers]
        scale = np.stack(scales).astype(np.float32)
        return cls(np.stack(means).astype(np.float32), np.where(scale > 0, scale, np.float32(1)))

    def __call__(self, embeddings: Array) -> Singles:
        """Standardise embeddings, (..., layers, width), to float32, and cut them at five."""
        scaled: Singles = (embeddings - self.mean) / self.scale
        return np.clip(scaled, -EXTREME, EXTREME, out=scaled)

    def only(self, layer: int) -> "Standard":
        """Return the standard of one layer."""
        return Standard(self.mean[layer : layer + 1], self.scale[layer : layer + 1])


@dataclass(frozen=True)
class Problem:
    """One fold, standardised.

    Validation utterances with a label that training lacks are left out: no head can predict it.
    """

    train: Singles  # (utterances, layers, width)
    truth: Labels  # (utterances,), positions in `seen`
    held_out: Singles  # (utterances, layers, width), of the validation speakers
    held_out_truth: Labels  # (utterances,), positions in `seen`
    standard: Standard  # of the training utterances
    seen: Labels  # the labels in training, as positions in all labels

    @classmethod
    def of(cls, train: Examples, validation: Examples) -> Self:
        """Standardise a fold.

        Raises:
            SerbenchError: no validation utterance has a label of training, or there is only one.
        """
        seen, truth = np.unique(train.truth, return_inverse=True)
        usable = np.flatnonzero(np.isin(validation.truth, seen))
        if len(usable) == 0:
            raise SerbenchError(
                "the fold has no validation utterances with labels of the training set, which this "
                "model needs to choose: use a protocol that has validation speakers"
            )
        if len(seen) < 2:
            raise SerbenchError(
                "all training utterances of the fold have one label, and a probe needs at least "
                "two: check the corpus's labels, or use the model dummy"
            )
        embeddings = np.stack(list(train.inputs))
        standard = Standard.of(embeddings)
        return cls(
            train=standard(embeddings),
            truth=truth.astype(np.int64),
            held_out=standard(np.stack([validation.inputs[int(place)] for place in usable])),
            held_out_truth=np.searchsorted(seen, validation.truth[usable]).astype(np.int64),
            standard=standard,
            seen=seen.astype(np.int64),
        )

    @property
    def layers(self) -> int:
        """The number of layers, including the input of the first layer."""
        return int(self.train.shape[1])

    def uar(self, scores: Array) -> float:
        """Compute the unweighted average recall of scores of `held_out`, (utterances, seen)."""
        decisions = classification.predicted(scores)
        counts = classification.confusion(self.held_out_truth, decisions, len(self.seen))
        return float(classification.uar(counts))


@dataclass(frozen=True)
class Head:
    """Scores the layers of utterances."""

    standard: Standard  # of the layers that the head uses
    layers: Labels  # positions of these layers, (k,)
    mix: Doubles  # weights of these layers, (k,)
    # weights (out, in) and biases (out,) of one linear layer, or of two with a rectifier between
    dense: tuple[tuple[Doubles, Doubles], ...]
    seen: Labels  # the labels that the last linear layer scores
    temperature: float = 1.0  # divides scores to calibrate probabilities

    def scores(self, standardised: Iterable[Array]) -> Doubles:
        """Score the labels seen, from the standardised layers, (k, width), of each utterance."""
        hidden = np.stack([self.mix @ layers.astype(np.float64) for layers in standardised])
        for weight, bias in self.dense[:-1]:
            hidden = np.maximum(hidden @ weight.T + bias, 0)
        weight, bias = self.dense[-1]
        return np.asarray(hidden @ weight.T + bias)

    def activations(self, inputs: Sequence[Array], labels: int) -> Doubles:
        """Return scores of all `labels` labels, divided by the temperature: (utterances, labels).

        Each input is (all layers, width); labels absent from training have the lowest scores.
        """
        standardised = (self.standard(utterance[self.layers]) for utterance in inputs)
        seen = self.scores(standardised) / self.temperature
        activations = np.repeat(seen.min(axis=1, keepdims=True) - UNSEEN, labels, axis=1)
        activations[:, self.seen] = seen
        return activations

    def calibrated(self, problem: Problem) -> "Head":
        """Return the head with the temperature that makes the truth likeliest (Guo et al. 2017)."""
        scores, truth = self.scores(problem.held_out[:, self.layers]), problem.held_out_truth
        losses = [nll(truth, probabilities(scores / t, "softmax")) for t in TEMPERATURES]
        return replace(self, temperature=float(TEMPERATURES[int(np.argmin(losses))]))

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        linear = sum(weight.size + bias.size for weight, bias in self.dense)
        return linear + (len(self.mix) if len(self.mix) > 1 else 0)

    def write(self, file: Path) -> None:
        """Write the arrays as safetensors."""
        arrays = {
            "mean": self.standard.mean,
            "scale": self.standard.scale,
            "layers": self.layers,
            "mix": self.mix,
            "seen": self.seen,
            "temperature": np.array([self.temperature]),
        }
        for place, (weight, bias) in enumerate(self.dense):
            arrays |= {f"dense.{place}.weight": weight, f"dense.{place}.bias": bias}
        with replacing(file) as path:
            whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            path.write_bytes(safetensors.numpy.save(whole))

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the head that `write` wrote."""
        kept = safetensors.numpy.load(file.read_bytes())
        places = range(sum(name.endswith(".weight") for name in kept))
        return cls(
            Standard(kept["mean"], kept["scale"]),
            kept["layers"],
            kept["mix"],
            tuple((kept[f"dense.{i}.weight"], kept[f"dense.{i}.bias"]) for i in places),
            kept["seen"],
            float(kept["temperature"][0]),
        )
