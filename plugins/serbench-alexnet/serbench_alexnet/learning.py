"""Train a network on spectrograms: batches of windows, Adam."""

from collections.abc import Callable, Iterator, Mapping
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
"""Windows, (utterances, 1, bands, frames), and their truth, (utterances,).

Augmentation may turn the truth into shares of labels, (utterances, labels).
"""

Augment = Callable[[Tensor, Tensor, np.random.Generator], Batch]
"""Changes windows and truth of a batch, with randomness from the generator only."""


@dataclass(frozen=True)
class Labelled:
    """Prepared utterances and their labels."""

    spectrograms: Spectrograms  # normalised, on the device
    truth: npt.NDArray[np.int64]  # (utterances,), positions in the labels
    augment: Augment | None = None  # of the batches

    def batches(self, size: int, width: int, random: np.random.Generator) -> Iterator[Batch]:
        """Yield an epoch's batches: one window of `width` frames per utterance, in random order."""
        order = random.permutation(len(self.truth))
        offsets = self.spectrograms.random_offsets(order, width, random)
        for start in range(0, len(order), size):
            part = slice(start, start + size)
            windows = self.spectrograms.windows(order[part], offsets[part], width)
            truth = torch.from_numpy(self.truth[order[part]])
            cut = windows, truth.to(windows.device, non_blocking=True)
            yield cut if self.augment is None else self.augment(*cut, random)


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

    `precision` applies to the forward pass of training; validation is in float32. Batch norm needs
    whole batches, so for networks that have it a batch is not split.
    """

    def batches(epoch: int) -> Iterator[Batch]:
        return train.batches(batch, scorer.frames, np.random.default_rng((seed, epoch)))

    def loss(batch: Batch) -> Tensor:
        windows, truth = batch
        return nn.functional.cross_entropy(scorer.logits(windows, precision), truth)

    def validate() -> Mapping[str, float]:
        return measured(scorer.probabilities(validation.spectrograms), validation.truth)

    optimizer = Adam((p for p in scorer.network.parameters() if p.requires_grad), lr)
    steps = -(-len(train.truth) // batch)
    whole = any(
        isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in scorer.network.modules()
    )
    parts = None if whole else split
    return Task(scorer.network, optimizer, batches, loss, validate, split=parts, steps=steps)


def split(batch: Batch, parts: int) -> list[tuple[Batch, float]]:
    """Split a batch into `parts` parts, each with its share of the utterances."""
    windows, truth = (each.chunk(parts) for each in batch)
    total = len(batch[1])
    return [((w, t), len(t) / total) for w, t in zip(windows, truth, strict=True)]
