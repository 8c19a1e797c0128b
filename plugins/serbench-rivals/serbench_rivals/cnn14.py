"""The model `cnn14`, *faithful* with pretrained weights: the network CNN14 of PANNs."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from serbench import BadParameter
from serbench_alexnet.learning import Augment, Batch
from serbench_alexnet.spectrograms import Scale, Spectrograms
from serbench_alexnet.window_model import MelModel
from serbench_rivals import weight_file
from serbench_rivals.fidelity import System
from serbench_rivals.starting_weights import kaiming
from serbench_torch.mixup import Mixup
from serbench_torch.spec_augment import SpecAugment

CHANNELS = (64, 128, 256, 512, 1024, 2048)  # of the six blocks
SMALLEST = 2 ** (len(CHANNELS) - 1)  # bands and frames that five poolings need
DENSE_DROPOUT = 0.5  # before and after the dense layer
NEW = "output"  # the layer without pretrained weights

SYSTEM = System(
    model="cnn14",
    title="CNN-14",
    source="Luna-Jiménez et al., Sensors 2021, 21(22):7665; network and transfer recipe of PANNs: "
    "qiuqiangkong/audioset_tagging_cnn and panns_transfer_to_gtzan",
    reported="accuracy: RAVDESS 76.58",
    fidelity="faithful",
    weights="random, or PANNs' Cnn14_16k as a file with its digest",
    choices=(
        "Without pretrained weights it is no rival of the published number, which comes from "
        "weights trained on AudioSet.",
        "The input is PANNs' at 16 kHz: 64 bands from 50 to 8000 Hz, n_fft 512, hop 160, power, "
        "floor -100 dB; but edges are padded with zeros, not reflected.",
        "Windows have at most 3 s.",
        "Epochs and stopping are not published: at most 7 epochs, patience 5, the epoch with the "
        "lowest validation loss.",
        "With random weights the channels are a quarter of CNN14's (width=0.25) and the learning "
        "rate is 1e-3; Adam at 1e-4 is the recipe for pretrained weights.",
        "Random weights have He's scale. Dropout before and after the dense layer is 0.5.",
        "Mixup (alpha 1) and SpecAugment (two stripes of up to 64 frames and 8 bands) act on "
        "standardised spectrograms.",
        "With tune=head only the last layer is trained, on the network in evaluation mode.",
    ),
)


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)

    def forward(self, values: Tensor) -> Tensor:
        """Compute (n, outputs, frames, bands) of (n, inputs, frames, bands)."""
        values = self.bn1(self.conv1(values)).relu()
        values = self.bn2(self.conv2(values)).relu()
        return values


class Network(nn.Module):
    """From log-mel spectrograms, (n, 1, bands, frames), to logits, (n, labels).

    Its layers but the last are named as in PANNs' code (Kong et al. 2020), so that PANNs' weights
    fit. It has 79.7 million parameters with eight labels and `width` 1.

    Args:
        labels: how many classes.
        bands: mel bands.
        width: factor of the channels.
        dropout: dropout after every block.
        frozen: whether only the last layer is trained, and all others stay in evaluation mode.
    """

    def __init__(
        self, labels: int, bands: int, width: float, dropout: float, frozen: bool = False
    ) -> None:
        super().__init__()
        self.dropout, self.frozen = dropout, frozen
        channels = [1, *(max(1, round(width * each)) for each in CHANNELS)]
        self.bn0 = nn.BatchNorm2d(bands)
        for number, pair in enumerate(pairwise(channels), start=1):
            self.add_module(f"conv_block{number}", Block(*pair))
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.output = nn.Linear(channels[-1], labels)
        for name, weights in self.named_parameters():
            weights.requires_grad_(not frozen or name.startswith(f"{NEW}."))

    def train(self, mode: bool = True) -> Self:
        """Change to training mode, if anything but the last layer is trained."""
        return super().train(mode and not self.frozen)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Compute the logits."""
        # batch norm takes bands as channels; convolutions take (n, 1, frames, bands)
        values = self.bn0(spectrograms.transpose(1, 2)).permute(0, 2, 3, 1)
        for number in range(1, len(CHANNELS) + 1):
            values = self.get_submodule(f"conv_block{number}")(values)
            if number < len(CHANNELS):
                values = nn.functional.avg_pool2d(values, 2)
            values = nn.functional.dropout(values, self.dropout, self.training)
        over_time = values.mean(dim=3)  # (n, channels, frames)
        pooled = over_time.amax(dim=2) + over_time.mean(dim=2)
        pooled = nn.functional.dropout(pooled, DENSE_DROPOUT, self.training)
        embedding = nn.functional.dropout(self.fc1(pooled).relu(), DENSE_DROPOUT, self.training)
        logits: Tensor = self.output(embedding)
        return logits


