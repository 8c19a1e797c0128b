"""A fitted head as it scores utterances: standardised layers, mixed, then linear; plain arrays.

However a head was learnt, this is what is left of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from serbench.contracts import Array, Examples
from serbench.errors import SerbenchError
from serbench.files import replacing
from serbench.metrics import classification
from serbench.metrics.calibration import nll, probabilities

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

EXTREME = 5.0  # standard deviations: what hardly varies in training must not drown all else
UNSEEN = 30.0  # how far below the others a label lies that training never showed
TEMPERATURES = np.geomspace(0.001, 100, 151)  # steps of 8 %


@dataclass(frozen=True)
class Standard:
    """What layers are measured in: the mean and the standard deviation of the training set.

    Attributes:
        mean: (layers, width).
        scale: (layers, width).
    """

    mean: Singles
    scale: Singles

    @classmethod
    def of(cls, embeddings: Array) -> Self:
        """That of utterances, (utterances, layers, width)."""
        layers = range(embeddings.shape[1])
        # a layer at a time: numpy makes a copy in double precision
        means = [embeddings[:, one].mean(axis=0, dtype=np.float64) for one in layers]
        scales = [embeddings[:, one].std(axis=0, dtype=np.float64) for one in layers]
        scale = np.stack(scales).astype(np.float32)
        return cls(np.stack(means).astype(np.float32), np.where(scale > 0, scale, np.float32(1)))

    def __call__(self, embeddings: Array) -> Singles:
        """Embeddings, (..., layers, width), in standard deviations, none beyond five.

        They may be stored in half precision; what is made of them is float32.
        """
        scaled: Singles = (embeddings - self.mean) / self.scale
        return np.clip(scaled, -EXTREME, EXTREME, out=scaled)

    def only(self, layer: int) -> "Standard":
        """That of one layer."""
        return Standard(self.mean[layer : layer + 1], self.scale[layer : layer + 1])


@dataclass(frozen=True)
class Problem:
    """One fold, standardised.

    Attributes:
        train: (utterances, layers, width).
        truth: (utterances,), positions in `seen`.
        held_out: (utterances, layers, width), of the validation speakers; those whose label
            training never shows are left out, for they cannot choose between heads.
        held_out_truth: (utterances,), positions in `seen`.
        standard: what all is measured in.
        seen: the labels that training shows, positions in all labels.
    """

    train: Singles
    truth: Labels
    held_out: Singles
    held_out_truth: Labels
    standard: Standard
    seen: Labels

    @classmethod
    def of(cls, train: Examples, validation: Examples) -> Self:
        """The problem that a fold poses.

        Raises:
            SerbenchError: there is nothing to choose on, or only one label to learn.
        """
        seen, truth = np.unique(train.truth, return_inverse=True)
        known = np.flatnonzero(np.isin(validation.truth, seen))
        _check(len(seen), len(known))
        embeddings = np.stack(list(train.inputs))
        standard = Standard.of(embeddings)
        return cls(
            train=standard(embeddings),
            truth=truth.astype(np.int64),
            held_out=standard(np.stack([validation.inputs[int(one)] for one in known])),
            held_out_truth=np.searchsorted(seen, validation.truth[known]).astype(np.int64),
            standard=standard,
            seen=seen.astype(np.int64),
        )

    @property
    def layers(self) -> int:
        """How many layers an utterance has, with what enters the first."""
        return int(self.train.shape[1])

    def uar(self, scores: Array) -> float:
        """The unweighted average recall of scores of `held_out`, (utterances, len(seen))."""
        decisions = classification.predicted(scores)
        return float(
            classification.uar(
                classification.confusion(self.held_out_truth, decisions, len(self.seen))
            )
        )


def _check(seen: int, known: int) -> None:
    if known == 0:
        raise SerbenchError(
            "the fold has no validation utterances of the labels that are learnt, on which this "
            "model chooses: use a protocol that has validation speakers"
        )
    if seen < 2:
        raise SerbenchError(
            "all training utterances of the fold have one label, and a probe needs at least two: "
            "check the corpus's labels, or use the model dummy"
        )


@dataclass(frozen=True)
class Head:
    """From the layers of an utterance to a score a label.

    Attributes:
        standard: of the layers that it looks at.
        layers: which these are, (k,).
        mix: their weights, (k,).
        dense: weights (out, in) and biases (out,) of one linear layer, or of two with a
            rectifier between.
        seen: the labels that the last of them scores.
        temperature: what scores are divided by, so that probabilities are honest.
    """

    standard: Standard
    layers: Labels
    mix: Doubles
    dense: tuple[tuple[Doubles, Doubles], ...]
    seen: Labels
    temperature: float = 1.0

    def scores(self, standardised: Iterable[Array]) -> Doubles:
        """Scores of the labels seen, of what `standard` made: (utterances, k, width)."""
        hidden = np.stack([self.mix @ each.astype(np.float64) for each in standardised])
        for weight, bias in self.dense[:-1]:
            hidden = np.maximum(hidden @ weight.T + bias, 0)
        weight, bias = self.dense[-1]
        return np.asarray(hidden @ weight.T + bias)

    def activations(self, inputs: Sequence[Array], labels: int) -> Doubles:
        """Scores of all labels, (utterances, labels), over the temperature.

        Args:
            inputs: (all layers, width) an utterance.
            labels: how many there are; what training never showed lies below everything else.
        """
        standardised = (self.standard(each[self.layers]) for each in inputs)
        seen = self.scores(standardised) / self.temperature
        activations = np.repeat(seen.min(axis=1, keepdims=True) - UNSEEN, labels, axis=1)
        activations[:, self.seen] = seen
        return activations

    def honest(self, problem: Problem) -> "Head":
        """The same with the temperature at which the truth is likeliest (Guo et al. 2017)."""
        scores, truth = self.scores(problem.held_out[:, self.layers]), problem.held_out_truth
        losses = [nll(truth, probabilities(scores / t, "softmax")) for t in TEMPERATURES]
        return replace(self, temperature=float(TEMPERATURES[int(np.argmin(losses))]))

    @property
    def parameters(self) -> int:
        """How many numbers were learnt of the labels."""
        linear = sum(weight.size + bias.size for weight, bias in self.dense)
        return linear + (len(self.mix) if len(self.mix) > 1 else 0)

    def write(self, file: Path) -> None:
        """Keep the arrays."""
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
        """What `write` wrote."""
        kept = safetensors.numpy.load(file.read_bytes())
        places = range(sum(name.endswith(".weight") for name in kept))
        return cls(
            Standard(kept["mean"], kept["scale"]),
            kept["layers"],
            kept["mix"],
            tuple((kept[f"dense.{one}.weight"], kept[f"dense.{one}.bias"]) for one in places),
            kept["seen"],
            float(kept["temperature"][0]),
        )
