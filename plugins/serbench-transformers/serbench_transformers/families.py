"""The encoders of `transformers`, by how they are built."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from serbench_transformers.encoders import Encoder, first_of
from serbench_transformers.masking import Mask
from serbench_transformers.packing import Packed, spaced
from serbench_transformers.readers import Reader


class Wav2Vec2(Encoder):
    """wav2vec 2.0 and HuBERT: a wave, convolutions, a convolution for positions.

    The convolutions see one utterance at a time: those of "base" checkpoints normalise over time
    (group norm), so that padding, or a neighbour, would change every frame.
    """

    def __init__(self, model: Any, read: Reader):
        super().__init__(model, model.encoder.layers, read)
        # "stable layer norm": the layers normalise what they take, the others what they make
        self._pre_norm = bool(getattr(model.config, "do_stable_layer_norm", False))

    def below(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The feature encoder; projection, positions and, before other layers, a norm."""
        encoder = self.model.encoder
        between = [self.model.feature_projection, encoder.pos_conv_embed]
        norm = [] if self._pre_norm else [encoder.layer_norm]
        return [self.model.feature_extractor], [*between, *norm, encoder.dropout]

    def convolved(self, prepared: Tensor) -> Tensor:
        """(samples,) -> (frames, channels)."""
        hidden = prepared[None, None]
        for layer in self.model.feature_extractor.conv_layers:
            hidden = layer(hidden)
        return hidden[0].T

    def entered(self, packed: Packed, mask: Mask | None = None) -> Packed:
        """Projected, with positions."""
        encoder = self.model.encoder
        packed = packed.having(first_of(self.model.feature_projection(packed.frames)))
        if mask is not None:
            packed = mask(packed, getattr(self.model, "masked_spec_embed", None))
        frames = packed.frames + self._positions(packed)
        return packed.having(
            encoder.dropout(frames if self._pre_norm else encoder.layer_norm(frames))
        )

    def left(self, packed: Packed) -> Packed:
        """Normalised, where the layers do not do so themselves."""
        norm = self.model.encoder.layer_norm
        return packed.having(norm(packed.frames)) if self._pre_norm else packed

    def _positions(self, packed: Packed) -> Tensor:
        """The convolution over time that tells where a frame is: (1, frames of all, width)."""
        embed, config = self.model.encoder.pos_conv_embed, self.model.config
        if getattr(config, "conv_pos_batch_norm", False):  # some HuBERTs: zeros would not stay so
            return _one_by_one(packed, embed)
        return spaced(packed, config.num_conv_pos_embeddings // 2, embed)


class Data2VecAudio(Wav2Vec2):
    """data2vec-audio: wav2vec 2.0 but for several convolutions for positions, with norms between.

    Zeros between utterances would not stay zeros from one to the next.
    """

    def _positions(self, packed: Packed) -> Tensor:
        return _one_by_one(packed, self.model.encoder.pos_conv_embed)


def _one_by_one(packed: Packed, convolution: nn.Module) -> Tensor:
    """A convolution over time of each utterance alone: (1, frames of all, width)."""
    return torch.cat([convolution(each[None]) for each in packed.split()], dim=1)


class Whisper(Encoder):
    """Whisper's encoder on utterances of any length up to 30 s.

    Whisper was trained on recordings padded to 30 s; here its fixed embeddings of positions are
    cut to the utterance's own length. What is longer is cut after 30 s, as Whisper itself does.
    """

    def __init__(self, model: Any, read: Reader):
        super().__init__(model, model.layers, read)

    @property
    def layerdrop(self) -> float:
        """How often training skips a layer."""
        return float(self.model.config.encoder_layerdrop)

    def below(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Both convolutions; the positions, which nobody trains."""
        return [self.model.conv1, self.model.conv2], [self.model.embed_positions]

    def convolved(self, prepared: Tensor) -> Tensor:
        """(mel bands, frames) -> (half the frames, channels); an odd last frame is left out."""
        even = prepared[None, :, : prepared.shape[-1] // 2 * 2]
        hidden = nn.functional.gelu(self.model.conv1(even))
        hidden = nn.functional.gelu(self.model.conv2(hidden))
        return hidden[0].T[: self.model.config.max_source_positions]

    def entered(self, packed: Packed, mask: Mask | None = None) -> Packed:
        """With the embedding of each frame's position in its own utterance."""
        if mask is not None:
            packed = mask(packed)
        table = self.model.embed_positions.weight
        positions = torch.cat([table[:length] for length in packed.lengths])
        frames = packed.frames + positions
        training = self.model.embed_positions.training  # not where this is part of the stem
        return packed.having(nn.functional.dropout(frames, self.model.dropout, training))

    def left(self, packed: Packed) -> Packed:
        """Normalised."""
        return packed.having(self.model.layer_norm(packed.frames))


class OneByOne(Encoder):
    """Any other encoder: transformers computes it, one utterance after the other."""

    packs = False

    def __init__(self, model: Any, read: Reader):
        super().__init__(model, (), read)

    def below(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The feature encoder, where there is one."""
        convolutions = getattr(self.model, "feature_extractor", None)
        return ([convolutions] if convolutions is not None else []), []

    def stem(self, prepared: Tensor, frozen: int) -> Tensor:
        """The utterance as it is: what comes first cannot be had alone."""
        return prepared

    def pooled(self, stems: Sequence[Tensor], frozen: int, mask: Mask | None = None) -> Tensor:
        """See `Encoder.pooled`; nothing is masked."""
        return torch.stack([self._output(each)[0].mean(dim=0) for each in stems])

    def layers(self, inputs: Sequence[Tensor]) -> Tensor:
        """See `Encoder.layers`."""
        rows = []
        for each in inputs:
            made = self.model(each[None], output_hidden_states=True)
            states = [*made.hidden_states[: self.n_layers], made.last_hidden_state]
            rows.append(torch.stack([state[0].mean(dim=0) for state in states]))
        return torch.stack(rows)

    def _output(self, prepared: Tensor) -> Tensor:
        output: Tensor = self.model(prepared[None]).last_hidden_state
        return output


PACKED: dict[str, type[Encoder]] = {
    "data2vec-audio": Data2VecAudio,
    "hubert": Wav2Vec2,
    "wav2vec2": Wav2Vec2,
    "whisper": Whisper,
}
"""By the checkpoint's `model_type`; what is not here goes one by one."""
