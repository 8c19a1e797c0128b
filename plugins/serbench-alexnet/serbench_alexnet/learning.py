"""What one step of AlexNet's training is: batches of windows, cross-entropy, Adam."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from serbench_alexnet.scoring import Scorer, measured
from serbench_alexnet.spectrograms import Spectrograms
from serbench_torch.adam import Adam
from serbench_torch.training import Task

Batch = tuple[Tensor, Tensor]
"""Windows, (utterances, 1, bands, frames), and their truth, (utterances,)."""


@dataclass(frozen=True)
class Labelled:
    """Prepared utterances and their labels.

    Attributes:
        spectrograms: normalised, on the device.
        truth: (utterances,), positions in the labels.
    """

    spectrograms: Spectrograms
    truth: npt.NDArray[np.int64]

    def batches(self, size: int, width: int, random: np.random.Generator) -> Iterator[Batch]:
        """One epoch: every utterance once, in random order, through a window of `width` frames."""
        order = random.permutation(len(self.truth))
        offsets = self.spectrograms.random_offsets(order, width, random)
        for start in range(0, len(order), size):
            part = slice(start, start + size)
            windows = self.spectrograms.windows(order[part], offsets[part], width)
            truth = torch.from_numpy(self.truth[order[part]])
            yield windows, truth.to(windows.device, non_blocking=True)


@dataclass(frozen=True)
class Steps:
    """How steps are taken.

    Attributes:
        batch: utterances in one.
        lr: Adam's constant learning rate.
        seed: of the order and the windows of every epoch.
        precision: of the forward pass that is learned from; what is scored is float32.
    """

    batch: int
    lr: float
    seed: int
    precision: str = "float32"


def task(scorer: Scorer, train: Labelled, validation: Labelled, steps: Steps) -> Task[Batch]:
    """What the training loop needs to know."""

    def batches(epoch: int) -> Iterator[Batch]:
        random = np.random.default_rng((steps.seed, epoch))
        return train.batches(steps.batch, scorer.frames, random)

    def loss(batch: Batch) -> Tensor:
        windows, truth = batch
        return nn.functional.cross_entropy(scorer.logits(windows, steps.precision), truth)

    def validate() -> Mapping[str, float]:
        return measured(scorer.probabilities(validation.spectrograms), validation.truth)

    optimizer = Adam(scorer.network.parameters(), steps.lr)
    return Task(scorer.network, optimizer, batches, loss, validate, split=split)


def split(batch: Batch, parts: int) -> list[tuple[Batch, float]]:
    """A batch in so many parts, each with its share of the utterances."""
    windows, truth = (each.chunk(parts) for each in batch)
    total = len(batch[1])
    return [((w, t), len(t) / total) for w, t in zip(windows, truth, strict=True)]
