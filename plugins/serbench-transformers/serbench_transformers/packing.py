"""Utterances laid end to end: with no padding between them none can touch another's numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ATTENTION = "serbench_packed"
"""The name under which transformers knows `attention`."""


@dataclass(frozen=True)
class Packed:
    """Frames of several utterances, end to end.

    Attributes:
        frames: (1, frames of all, width).
        lengths: how many frames each utterance has.
    """

    frames: Tensor
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, utterances: Sequence[Tensor]) -> "Packed":
        """Pack utterances, each (frames, width)."""
        return cls(torch.cat(list(utterances))[None], tuple(len(each) for each in utterances))

    def having(self, frames: Tensor) -> "Packed":
        """The same utterances with other numbers, (1, frames of all, any width)."""
        return Packed(frames, self.lengths)

    def split(self) -> tuple[Tensor, ...]:
        """Each utterance's frames, (frames, width)."""
        return self.frames[0].split(self.lengths)

    def means(self) -> Tensor:
        """The mean over each utterance's frames: (utterances, width)."""
        return torch.stack([each.mean(dim=0) for each in self.split()])


def spaced(packed: Packed, gap: int, convolution: nn.Module) -> Tensor:
    """A convolution over time of every utterance as if it stood alone between zeros.

    Args:
        packed: the utterances.
        gap: zero frames between two of them: at least as many as the kernel reaches.
        convolution: from (1, time, width) to as many frames, with zeros assumed at both ends.

    Returns:
        (1, frames of all, width).
    """
    zeros = packed.frames.new_zeros(gap, packed.frames.shape[-1])
    parts = [part for each in packed.split() for part in (each, zeros)][:-1]
    convolved: Tensor = convolution(torch.cat(parts)[None])[0]
    sizes = [size for length in packed.lengths for size in (length, gap)][:-1]
    return torch.cat(convolved.split(sizes)[::2])[None]


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: tuple[int, ...],
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attention within each utterance; called by the layers of transformers.

    Args:
        module: the layer that calls.
        query: (1, heads, frames of all, width of a head), and so are key and value.
        key: see query.
        value: see query.
        attention_mask: the lengths of the utterances: layers pass on what they are given.
        dropout: of the attention weights.
        scaling: of the products; None is one over the root of the width.

    Returns:
        (1, frames of all, heads, width of a head), and no weights.
    """
    utterances = zip(
        *(each.split(attention_mask, dim=2) for each in (query, key, value)), strict=True
    )
    attended = [
        nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        for q, k, v in utterances
    ]
    return torch.cat(attended, dim=2).transpose(1, 2), None
