"""Hide spans of frames from the layers in training: SpecAugment along time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from serbench_torch.devices import moved
from serbench_transformers.encoders.packing import Frames

SPAN = 10  # frames: 0.2 s; wav2vec 2.0, section 4.1


@dataclass(frozen=True)
class Mask:
    """Hides spans of each utterance, drawn from torch's random numbers."""

    share: float  # share of the frames to hide; approximate, since spans may overlap

    def __call__(self, frames: Frames, instead: Tensor | None = None) -> Frames:
        """Replace spans of the utterances by `instead`, (width,), or by zeros."""
        spans = [self._spans(length) for length in frames.layout.lengths]
        hidden = moved(frames.layout.join(spans), frames.values.device)[..., None]
        if instead is None:
            instead = frames.values.new_zeros(())
        return frames.replaced(torch.where(hidden, instead.to(frames.values.dtype), frames.values))

    def _spans(self, length: int) -> Tensor:
        # the fractional part of the number of spans is the probability of one more span
        count = int(self.share * length / SPAN + torch.rand(()).item())
        starts = torch.randint(max(1, length - SPAN + 1), (count, 1))
        hidden = torch.zeros(length + SPAN, dtype=torch.bool)
        hidden[(starts + torch.arange(SPAN)).flatten()] = True
        return hidden[:length]
