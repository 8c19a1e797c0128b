"""AlexNet for spectrograms: five convolutions, three fully connected layers, all ReLU."""

from typing import Literal

import torch
from torch import Tensor, nn

from serbench_alexnet.dense import Dense

Initialisation = Literal["kaiming", "torch"]

# Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014)
CHANNELS = (64, 192, 384, 256, 256)
HIDDEN = 4096
POOLED = 6  # rows and columns that reach the first fully connected layer
SMALLEST = 63  # bands or frames: with fewer, the third pooling would have no input


class AlexNet(nn.Module):
    """From (utterances, 1, bands, frames) to logits, (utterances, labels).

    It has 57 million parameters with eight labels and `width` 1. Bands and frames must be at least
    `SMALLEST`. ReLU comes after pooling: the order does not matter, and its input is a quarter.

    Args:
        labels: how many classes.
        width: factor of channels and hidden units, for corpora too small for 57 million parameters.
        dropout: dropout before each of the first two fully connected layers.
    """

    def __init__(self, labels: int, *, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = (max(1, round(width * channels)) for channels in CHANNELS)
        hidden = max(1, round(width * HIDDEN))
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, c1, 11, stride=4, padding=2),
            *_pooled(),
            nn.Conv2d(c1, c2, 5, padding=2),
            *_pooled(),
            nn.Conv2d(c2, c3, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c3, c4, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c4, c5, 3, padding=1),
            *_pooled(),
        )
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(POOLED),
            nn.Flatten(),
            nn.Dropout(dropout),
            Dense(c5 * POOLED * POOLED, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            Dense(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, labels),
        )

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Compute the logits of (utterances, 1, bands, frames)."""
        logits: Tensor = self.classifier(self.convolutions(spectrograms))
        return logits


def _pooled() -> tuple[nn.Module, nn.Module]:
    return nn.MaxPool2d(3, stride=2), nn.ReLU(inplace=True)


def initialise(network: AlexNet, kind: Initialisation, generator: torch.Generator) -> None:
    """Initialise the weights, drawing from `generator` only.

    Args:
        network: a network whose weights have memory, but no values.
        kind: "kaiming" keeps the variance of activations from layer to layer (He et al. 2015),
            with biases 0; "torch" is the default of torch's layers.
        generator: a generator on the CPU, so that all devices start from the same weights.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        assert layer.bias is not None
        inputs = layer.weight[0].numel()
        if kind == "kaiming":
            gain = 1.0 if layer is layers[-1] else 2**0.5  # ReLU halves the mean square
            deviation = gain * inputs**-0.5
            nn.init.normal_(layer.weight, 0.0, deviation, generator=generator)
            nn.init.zeros_(layer.bias)
        else:
            bound = inputs**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
