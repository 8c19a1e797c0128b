"""The model `alexnet-mel`: the paper's M1, AlexNet trained from scratch on mel spectrograms."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from serbench_alexnet.network import SMALLEST, AlexNet, Initialisation, initialise
from serbench_alexnet.window_model import MelModel


@dataclass
class AlexNetMel(MelModel):
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
    name: ClassVar[str] = "alexnet-mel"
    smallest: ClassVar[int] = SMALLEST

    _: dataclasses.KW_ONLY
    initialisation: Initialisation = "kaiming"

    def blank(self) -> AlexNet:
        """Return AlexNet, on the device "meta"."""
        return AlexNet(len(self.labels), width=self.width, dropout=self.dropout)

    def initialise(self, network: nn.Module, generator: torch.Generator) -> None:
        """Draw the weights."""
        initialise(network, self.initialisation, generator)
