"""SpecAugment: hide random stripes of the spectrograms that a network learns from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from serbench import BadParameter


@dataclass(frozen=True)
class SpecAugment:
    """Stripes of bands and of frames, drawn for each spectrogram by itself.

    After Park et al., *SpecAugment* (Interspeech 2019), without time warping: the width of a stripe
    is uniform from 0 to the widest, and so is its place. The default widths and the two stripes of
    each kind are those with which Kong et al. trained PANNs (2020).

    Attributes:
        bands: the widest stripe of bands; 0 hides none.
        frames: the widest stripe of frames; 0 hides none.
        stripes: how many stripes of each kind.
        value: what hidden places hold: 0 is the mean of normalised spectrograms.

    Raises:
        BadParameter: a number is negative.
    """

    bands: int = 8
    frames: int = 64
    stripes: int = 2
    value: float = 0.0

    def __post_init__(self) -> None:
        if min(self.bands, self.frames, self.stripes) < 0:
            raise BadParameter("bands, frames and stripes of SpecAugment must be at least 0")

    def __call__(self, spectrograms: Tensor, random: np.random.Generator) -> Tensor:
        """Return spectrograms with hidden stripes; the given ones stay as they are.

        Args:
            spectrograms: (utterances, ..., bands, frames).
            random: the only source of randomness. Seeded by `epoch_seed(seed, epoch)`, in
                `Task.batches`, it is the same after a resumed training run.
        """
        n_bands, n_frames = spectrograms.shape[-2:]
        count = len(spectrograms)
        bands = self._hidden(random, count, self.bands, n_bands)[:, :, None]
        frames = self._hidden(random, count, self.frames, n_frames)[:, None, :]
        hidden = torch.from_numpy(bands | frames)  # (utterances, bands, frames)
        between = [1] * (spectrograms.ndim - 3)
        hidden = hidden.reshape(count, *between, n_bands, n_frames)
        return spectrograms.masked_fill(hidden.to(spectrograms.device), self.value)

    def _hidden(
        self, random: np.random.Generator, count: int, widest: int, size: int
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Draw the hidden places of one axis, (count, size)."""
        widths = random.integers(0, min(widest, size), (count, self.stripes, 1), endpoint=True)
        starts = random.integers(0, size - widths, endpoint=True)
        places = np.arange(size)
        hidden: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
        hidden = ((starts <= places) & (places < starts + widths)).any(axis=1)
        return hidden
