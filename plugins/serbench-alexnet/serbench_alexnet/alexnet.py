"""The model `alexnet-mel`: the paper's M1, AlexNet trained from scratch on mel spectrograms."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from serbench import Array, BadParameter, Examples, Predictions, Workspace, replacing
from serbench_alexnet.learning import Labelled, task
from serbench_alexnet.mel import RATE
from serbench_alexnet.network import SMALLEST, AlexNet, Initialisation, initialise
from serbench_alexnet.scoring import Scorer
from serbench_alexnet.spectrograms import Normalisation, Scale, Spectrograms
from serbench_torch import devices, flop_counting, training
from serbench_torch.kept_model import TorchModel

ARRAYS = "model.safetensors"


@dataclass
class AlexNetMel(TorchModel[Scorer]):
    """AlexNet on mel spectrograms, trained as the paper trains M1.

    From the paper (section III-A): categorical cross-entropy, Adam, a constant learning rate of
    1e-4, batches of 16, 16 epochs, early stopping on the validation loss with patience 5, the
    best epoch kept, utterances zero-padded to one size. What the paper leaves open is a parameter.

    Attributes:
        labels: the classes, in the order of the scores.
        seed: the seed of the weights, the order of utterances, the windows and the dropout.
        epochs: the most epochs.
        lr: Adam's learning rate.
        batch: utterances per step.
        patience: epochs without a lower validation loss before training stops.
        dropout: dropout before the first two fully connected layers; 0.5 in AlexNet.
        width: factor of the numbers of channels and hidden units; 1 is AlexNet.
        max_seconds: the longest window. Windows are as long as the longest training utterance, up
            to this limit: without it a few 34 s utterances of IEMOCAP would make every batch
            eight times as large. Of a longer utterance, each epoch draws one window to learn
            from; its score is the mean over windows that cover it.
        normalise: "bands" gives every mel band mean 0 and deviation 1 over the training
            utterances, since speech is far weaker in high bands than in low ones; "all" uses one
            mean and deviation for all bands; "none" leaves decibels.
        initialisation: "kaiming", with which a ReLU network of this depth learns from the first
            epoch; "torch" is the default of torch's layers.
        n_mels: the feature's number of mel bands.
        hop: the feature's samples from frame to frame.
        floor_db: the feature's value for silence, which is also the padding.

    Raises:
        BadParameter: a value is out of range.
    """

    version: ClassVar[str] = "1"
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
    initialisation: Initialisation = "kaiming"
    n_mels: int = 64
    hop: int = 128
    floor_db: float = -100.0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.patience) < 1:
            raise BadParameter("epochs, batch and patience of alexnet-mel must be at least 1")
        if min(self.lr, self.width, self.max_seconds) <= 0:
            raise BadParameter("lr, width and max_seconds of alexnet-mel must be greater than 0")
        if not 0 <= self.dropout < 1:
            raise BadParameter(f"dropout={self.dropout} of alexnet-mel must be in [0, 1)")
        if self.n_mels < SMALLEST:
            raise BadParameter(
                f"n_mels={self.n_mels} is too small for AlexNet: its poolings need at least "
                f"{SMALLEST} mel bands"
            )

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Train on `train`, and stop early on `validation`."""
        with devices.arithmetic(workspace.threads):
            learned = Spectrograms.joined(train.inputs, self.floor_db)
            scorer = self._untrained(learned, workspace.device)
            trained = training.train(
                task(
                    scorer,
                    Labelled(learned.scaled(scorer.scale, scorer.device), train.truth),
                    Labelled(scorer.prepared(validation.inputs), validation.truth),
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
            "parameters": sum(weights.numel() for weights in scorer.network.parameters()),
            "frames": scorer.frames,
            **trained.facts(workspace),
        }

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Compute the softmax outputs of utterances, each (bands, frames)."""
        with devices.arithmetic(self._facts["threads"]):
            scores = self.scorer.probabilities(self.scorer.prepared(inputs))
        return Predictions(scores.astype(np.float32), link="identity")

    def flops(self, inputs: Sequence[Array], training: bool) -> float:
        """Count the operations of training once on each utterance, or of scoring it."""
        frames = self.scorer.frames
        windows = sum(1 if training else math.ceil(each.shape[1] / frames) for each in inputs)
        network = self._blank()
        spectrograms = torch.empty((windows, 1, self.n_mels, frames), device="meta")
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
        model._scorer = Scorer(network, scale, content["frames"], model.floor_db, "cpu")
        return model

    def _untrained(self, learned: Spectrograms, device: str) -> Scorer:
        """Return the scorer that training starts from, scaled by the training utterances."""
        network = self._network()
        start = torch.Generator().manual_seed(training.epoch_seed(self.seed, 0))
        initialise(network, self.initialisation, start)
        longest = 1 + int(self.max_seconds * RATE) // self.hop
        width = max(SMALLEST, min(longest, int(learned.lengths.max())))
        scale = Scale.learned(learned, width, self.normalise)
        return Scorer(network.to(device), scale, width, self.floor_db, device)

    def _network(self) -> AlexNet:
        """Return a network whose weights have memory, but no values yet."""
        network = self._blank()
        network.to_empty(device="cpu")
        # the faster layout for convolutions, on the CPU and on CUDA
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def _blank(self) -> AlexNet:
        """Return a network on the device "meta", whose weights have shapes but no memory."""
        with torch.device("meta"):
            return AlexNet(len(self.labels), width=self.width, dropout=self.dropout)
