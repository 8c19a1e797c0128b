"""The base class of all encoders: convolutions, then layers over the frames of a batch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from serbench_transformers.encoders.masking import Mask
from serbench_transformers.encoders.packing import Frames, Layout
from serbench_transformers.encoders.preprocessor import Preprocessor


class Encoder:
    """An encoder of `transformers` in which no utterance depends on others or on padding.

    An encoder has two parts: the *stem*, which is not trained, so that its output need not be
    computed again in every epoch, and the rest. `frozen` is the end of the stem: -1 trains
    everything, 0 all but the convolutions, k > 0 all but these and the first k layers.

    Attributes:
        model: the encoder of transformers, on any device.
        blocks: the layers of the encoder.
        preprocess: function from a wave to the input of the checkpoint.
        packs: whether it computes several utterances at once and can freeze some of the layers.
    """

    packs = True

    def __init__(self, model: Any, blocks: Sequence[nn.Module], preprocess: Preprocessor):
        self.model, self.blocks, self.preprocess = model, blocks, preprocess

    @property
    def hidden_size(self) -> int:
        """The width of a frame."""
        return int(self.model.config.hidden_size)

    @property
    def n_layers(self) -> int:
        """The number of layers above the convolutions."""
        return int(self.model.config.num_hidden_layers)

    @property
    def layerdrop(self) -> float:
        """The probability that training skips a layer."""
        return float(getattr(self.model.config, "layerdrop", 0.0))

    def convolve(self, prepared: Tensor) -> Tensor:
        """Compute the convolutions of one utterance: (frames, channels)."""
        raise NotImplementedError

    def project(self, frames: Frames) -> Frames:
        """Bring convolved frames to the width of the layers, before positions are added."""
        return frames

    def embed(self, frames: Frames, mask: Mask | None = None) -> Frames:
        """Turn convolved frames into the input of the first layer."""
        raise NotImplementedError

    def normalise(self, frames: Frames) -> Frames:
        """Turn the last layer's output into the encoder's output."""
        raise NotImplementedError

    def lower_modules(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Return the modules below the layers: the convolutions, and the modules after them."""
        raise NotImplementedError

    def freeze(self, frozen: int) -> list[nn.Module]:
        """Stop training the stem, and return its modules."""
        convolutions, between = self.lower_modules()
        stem = [] if frozen < 0 else convolutions
        if frozen > 0:
            stem = [*stem, *between, *self.blocks[:frozen]]
        for module in stem:
            module.requires_grad_(False)
        return stem

    def stems(self, prepared: Sequence[Tensor], frozen: int) -> list[Tensor]:
        """Compute the output of the stem for each utterance: (frames, width)."""
        if frozen < 0:
            return list(prepared)
        with torch.no_grad():
            convolved = [self.convolve(utterance) for utterance in prepared]
            if frozen == 0:
                return convolved
            frames = self._run(self.embed(Frames.of(convolved)), 0, frozen)
            return [stem.clone() for stem in frames.split()]  # so that keeping one frees the others

    def batch(self, stems: Sequence[Tensor], frozen: int, layout: type[Layout]) -> Frames:
        """Put the stems of a batch into one tensor."""
        return Frames.of([self.convolve(stem) for stem in stems] if frozen < 0 else stems, layout)

    def pool(self, frames: Frames, frozen: int, mask: Mask | None = None) -> Tensor:
        """Compute the mean of the output over each utterance: (utterances, hidden size)."""
        if frozen <= 0:
            frames = self.embed(frames, mask)
        elif mask is not None:
            frames = mask(frames)
        return self.normalise(self._run(frames, max(frozen, 0), self.n_layers)).means()

    def layer_means(self, prepared: Sequence[Tensor]) -> Tensor:
        """Compute the mean over time of every layer: (utterances, layers + 1, hidden size).

        The first is the input of the first layer, the last is the encoder's output.
        """
        frames = self.embed(Frames.of([self.convolve(utterance) for utterance in prepared]))
        means = [frames.means()]
        for layer in range(self.n_layers):
            frames = self._run(frames, layer, layer + 1)
            means.append(frames.means())
        means[-1] = self.normalise(frames).means()
        return torch.stack(means, dim=1)

    def layer_frames(self, prepared: Tensor) -> Tensor:
        """Compute the frames of every layer for one utterance: (layers + 1, frames, hidden size).

        The first is the output of the convolutions, projected to the width of the layers, before
        positions are added; the last is the encoder's output.
        """
        convolved = Frames.of([self.convolve(prepared)])
        layers = [self.project(convolved)]
        frames = self.embed(convolved)
        for layer in range(self.n_layers):
            frames = self._run(frames, layer, layer + 1)
            layers.append(frames)
        layers[-1] = self.normalise(frames)
        return torch.cat([each.values for each in layers])

    def _run(self, frames: Frames, first: int, last: int) -> Frames:
        """Compute the layers from `first` to before `last`."""
        for block in self.blocks[first:last]:
            # LayerDrop (Fan et al. 2019), as in transformers
            if not (block.training and self.layerdrop and torch.rand(()) < self.layerdrop):
                output = block(frames.values, attention_mask=frames.layout)
                frames = frames.replaced(first_of(output))
        return frames


def first_of(output: Any) -> Tensor:
    """Return the frames of a module's output, which may be a tuple that starts with the frames."""
    frames: Tensor = output[0] if isinstance(output, tuple) else output
    return frames
