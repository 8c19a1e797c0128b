"""Put the utterances of a batch into one tensor: packed end to end, or padded to one length."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

from serbench_torch.devices import moved
from serbench_transformers.encoders.attention_kernels import one_kernel


@dataclass(frozen=True)
class Layout(ABC):
    """The place of each utterance in a tensor; layers pass it to `attention` as their mask."""

    lengths: tuple[int, ...]  # of the utterances, in frames
    device: torch.device

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of frames in the tensor, padding included."""

    @abstractmethod
    def join(self, utterances: Sequence[Tensor]) -> Tensor:
        """Join utterances, each (frames, ...), into one tensor, (rows, time, ...)."""

    @abstractmethod
    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Undo `join`."""

    @abstractmethod
    def convolve(self, values: Tensor, gap: int, convolution: nn.Module) -> Tensor:
        """Convolve every utterance over time as if it stood alone between zeros.

        Args:
            values: (rows, time, width).
            gap: the number of zero frames between two utterances; at least the kernel's reach.
            convolution: maps (rows, time, width) to the same number of frames, as if zeros were at
                both ends.
        """

    @abstractmethod
    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, dropout: float, scale: float | None
    ) -> Tensor:
        """Attend within each utterance; all tensors are (rows, heads, time, width of a head)."""


class Packed(Layout):
    """Utterances end to end in one row, without padding."""

    @property
    def size(self) -> int:
        """See `Layout`."""
        return sum(self.lengths)

    def join(self, utterances: Sequence[Tensor]) -> Tensor:
        """See `Layout`."""
        return torch.cat(list(utterances))[None]

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """See `Layout`."""
        return values[0].split(self.lengths)

    def convolve(self, values: Tensor, gap: int, convolution: nn.Module) -> Tensor:
        """See `Layout`."""
        zeros = values.new_zeros(gap, values.shape[-1])
        parts = [part for utterance in self.split(values) for part in (utterance, zeros)][:-1]
        convolved: Tensor = convolution(torch.cat(parts)[None])[0]
        sizes = [size for length in self.lengths for size in (length, gap)][:-1]
        return self.join(convolved.split(sizes)[::2])

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, dropout: float, scale: float | None
    ) -> Tensor:
        """See `Layout`: on CUDA in one kernel, since one kernel per utterance takes longer."""
        kernel = one_kernel(query, dropout)
        if kernel is not None:
            q, k, v = (part[0].transpose(0, 1) for part in (query, key, value))
            return kernel(q, k, v, self._ends, self.lengths, dropout, scale).transpose(0, 1)[None]
        utterances = zip(
            *(part.split(self.lengths, dim=2) for part in (query, key, value)), strict=True
        )
        attended = [
            scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale)
            for q, k, v in utterances
        ]
        return torch.cat(attended, dim=2)

    @cached_property
    def _ends(self) -> Tensor:
        """A 0 and the end of each utterance: (utterances + 1,)."""
        ends = torch.tensor([0, *accumulate(self.lengths)], dtype=torch.int32)
        return moved(ends, self.device)


class Padded(Layout):
    """One row per utterance, padded to the longest; padding changes no output."""

    @property
    def size(self) -> int:
        """See `Layout`."""
        return len(self.lengths) * max(self.lengths)

    def join(self, utterances: Sequence[Tensor]) -> Tensor:
        """See `Layout`."""
        return pad_sequence(list(utterances), batch_first=True)

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """See `Layout`."""
        return tuple(row[:length] for row, length in zip(values, self.lengths, strict=True))

    def convolve(self, values: Tensor, gap: int, convolution: nn.Module) -> Tensor:
        """See `Layout`: every row ends in zeros anyway."""
        convolved: Tensor = convolution(torch.where(self.mask[..., None], values, 0))
        return convolved

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, dropout: float, scale: float | None
    ) -> Tensor:
        """See `Layout`."""
        mask = self.mask[:, None, None]
        return scaled_dot_product_attention(query, key, value, mask, dropout, scale=scale)

    @cached_property
    def mask(self) -> Tensor:
        """True for the frames of utterances, False for padding: (utterances, time)."""
        lengths = torch.tensor(self.lengths)[:, None]
        return moved(torch.arange(max(self.lengths)) < lengths, self.device)


@dataclass(frozen=True)
class Frames:
    """The frames of a batch of utterances in one tensor."""

    values: Tensor  # (rows, time, width)
    layout: Layout

    @classmethod
    def of(cls, utterances: Sequence[Tensor], layout: type[Layout] = Packed) -> "Frames":
        """Put utterances, each (frames, width), into one tensor."""
        lengths = tuple(len(utterance) for utterance in utterances)
        place = layout(lengths, utterances[0].device)
        return cls(place.join(utterances), place)

    def replaced(self, values: Tensor) -> "Frames":
        """Return the same utterances with other values, (rows, time, any width)."""
        return Frames(values, self.layout)

    def split(self) -> tuple[Tensor, ...]:
        """Return the frames of each utterance, (frames, width)."""
        return self.layout.split(self.values)

    def means(self) -> Tensor:
        """Return the mean over each utterance's frames: (utterances, width)."""
        return torch.stack([utterance.mean(dim=0) for utterance in self.split()])

    def convolve_alone(self, convolution: nn.Module) -> Tensor:
        """Convolve each utterance over time on its own: (rows, time, width)."""
        return self.layout.join([convolution(frames[None])[0] for frames in self.split()])
