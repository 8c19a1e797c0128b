"""Utterances in one tensor: end to end, or beside one another with padding that nobody sees."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

from serbench_torch.devices import moved
from serbench_transformers.attending import one_kernel


@dataclass(frozen=True)
class Layout(ABC):
    """Where in a tensor each utterance is; the layers of transformers pass it on to attention.

    Attributes:
        lengths: how many frames each utterance has.
        device: where they are.
    """

    lengths: tuple[int, ...]
    device: torch.device

    @classmethod
    def of(cls, utterances: Sequence[Tensor]) -> Self:
        """The layout of utterances, each (frames, ...)."""
        return cls(tuple(len(each) for each in utterances), utterances[0].device)

    @classmethod
    def lay(cls, utterances: Sequence[Tensor]) -> "Laid":
        """Put utterances, each (frames, width), into one tensor."""
        layout = cls.of(utterances)
        return Laid(layout.joined(utterances), layout)

    @property
    @abstractmethod
    def computed(self) -> int:
        """How many frames the tensor has, padding included."""

    @abstractmethod
    def joined(self, utterances: Sequence[Tensor]) -> Tensor:
        """One tensor, (rows, time, ...), of utterances, each (frames, ...)."""

    @abstractmethod
    def split(self, frames: Tensor) -> tuple[Tensor, ...]:
        """What `joined` was made of."""

    @abstractmethod
    def spaced(self, frames: Tensor, gap: int, convolution: nn.Module) -> Tensor:
        """A convolution over time of every utterance as if it stood alone between zeros.

        Args:
            frames: (rows, time, width).
            gap: zero frames between two of them: at least as many as the kernel reaches.
            convolution: from (rows, time, width) to as many frames, with zeros assumed at both
                ends.
        """

    @abstractmethod
    def attended(
        self, query: Tensor, key: Tensor, value: Tensor, dropout: float, scale: float | None
    ) -> Tensor:
        """Attention within each utterance, all (rows, heads, time, width of a head)."""


@dataclass(frozen=True)
class Laid:
    """Utterances in one tensor.

    Attributes:
        frames: (rows, time, width).
        layout: where each utterance is.
    """

    frames: Tensor
    layout: Layout

    def having(self, frames: Tensor) -> "Laid":
        """The same utterances with other numbers, (rows, time, any width)."""
        return Laid(frames, self.layout)

    def split(self) -> tuple[Tensor, ...]:
        """Each utterance's frames, (frames, width)."""
        return self.layout.split(self.frames)

    def means(self) -> Tensor:
        """The mean over each utterance's frames: (utterances, width)."""
        return torch.stack([each.mean(dim=0) for each in self.split()])

    def one_by_one(self, convolution: nn.Module) -> Tensor:
        """A convolution over time of each utterance alone: (rows, time, width)."""
        return self.layout.joined([convolution(each[None])[0] for each in self.split()])


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
