"""The model `audio-resnet-gru`, *not reproducible*: the supervised baseline of Shukla et al."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from serbench import Array
from serbench_alexnet.mel import RATE
from serbench_alexnet.spectrograms import Normalisation
from serbench_alexnet.window_model import WindowModel
from serbench_rivals.fidelity import System
from serbench_rivals.starting_weights import kaiming

CHANNELS = (64, 128, 256, 512)  # of the four groups of two residual blocks, as in ResNet-18
HIDDEN = 256  # units of the recurrent layers
STEM, POOL = 5, 4  # strides before the groups, which halve the rate: 16 kHz becomes 50 Hz
SMALLEST = STEM * POOL * 2 ** len(CHANNELS)  # samples of a frame at 50 Hz

SYSTEM = System(
    model="audio-resnet-gru",
    title="Audio encoder, supervised",
    source="Shukla et al., IEEE TAC, arXiv 2005.01400, is the likeliest paper; no public code",
    reported="F1: CREMA-D 59.2",
    fidelity="not reproducible",
    weights="none: trained from random weights",
    choices=(
        "The published encoder is pretrained on video of LRW, which has no public weights: this is "
        "only the supervised baseline, the same kind of network from random weights.",
        "The input is the wave at 16 kHz, in windows of at most 3 s, with one mean and deviation "
        "over the training utterances.",
        "A 1-D ResNet-18: a convolution over 25 samples with stride 5, max pooling by 4, then four "
        "groups of two residual blocks, each with stride 2: 50 frames a second.",
        "The groups have 32, 64, 128 and 256 channels, half of ResNet-18 (width=0.5), so that a "
        "CPU can train it.",
        "Two GRU layers with 128 units (width=0.5), their mean over time, dropout, a linear layer.",
        "Adam at 1e-3, batches of 32, dropout 0.3, at most 9 epochs, patience 5.",
    ),
)


class Residual(nn.Module):
    """Two convolutions with batch norm, and the way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.second = nn.Conv1d(outputs, outputs, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm1d(outputs), nn.BatchNorm1d(outputs)])
        self.around = nn.Sequential()
        if stride != 1 or inputs != outputs:
            projection = nn.Conv1d(inputs, outputs, 1, stride, bias=False)
            self.around = nn.Sequential(projection, nn.BatchNorm1d(outputs))

    def forward(self, values: Tensor) -> Tensor:
        """Compute (n, outputs, frames / stride) of (n, inputs, frames)."""
        inner = self.norms[0](self.first(values)).relu()
        result: Tensor = (self.norms[1](self.second(inner)) + self.around(values)).relu()
        return result


class Network(nn.Module):
    """From standardised waves, (n, 1, 1, samples), to logits, (n, labels).

    Args:
        labels: how many classes.
        width: factor of channels and units.
        dropout: dropout before the last layer.
    """

    def __init__(self, labels: int, width: float, dropout: float) -> None:
        super().__init__()
        channels = [max(1, round(width * each)) for each in CHANNELS]
        layers: list[nn.Module] = [
            nn.Conv1d(1, channels[0], 5 * STEM, STEM, padding=2 * STEM, bias=False),
            nn.BatchNorm1d(channels[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool1d(POOL),
        ]
        inputs = channels[0]
        for outputs in channels:
            layers += [Residual(inputs, outputs, 2), Residual(outputs, outputs, 1)]
            inputs = outputs
        self.encoder = nn.Sequential(*layers)
        units = max(1, round(width * HIDDEN))
        self.recurrent = nn.GRU(inputs, units, num_layers=2, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(units, labels)

    def forward(self, waves: Tensor) -> Tensor:
        """Compute the logits."""
        frames = self.encoder(waves.squeeze(1))  # (n, channels, frames)
        states, _ = self.recurrent(frames.transpose(1, 2))
        logits: Tensor = self.output(self.dropout(states.mean(dim=1)))
        return logits


@dataclass
class AudioResnetGru(WindowModel):
    """A 1-D ResNet-18 on the wave and two GRU layers, after Shukla et al., without pretraining.

    The published encoder learned from video that is licensed by request, and its weights are not
    public: this model is only the supervised baseline of such papers. All sizes are ours;
    `describe` lists them.

    Attributes:
        labels: the classes, in the order of the scores.
        seed: the seed of the weights, the order of utterances, the windows and the dropout.
        epochs: the most epochs.
        lr: Adam's learning rate.
        batch: utterances per step.
        patience: epochs without a lower validation loss before training stops.
        dropout: dropout before the last layer.
        width: factor of channels and units; 1 is ResNet-18 with 256 units.
        max_seconds: the longest window, as in `alexnet-mel`: of a longer utterance, each epoch
            draws one window to learn from; its score is the mean over windows that cover it.
        normalise: "all" gives the training waves mean 0 and deviation 1; "none" leaves them.

    Raises:
        BadParameter: a value is out of range.
    """

    version: ClassVar[str] = "1"
    name: ClassVar[str] = "audio-resnet-gru"
    smallest: ClassVar[int] = SMALLEST

    _: dataclasses.KW_ONLY
    epochs: int = 9
    lr: float = 1e-3
    batch: int = 32
    dropout: float = 0.3
    width: float = 0.5
    max_seconds: float = 3.0
    normalise: Normalisation = "all"

    @property
    def longest(self) -> int:
        """Return how many samples a window has at most."""
        return int(self.max_seconds * RATE)

    def arrays(self, inputs: Sequence[Array]) -> Sequence[Array]:
        """Return waves, each (1, samples)."""
        return [wave[None] for wave in inputs]

    def blank(self) -> Network:
        """Return the network, on the device "meta"."""
        return Network(len(self.labels), self.width, self.dropout)

    def initialise(self, network: nn.Module, generator: torch.Generator) -> None:
        """Draw the weights."""
        assert isinstance(network, Network)
        kaiming(network, network.output, generator)

    def facts(self, network: nn.Module) -> Mapping[str, object]:
        """Return the number of parameters, and the fidelity."""
        return {**super().facts(network), **SYSTEM.facts()}
