"""The model `qcnn`, *from the abstract*: a quaternion CNN on coloured mel spectrograms."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from serbench_alexnet.spectrograms import Normalisation
from serbench_alexnet.window_model import MelModel
from serbench_rivals.fidelity import System
from serbench_rivals.quaternions import QuaternionConv2d, QuaternionLinear, initialise
from serbench_rivals.starting_weights import kaiming

Algebra = Literal["quaternion", "real"]

COLOURS = 256
LIMIT = 3.0
"""Standardised values beyond ±LIMIT get the first and the last colour."""

BLOCKS = 4
FILTERS = 8  # quaternions in the first block at width 1; each block has twice those before it
POOLED = 4  # rows and columns that reach the hidden layer
SMALLEST = 2**BLOCKS

SYSTEM = System(
    model="qcnn",
    title="QCNN",
    source="Muppidi and Radfar, ICASSP 2021, arXiv 2111.00404; no public code",
    reported="accuracy: IEMOCAP 70.46, RAVDESS 77.87",
    fidelity="from the abstract",
    weights="none: trained from random weights",
    choices=(
        "The input is the mel spectrogram with 64 bands, n_fft 512 and hop 256 at 16 kHz, in dB, "
        "standardised in every band, in windows of at most 3 s.",
        "Values from -3 to 3 get one of 256 colours, from a table by formula.",
        "The network has four blocks of a 3x3 convolution, batch norm, ReLU and 2x2 max pooling, "
        "with 8, 16, 32 and 64 quaternions, then a pooling to 4x4 and 32 hidden quaternions; only "
        "the last layer is real.",
        "Batch norm and ReLU act on every part of a quaternion by itself.",
        "Weights have a chi-distributed modulus, a random unit axis and He's scale.",
        "Adam at 1e-3, batches of 32, dropout 0.3, at most 14 epochs, patience 5.",
        "The control algebra=real has the same layers on the three colours, with the width at "
        "which its number of free parameters is nearest.",
    ),
)


def table() -> Tensor:
    """Return the colours, (COLOURS, 3): red, green and blue in [0, 1], from blue to yellow.

    Ours, by formula: with t from 0 to 1, red is t, green is t², and blue is 4 t (1 - t) / 3 + 2/3
    (1 - t): brightness rises all the way, so that no two values look the same.
    """
    t = torch.linspace(0, 1, COLOURS)
    return torch.stack([t, t**2, (4 * t + 2) * (1 - t) / 3], dim=1)


def coloured(values: Tensor, colours: Tensor) -> Tensor:
    """Return the picture of standardised values: (n, 1, rows, columns) to (n, 3, rows, columns)."""
    scaled = (values + LIMIT) * ((COLOURS - 1) / (2 * LIMIT))
    places = scaled.round().clamp(0, COLOURS - 1).long().squeeze(1)
    return colours[places].permute(0, 3, 1, 2)


class Network(nn.Module):
    """From standardised mel spectrograms, (n, 1, bands, frames), to logits, (n, labels).

    Args:
        labels: how many classes.
        algebra: whether the numbers in the network are quaternions.
        first: filters of the first block, in numbers of the algebra.
        dropout: dropout before the last layer.
    """

    colours: Tensor

    def __init__(self, labels: int, algebra: Algebra, first: int, dropout: float) -> None:
        super().__init__()
        self.algebra = algebra
        parts, convolution, linear = (
            (4, QuaternionConv2d, QuaternionLinear)
            if algebra == "quaternion"
            else (1, _convolution, nn.Linear)
        )
        self.register_buffer("colours", torch.empty_like(table()))
        blocks: list[nn.Module] = []
        inputs = 1 if algebra == "quaternion" else 3
        for outputs in (first * 2**block for block in range(BLOCKS)):
            blocks += [convolution(inputs, outputs, 3), nn.BatchNorm2d(parts * outputs)]
            blocks += [nn.ReLU(inplace=True), nn.MaxPool2d(2)]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        hidden = 4 * first
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(POOLED),
            nn.Flatten(),
            linear(inputs * POOLED**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(parts * hidden, labels),
        )

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Compute the logits."""
        values = coloured(spectrograms, self.colours)
        if self.algebra == "quaternion":  # the real part is 0
            values = nn.functional.pad(values, (0, 0, 0, 0, 1, 0))
        logits: Tensor = self.head(self.blocks(values))
        return logits


