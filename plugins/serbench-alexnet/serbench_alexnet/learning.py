"""Train AlexNet: batches of windows, cross-entropy, Adam."""

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
    """Prepared utterances and their labels."""

    spectrograms: Spectrograms  # normalised, on the device
    truth: npt.NDArray[np.int64]  # (utterances,), positions in the labels

    def batches(self, size: int, width: int, random: np.random.Generator) -> Iterator[Batch]:
        """Yield an epoch's batches: one window of `width` frames per utterance, in random order."""
        order = random.permutation(len(self.truth))
        offsets = self.spectrograms.random_offsets(order, width, random)
        for start in range(0, len(order), size):
            part = slice(start, start + size)
            windows = self.spectrograms.windows(order[part], offsets[part], width)
            truth = torch.from_numpy(self.truth[order[part]])
            yield windows, truth.to(windows.device, non_blocking=True)


def task(
    scorer: Scorer,
    train: Labelled,
    validation: Labelled,
    *,
    batch: int,
    lr: float,
    seed: int,
    precision: str,
) -> Task[Batch]:
    """Return the task of the training loop.

    `precision` applies to the forward pass of training; validation is in float32.
    """

    def batches(epoch: int) -> Iterator[Batch]:
        return train.batches(batch, scorer.frames, np.random.default_rng((seed, epoch)))

    def loss(batch: Batch) -> Tensor:
        windows, truth = batch
        return nn.functional.cross_entropy(scorer.logits(windows, precision), truth)

    def validate() -> Mapping[str, float]:
        return measured(scorer.probabilities(validation.spectrograms), validation.truth)

    optimizer = Adam(scorer.network.parameters(), lr)
    steps = -(-len(train.truth) // batch)
    return Task(scorer.network, optimizer, batches, loss, validate, split=split, steps=steps)


def split(batch: Batch, parts: int) -> list[tuple[Batch, float]]:
    """Split a batch into `parts` parts, each with its share of the utterances."""
    windows, truth = (each.chunk(parts) for each in batch)
    total = len(batch[1])
    return [((w, t), len(t) / total) for w, t in zip(windows, truth, strict=True)]