@dataclass
class Cnn14(MelModel):
    """CNN14 of PANNs on log-mel spectrograms, as Luna-Jiménez et al. (Sensors 2021) use it.

    Network and transfer recipe follow PANNs' code: Adam, batches of 32, mixup and SpecAugment.
    Pretrained weights are a file that you have, such as PANNs' `Cnn14_16k_mAP=0.438.pth`, with its
    digest: `--param weights=pretrained --param width=1 --param lr=1e-4 --param weights_file=PATH
    --param sha256=DIGEST`. Nothing in it but tensors is read. Without it, a network of a quarter of
    the width learns from random weights, which is a baseline and no rival of the published number.

    Attributes:
        labels: the classes, in the order of the scores.
        seed: the seed of the weights, the order of utterances, the windows, the dropout and the
            augmentation.
        weights: "random" or "pretrained".
        weights_file: the file of the pretrained weights; results have its name, never its path.
        sha256: the digest of that file.
        tune: "all" trains all layers, "head" only the last one.
        mixup: alpha of mixup; 0 is none.
        stripes: stripes of SpecAugment over frames, and as many over bands; 0 is none.
        epochs: the most epochs.
        lr: Adam's learning rate.
        batch: utterances per step.
        patience: epochs without a lower validation loss before training stops.
        dropout: dropout after every block of convolutions.
        width: factor of the channels; 1 is CNN14, which pretrained weights need.
        max_seconds: the longest window, as in `alexnet-mel`: of a longer utterance, each epoch
            draws one window to learn from; its score is the mean over windows that cover it.
        normalise: see `alexnet-mel`; pretrained weights bring their own, and ignore it.
        n_mels: the feature's number of mel bands; pretrained weights need 64.
        hop: the feature's samples from frame to frame.
        floor_db: the feature's value for silence, which is also the padding.

    Raises:
        BadParameter: a value is out of range, or belongs to pretrained weights only.
    """

    version: ClassVar[str] = "1"
    name: ClassVar[str] = "cnn14"
    smallest: ClassVar[int] = SMALLEST

    _: dataclasses.KW_ONLY
    epochs: int = 7
    lr: float = 1e-3
    batch: int = 32
    dropout: float = 0.2
    width: float = 0.25
    max_seconds: float = 3.0
    weights: Literal["random", "pretrained"] = "random"
    tune: Literal["all", "head"] = "all"
    weights_file: str = ""
    sha256: str = ""
    mixup: float = 1.0
    stripes: int = 2

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """Replace the path of the pretrained weights by their name; check their digest."""
        if params["weights"] == "random":
            return params
        file = weight_file.resolved(str(params["weights_file"]), str(params["sha256"]))
        return {**params, "weights_file": file}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mixup < 0 or self.stripes < 0:
            raise BadParameter("mixup and stripes of cnn14 must be at least 0")
        if self.weights == "random" and (self.weights_file or self.sha256):
            raise BadParameter(
                "weights_file and sha256 of cnn14 belong to weights=pretrained: add --param "
                "weights=pretrained, or leave them out"
            )
        if self.weights == "pretrained" and self.width != 1:
            raise BadParameter("pretrained weights of cnn14 have all channels: add --param width=1")

    def blank(self) -> Network:
        """Return the network, on the device "meta"."""
        labels, frozen = len(self.labels), self.tune == "head"
        return Network(labels, self.n_mels, self.width, self.dropout, frozen)

    def initialise(self, network: nn.Module, generator: torch.Generator) -> None:
        """Draw the weights, and read the pretrained ones."""
        assert isinstance(network, Network)
        kaiming(network, network.output, generator)
        if self.weights == "pretrained":
            weight_file.fill(network, weight_file.read(self.sha256), NEW)

    def scale(self, network: nn.Module, learned: Spectrograms, width: int) -> Scale:
        """Return the scale of the input.

        Pretrained weights bring it along in the first batch norm, from which it moves into the
        scale: the outputs stay the same, and 0 becomes the mean, which SpecAugment needs.
        """
        if self.weights == "random":
            return super().scale(network, learned, width)
        assert isinstance(network, Network)
        norm = network.bn0
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = Scale(norm.running_mean.clone(), (norm.running_var + norm.eps).sqrt())
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        return scale

    @property
    def augment(self) -> Augment | None:
        """Return mixup and SpecAugment."""
        hide, mix = SpecAugment(stripes=self.stripes), Mixup(self.mixup) if self.mixup else None
        labels = len(self.labels)

        def augment(windows: Tensor, truth: Tensor, random: np.random.Generator) -> Batch:
            shares = nn.functional.one_hot(truth, labels).float()
            windows = hide(windows, random)
            return (windows, shares) if mix is None else mix(windows, shares, random)

        return augment

    def facts(self, network: nn.Module) -> Mapping[str, object]:
        """Return sizes, the weights that training started from, and the fidelity."""
        pretrained = self.weights == "pretrained"
        trained = sum(each.numel() for each in network.parameters() if each.requires_grad)
        started: dict[str, object] = {"trained_parameters": trained, "pretrained": pretrained}
        if pretrained:
            started |= {"checkpoint": self.weights_file, "revision": f"sha256:{self.sha256}"}
        return {**super().facts(network), **started, **SYSTEM.facts()}