def _convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def free_parameters(labels: int, algebra: Algebra, first: int) -> int:
    """Return the number of weights that training may choose by themselves."""
    with torch.device("meta"):
        network = Network(labels, algebra, first, 0.0)
    return sum(weights.numel() for weights in network.parameters())


def real_width(labels: int, quaternions: int) -> int:
    """Return the filters with which a real network is nearest to a quaternion one in size."""
    wanted = free_parameters(labels, "quaternion", quaternions)
    return min(
        range(quaternions, 4 * quaternions + 1),
        key=lambda first: abs(free_parameters(labels, "real", first) - wanted),
    )


@dataclass
class Qcnn(MelModel):
    """A quaternion CNN on coloured mel spectrograms, after Muppidi and Radfar (ICASSP 2021).

    From the abstract: the mel spectrogram becomes an RGB picture, red, green and blue are the
    imaginary parts of a quaternion with real part 0, and convolutions act by the Hamilton product,
    which needs a quarter of the weights of a real layer with as many channels. All sizes are ours;
    `describe` lists them. The three colours are functions of one number, so they tell no more than
    the spectrogram does: `algebra=real` is the control with as many free parameters.

    Attributes:
        labels: the classes, in the order of the scores.
        seed: the seed of the weights, the order of utterances, the windows and the dropout.
        algebra: "quaternion", or "real" for the control.
        epochs: the most epochs.
        lr: Adam's learning rate.
        batch: utterances per step.
        patience: epochs without a lower validation loss before training stops.
        dropout: dropout before the last layer.
        width: factor of the numbers of quaternions.
        max_seconds: the longest window, as in `alexnet-mel`: of a longer utterance, each epoch
            draws one window to learn from; its score is the mean over windows that cover it.
        normalise: what is standardised over the training utterances before it gets a colour:
            "bands" is every mel band, "all" is all of them together; "none" leaves decibels.
        n_mels: the feature's number of mel bands.
        hop: the feature's samples from frame to frame.
        floor_db: the feature's value for silence, which is also the padding.

    Raises:
        BadParameter: a value is out of range.
    """

    version: ClassVar[str] = "1"
    name: ClassVar[str] = "qcnn"
    smallest: ClassVar[int] = SMALLEST

    _: dataclasses.KW_ONLY
    epochs: int = 14
    lr: float = 1e-3
    batch: int = 32
    dropout: float = 0.3
    max_seconds: float = 3.0
    normalise: Normalisation = "bands"
    algebra: Algebra = "quaternion"

    @property
    def quaternions(self) -> int:
        """Quaternions of the first block; the control's size comes from them."""
        return max(1, round(self.width * FILTERS))

    def blank(self) -> Network:
        """Return the network, on the device "meta"."""
        labels, first = len(self.labels), self.quaternions
        first = first if self.algebra == "quaternion" else real_width(labels, first)
        return Network(labels, self.algebra, first, self.dropout)

    def initialise(self, network: nn.Module, generator: torch.Generator) -> None:
        """Draw the weights, and set the table of colours."""
        assert isinstance(network, Network)
        network.colours.copy_(table())
        kaiming(network, network.head[-1], generator)
        for layer in network.modules():
            if isinstance(layer, QuaternionConv2d | QuaternionLinear):
                initialise(layer.parts, generator)
                nn.init.zeros_(layer.bias)

    def facts(self, network: nn.Module) -> Mapping[str, object]:
        """Return the fidelity, and the free parameters of this network and of the other algebra."""
        labels, first = len(self.labels), self.quaternions
        counts: dict[str, object] = {
            "quaternion_parameters": free_parameters(labels, "quaternion", first),
            "real_parameters": free_parameters(labels, "real", real_width(labels, first)),
        }
        return {**super().facts(network), **counts, **SYSTEM.facts()}
