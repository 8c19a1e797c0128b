"""What all encoders have in common: convolutions, then layers over the frames of a batch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from serbench_transformers.encoders.layout import Laid, Layout
from serbench_transformers.encoders.masking import Mask
from serbench_transformers.encoders.packing import Packed
from serbench_transformers.encoders.reader import Reader


class Encoder:
    """An encoder of `transformers`, computed so that no utterance sees another, or padding.

    An utterance goes through two parts: its *stem*, which is not trained and so need not be
    computed again in every epoch, and all the rest. `frozen` says where the first ends: -1 trains
    everything, 0 all but the convolutions, k > 0 all but these and the first k layers.

    Attributes:
        model: the encoder as transformers has it, on whatever device.
        blocks: its layers.
        prepared: from a wave to what the checkpoint takes.
        packs: computes several utterances at once, and can freeze some of the layers.
    """

    packs = True

    def __init__(self, model: Any, blocks: Sequence[nn.Module], read: Reader):
        self.model, self.blocks, self.prepared = model, blocks, read

    @property
    def hidden_size(self) -> int:
        """The width of a frame."""
        return int(self.model.config.hidden_size)

    @property
    def n_layers(self) -> int:
        """How many layers there are above the convolutions."""
        return int(self.model.config.num_hidden_layers)

    @property
    def layerdrop(self) -> float:
        """How often training skips a layer."""
        return float(getattr(self.model.config, "layerdrop", 0.0))

    def convolved(self, prepared: Tensor) -> Tensor:
        """One utterance through the convolutions: (frames, channels)."""
        raise NotImplementedError

    def entered(self, laid: Laid, mask: Mask | None = None) -> Laid:
        """What enters the first layer, of what `convolved` made."""
        raise NotImplementedError

    def left(self, laid: Laid) -> Laid:
        """The encoder's output, of what the last layer made."""
        raise NotImplementedError

    def below(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """What is below the layers: the convolutions, and what is between."""
        raise NotImplementedError

    def freeze(self, frozen: int) -> list[nn.Module]:
        """Stop training the stem; returns what it consists of."""
        convolutions, between = self.below()
        stem = [] if frozen < 0 else convolutions
        if frozen > 0:
            stem = [*stem, *between, *self.blocks[:frozen]]
        for module in stem:
            module.requires_grad_(False)
        return stem

    def stems(self, prepared: Sequence[Tensor], frozen: int) -> list[Tensor]:
        """What of utterances stays the same while the rest is trained: each (frames, width)."""
        if frozen < 0:
            return list(prepared)
        with torch.no_grad():
            convolved = [self.convolved(each) for each in prepared]
            if frozen == 0:
                return convolved
            laid = self._above(self.entered(Packed.lay(convolved)), 0, frozen)
            return [each.clone() for each in laid.split()]  # so that one alone may be kept

    def laid(self, stems: Sequence[Tensor], frozen: int, layout: type[Layout]) -> Laid:
        """The stems of a batch in one tensor."""
        return layout.lay([self.convolved(each) for each in stems] if frozen < 0 else stems)

    def pooled(self, laid: Laid, frozen: int, mask: Mask | None = None) -> Tensor:
        """The mean of the output over each utterance's frames: (utterances, hidden size).

        Args:
            laid: what `laid` made.
            frozen: where the stem ended.
            mask: what training hides, where it does.
        """
        if frozen <= 0:
            laid = self.entered(laid, mask)
        elif mask is not None:
            laid = mask(laid)
        return self.left(self._above(laid, max(frozen, 0), self.n_layers)).means()

    def layers(self, inputs: Sequence[Tensor]) -> Tensor:
        """The mean over time of every layer: (utterances, layers + 1, hidden size).

        The first is what enters the first layer, the last is the encoder's output.

        Args:
            inputs: prepared utterances, on the encoder's device.
        """
        laid = self.entered(Packed.lay([self.convolved(each) for each in inputs]))
        means = [laid.means()]
        for layer in range(self.n_layers):
            laid = self._above(laid, layer, layer + 1)
            means.append(laid.means())
        means[-1] = self.left(laid).means()
        return torch.stack(means, dim=1)

    def _above(self, laid: Laid, first: int, last: int) -> Laid:
        """What the layers from `first` to before `last` make."""
        for block in self.blocks[first:last]:
            # LayerDrop (Fan et al. 2019), as transformers has it
            if not (block.training and self.layerdrop and torch.rand(()) < self.layerdrop):
                made = block(laid.frames, attention_mask=laid.layout)
                laid = laid.having(first_of(made))
        return laid


def first_of(made: Any) -> Tensor:
    """The frames that a module makes: some return them alone, some as the first of several."""
    frames: Tensor = made[0] if isinstance(made, tuple) else made
    return frames
