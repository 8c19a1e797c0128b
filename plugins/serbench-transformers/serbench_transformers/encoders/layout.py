"""Utterances of different lengths in one tensor, and where each of them is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn


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
