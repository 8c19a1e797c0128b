"""Utterances in one tensor: end to end, or beside one another with padding that nobody sees."""

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

from serbench_torch.devices import moved
from serbench_transformers.encoders.attention import one_kernel
from serbench_transformers.encoders.layout import Layout


class Packed(Layout):
    """End to end in one row: nothing is computed that is no utterance's."""

    @property
    def computed(self) -> int:
        """See `Layout`."""
        return sum(self.lengths)

    def joined(self, utterances: Sequence[Tensor]) -> Tensor:
        """See `Layout`."""
        return torch.cat(list(utterances))[None]

    def split(self, frames: Tensor) -> tuple[Tensor, ...]:
        """See `Layout`."""
        return frames[0].split(self.lengths)

    def spaced(self, frames: Tensor, gap: int, convolution: nn.Module) -> Tensor:
        """See `Layout`."""
        zeros = frames.new_zeros(gap, frames.shape[-1])
        parts = [part for each in self.split(frames) for part in (each, zeros)][:-1]
        convolved: Tensor = convolution(torch.cat(parts)[None])[0]
        sizes = [size for length in self.lengths for size in (length, gap)][:-1]
        return self.joined(convolved.split(sizes)[::2])

    def attended(
        self, query: Tensor, key: Tensor, value: Tensor, dropout: float, scale: float | None
    ) -> Tensor:
        """See `Layout`: on CUDA one kernel for all, where launching them takes the time."""
        together = one_kernel(query, dropout)
        if together is not None:
            q, k, v = (each[0].transpose(0, 1) for each in (query, key, value))
            attended = together(q, k, v, self._ends, self.lengths, dropout, scale)
            return attended.transpose(0, 1)[None]
        utterances = zip(
            *(each.split(self.lengths, dim=2) for each in (query, key, value)), strict=True
        )
        alone = [
            scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale)
            for q, k, v in utterances
        ]
        return torch.cat(alone, dim=2)

    @cached_property
    def _ends(self) -> Tensor:
        """Where each utterance ends, after a 0: (utterances + 1,)."""
        ends = torch.tensor([0, *accumulate(self.lengths)], dtype=torch.int32)
        return moved(ends, self.device)


class Padded(Layout):
    """A row an utterance, as long as the longest: what is added is kept out of every number."""

    @property
    def computed(self) -> int:
        """See `Layout`."""
        return len(self.lengths) * max(self.lengths)

    def joined(self, utterances: Sequence[Tensor]) -> Tensor:
        """See `Layout`."""
        return pad_sequence(list(utterances), batch_first=True)

    def split(self, frames: Tensor) -> tuple[Tensor, ...]:
        """See `Layout`."""
        return tuple(row[:length] for row, length in zip(frames, self.lengths, strict=True))

    def spaced(self, frames: Tensor, gap: int, convolution: nn.Module) -> Tensor:
        """See `Layout`: every row ends in zeros anyway."""
        convolved: Tensor = convolution(torch.where(self.real[..., None], frames, 0))
        return convolved

    def attended(
        self, query: Tensor, key: Tensor, value: Tensor, dropout: float, scale: float | None
    ) -> Tensor:
        """See `Layout`."""
        seen = self.real[:, None, None]
        return scaled_dot_product_attention(
            query, key, value, attn_mask=seen, dropout_p=dropout, scale=scale
        )

    @cached_property
    def real(self) -> Tensor:
        """Which frames are an utterance's: (utterances, time)."""
        lengths = torch.tensor(self.lengths)[:, None]
        return moved(torch.arange(max(self.lengths)) < lengths, self.device)
