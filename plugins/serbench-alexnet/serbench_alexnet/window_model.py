"""The base classes of models that learn from windows of sound with a torch network."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from serbench import Array, BadParameter, Examples, Predictions, Workspace, replacing
from serbench_alexnet.learning import Augment, Labelled, task
from serbench_alexnet.mel import RATE
from serbench_alexnet.scoring import Scorer
from serbench_alexnet.spectrograms import Normalisation, Scale, Spectrograms
from serbench_torch import devices, flop_counting, training
from serbench_torch.kept_model import TorchModel

ARRAYS = "model.safetensors"


@dataclass
class WindowModel(TorchModel[Scorer]):
    """A network on windows of utterances, each an array (rows, frames): fit, predict, save, load.

    A subclass has the parameters below, with defaults of its own, and says in `blank` and
    `initialise` what the network is; `alexnet.AlexNetMel` documents the parameters.

    Attributes:
        name: the model's name, for messages.
        smallest: the fewest frames that the network takes.
        padding: the value of silence, which is also the padding.
    """

    name: ClassVar[str]
    smallest: ClassVar[int]
    precisions: ClassVar[Sequence[str]] = devices.PRECISIONS

    _: dataclasses.KW_ONLY
    epochs: int = 16
    lr: float = 1e-4
    batch: int = 16
    patience: int = 5
    dropout: float = 0.5
    width: float = 1.0
    max_seconds: float = 8.0
    normalise: Normalisation = "bands"

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.patience) < 1:
            raise BadParameter(f"epochs, batch and patience of {self.name} must be at least 1")
        if min(self.lr, self.width, self.max_seconds) <= 0:
            raise BadParameter(f"lr, width and max_seconds of {self.name} must be greater than 0")
        if not 0 <= self.dropout < 1:
            raise BadParameter(f"dropout={self.dropout} of {self.name} must be in [0, 1)")

    @property
    def padding(self) -> float:
        """Return the value of silence."""
        return 0.0

    @property
    def longest(self) -> int:
        """Return how many frames a window has at most."""
        raise NotImplementedError

    def arrays(self, inputs: Sequence[Array]) -> Sequence[Array]:
        """Return utterances, each (rows, frames)."""
        return inputs

    def blank(self) -> nn.Module:
        """Return the network: (n, 1, rows, frames) to logits; called on the device "meta"."""
        raise NotImplementedError

    def initialise(self, network: nn.Module, generator: torch.Generator) -> None:
        """Give every parameter and buffer its first value, drawing from `generator` only."""
        raise NotImplementedError

    def scale(self, network: nn.Module, learned: Spectrograms, width: int) -> Scale:
        """Return the scale of the input, learned from the training utterances."""
        return Scale.learned(learned, width, self.normalise)

    @property
    def augment(self) -> Augment | None:
        """Return what changes the batches of training, if anything does."""
        return None

    def facts(self, network: nn.Module) -> Mapping[str, object]:
        """Return facts about the network for `describe`."""
        return {"parameters": sum(weights.numel() for weights in network.parameters())}

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Train on `train`, and stop early on `validation`."""
        with devices.arithmetic(workspace.threads):
            learned = Spectrograms.joined(self.arrays(train.inputs), self.padding)
            scorer = self._untrained(learned, workspace.device)
            trained = training.train(
                task(
                    scorer,
                    Labelled(
                        learned.scaled(scorer.scale, scorer.device), train.truth, self.augment
                    ),
                    Labelled(scorer.prepared(self.arrays(validation.inputs)), validation.truth),
                    batch=self.batch,
                    lr=self.lr,
                    seed=self.seed,
                    precision=workspace.precision,
                ),
                epochs=self.epochs,
                patience=self.patience,
                workspace=workspace,
                seed=self.seed,
            )
        self._scorer = scorer
        self._facts = {
            **self.facts(scorer.network),
            "frames": scorer.frames,
            **trained.facts(workspace),
        }

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Compute the softmax outputs of utterances."""
        with devices.arithmetic(self._facts["threads"]):
            scores = self.scorer.probabilities(self.scorer.prepared(self.arrays(inputs)))
        return Predictions(scores.astype(np.float32), link="identity")

    def flops(self, inputs: Sequence[Array], training: bool) -> float:
        """Count the operations of training once on each utterance, or of scoring it."""
        frames, arrays = self.scorer.frames, self.arrays(inputs)
        windows = sum(1 if training else math.ceil(each.shape[1] / frames) for each in arrays)
        network = self._shapes()
        spectrograms = torch.empty((windows, 1, len(arrays[0]), frames), device="meta")
        return flop_counting.flops(lambda: network(spectrograms), training)

    def save(self, folder: Path) -> None:
        """Write weights and normalisation as safetensors, and everything else as JSON."""
        scale, weights = self.scorer.scale, self.scorer.network.state_dict()
        arrays = {**weights, "scale.mean": scale.mean, "scale.deviation": scale.deviation}
        with replacing(folder / ARRAYS) as temporary:
            save_file({name: each.cpu().contiguous() for name, each in arrays.items()}, temporary)
        self._write(folder, frames=self.scorer.frames)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the model that `save` wrote, on the CPU.

        Raises:
            SerbenchError: the folder holds no model, or one of another version.
        """
        model, content = cls._read(folder)
        arrays = load_file(folder / ARRAYS)
        scale = Scale(arrays.pop("scale.mean"), arrays.pop("scale.deviation"))
        network = model._network()
        network.load_state_dict(arrays)
        model._scorer = Scorer(network, scale, content["frames"], model.padding, "cpu")
        return model

    def _untrained(self, learned: Spectrograms, device: str) -> Scorer:
        """Return the scorer that training starts from, scaled by the training utterances."""
        network = self._network()
        self.initialise(network, torch.Generator().manual_seed(training.epoch_seed(self.seed, 0)))
        width = max(self.smallest, min(self.longest, int(learned.lengths.max())))
        scale = self.scale(network, learned, width)
        return Scorer(network.to(device), scale, width, self.padding, device)

    def _network(self) -> nn.Module:
        """Return a network whose weights have memory, but no values yet."""
        network = self._shapes()
        network.to_empty(device="cpu")
        # the faster layout for convolutions, on the CPU and on CUDA
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def _shapes(self) -> nn.Module:
        """Return a network on the device "meta", whose weights have shapes but no memory."""
        with torch.device("meta"):
            return self.blank()


@dataclass
class MelModel(WindowModel):
    """A network on windows of the feature `mel`.

    Attributes:
        smallest: the fewest bands and frames that the network takes.
    """

    _: dataclasses.KW_ONLY
    n_mels: int = 64
    hop: int = 128
    floor_db: float = -100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_mels < self.smallest:
            raise BadParameter(
                f"n_mels={self.n_mels} is too small for {self.name}: its poolings need at least "
                f"{self.smallest} mel bands"
            )

    @property
    def padding(self) -> float:
        """Return the decibels of silence."""
        return self.floor_db

    @property
    def longest(self) -> int:
        """Return how many frames a window has at most."""
        return 1 + int(self.max_seconds * RATE) // self.hop
