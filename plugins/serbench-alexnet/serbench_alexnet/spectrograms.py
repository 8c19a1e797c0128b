"""Normalise spectrograms, and cut or pad them to the width of a network's input."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench import Array

Normalisation = Literal["bands", "all", "none"]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Spectrograms:
    """Spectrograms of utterances, joined end to end in one tensor.

    Windows are cut from it and padded for one batch at a time, so padding takes no memory.
    """

    frames: Tensor  # (all frames + 1, bands), float32; the last frame is the padding
    starts: Ints  # (utterances,), the first frame of each
    lengths: Ints  # (utterances,), in frames

    @classmethod
    def joined(cls, inputs: Sequence[Array], padding_db: float) -> "Spectrograms":
        """Join the spectrograms of utterances, each (bands, frames); padding is `padding_db`."""
        arrays = list(inputs)
        lengths = np.array([array.shape[1] for array in arrays], dtype=np.int64)
        ends = np.cumsum(lengths)
        frames = np.empty((int(ends[-1]) + 1, arrays[0].shape[0]), np.float32)
        for array, start, end in zip(arrays, ends - lengths, ends, strict=True):
            frames[start:end] = array.T
        frames[-1] = padding_db
        return cls(torch.from_numpy(frames), ends - lengths, lengths)

    def scaled(self, scale: "Scale", device: str) -> "Spectrograms":
        """Normalise the frames in place, and return them on `device`."""
        self.frames.sub_(scale.mean).div_(scale.deviation)
        return Spectrograms(self.frames.to(device), self.starts, self.lengths)

    def windows(self, utterances: Ints, offsets: Ints, width: int) -> Tensor:
        """Cut `width` frames from each utterance at its offset, padded: (n, 1, bands, width)."""
        places = offsets[:, None] + np.arange(width)  # (n, width)
        inside = places < self.lengths[utterances, None]
        rows = np.where(inside, self.starts[utterances, None] + places, len(self.frames) - 1)
        index = torch.from_numpy(rows).to(self.frames.device, non_blocking=True)
        cut = self.frames[index]  # (n, width, bands)
        return cut.transpose(1, 2).unsqueeze(1).contiguous()

    def random_offsets(self, utterances: Ints, width: int, random: np.random.Generator) -> Ints:
        """Draw an offset for a window of `width` frames in each utterance; 0 in shorter ones."""
        spare = np.maximum(self.lengths[utterances] - width, 0)
        return random.integers(0, spare, endpoint=True)

    def covering(self, width: int) -> tuple[Ints, Ints]:
        """Return utterances and offsets of the fewest windows that cover every frame."""
        pairs = [
            (utterance, offset)
            for utterance, length in enumerate(self.lengths)
            for offset in _offsets(int(length), width)
        ]
        utterances, offsets = np.array(pairs, dtype=np.int64).T
        return utterances, offsets


@dataclass(frozen=True)
class Scale:
    """The mean and deviation over the training utterances, to normalise decibels with."""

    mean: Tensor  # (bands,), in dB
    deviation: Tensor  # (bands,), in dB

    @classmethod
    def learned(cls, train: Spectrograms, width: int, kind: Normalisation) -> "Scale":
        """Compute mean and deviation over padded windows, as the network sees them.

        Without the padding, in a corpus whose noise stays far above the floor, padding would lie
        twenty deviations away. If `kind` is "none", they are 0 and 1.
        """
        frames, silence = train.frames[:-1], train.frames[-1]
        if kind == "none":
            return cls(torch.zeros_like(silence), torch.ones_like(silence))
        over = frames if kind == "bands" else frames.reshape(-1, 1)
        variance, mean = torch.var_mean(over, dim=0, correction=0)
        padding = int(np.maximum(width - train.lengths, 0).sum())
        share = padding / (padding + len(frames))
        gap = mean - silence  # (bands,), even with one mean for all bands
        deviation = ((1 - share) * (variance + share * gap.square())).sqrt()
        # a constant band becomes 0, without a division by 0
        return cls(mean - share * gap, torch.where(deviation < 1e-3, 1.0, deviation))


def _offsets(length: int, width: int) -> Iterator[int]:
    """Return offsets of evenly spaced windows, the first at the start and the last at the end."""
    count = max(1, math.ceil(length / width))
    step = (length - width) / max(1, count - 1)
    return (round(index * step) for index in range(count)) if count > 1 else iter((0,))
