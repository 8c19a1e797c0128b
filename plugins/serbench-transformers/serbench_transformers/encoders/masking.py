"""Spans of frames that training hides from the layers: SpecAugment along time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from serbench_torch.devices import moved
from serbench_transformers.encoders.layout import Laid

SPAN = 10  # frames: 0.2 s; wav2vec 2.0, section 4.1


@dataclass(frozen=True)
class Mask:
    """Hides spans of each utterance, drawn from torch's random numbers.

    Attributes:
        share: of the frames that are hidden, about: spans may overlap.
    """

    share: float

    def __call__(self, laid: Laid, instead: Tensor | None = None) -> Laid:
        """The utterances with spans replaced by `instead`, (width,), or by zeros."""
        spans = [self._spans(length) for length in laid.layout.lengths]
        hidden = moved(laid.layout.joined(spans), laid.frames.device)[..., None]
        if instead is None:
            instead = laid.frames.new_zeros(())
        return laid.having(torch.where(hidden, instead.to(laid.frames.dtype), laid.frames))

    def _spans(self, frames: int) -> Tensor:
        # what is left of a whole number of spans is the chance of one more
        count = int(self.share * frames / SPAN + torch.rand(()).item())
        starts = torch.randint(max(1, frames - SPAN + 1), (count, 1))
        hidden = torch.zeros(frames + SPAN, dtype=torch.bool)
        hidden[(starts + torch.arange(SPAN)).flatten()] = True
        return hidden[:frames]
