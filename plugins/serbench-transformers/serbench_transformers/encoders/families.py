"""The encoders of `transformers`, by how they are built."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from serbench.errors import BadParameter
from serbench_transformers.encoders.encoder import Encoder, first_of
from serbench_transformers.encoders.layout import Laid, Layout
from serbench_transformers.encoders.masking import Mask
from serbench_transformers.encoders.packing import Padded
from serbench_transformers.encoders.reader import Reader


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

    def entered(self, laid: Laid, mask: Mask | None = None) -> Laid:
        """Projected, with positions."""
        encoder = self.model.encoder
        laid = laid.having(first_of(self.model.feature_projection(laid.frames)))
        if mask is not None:
            laid = mask(laid, getattr(self.model, "masked_spec_embed", None))
        frames = laid.frames + self._positions(laid)
        return laid.having(
            encoder.dropout(frames if self._pre_norm else encoder.layer_norm(frames))
        )

    def left(self, laid: Laid) -> Laid:
        """Normalised, where the layers do not do so themselves."""
        norm = self.model.encoder.layer_norm
        return laid.having(norm(laid.frames)) if self._pre_norm else laid

    def _positions(self, laid: Laid) -> Tensor:
        """The convolution over time that tells where a frame is: (rows, time, width)."""
        embed, config = self.model.encoder.pos_conv_embed, self.model.config
        if getattr(config, "conv_pos_batch_norm", False):  # some HuBERTs: zeros would not stay so
            return laid.one_by_one(embed)
        return laid.layout.spaced(laid.frames, config.num_conv_pos_embeddings // 2, embed)


class Data2VecAudio(Wav2Vec2):
    """data2vec-audio: wav2vec 2.0 but for several convolutions for positions, with norms between.

    Zeros between utterances would not stay zeros from one layer to the next. Each layer normalises
    its output, whatever `do_stable_layer_norm` says, which transformers does not read here.
    """

    def __init__(self, model: Any, read: Reader):
        super().__init__(model, read)
        self._pre_norm = False

    def _positions(self, laid: Laid) -> Tensor:
        return laid.one_by_one(self.model.encoder.pos_conv_embed)


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

    def entered(self, laid: Laid, mask: Mask | None = None) -> Laid:
        """With the embedding of each frame's position in its own utterance."""
        if mask is not None:
            laid = mask(laid)
        table = self.model.embed_positions.weight
        positions = laid.layout.joined([table[:length] for length in laid.layout.lengths])
        frames = laid.frames + positions
        training = self.model.embed_positions.training  # not where this is part of the stem
        return laid.having(nn.functional.dropout(frames, self.model.dropout, training))

    def left(self, laid: Laid) -> Laid:
        """Normalised."""
        return laid.having(self.model.layer_norm(laid.frames))


class OneByOne(Encoder):
    """Any other encoder: transformers computes it, one utterance after the other.

    Where transformers' own padding changes nothing (see `require_padding`) it can be padded, too.
    """

    packs = False

    def __init__(self, model: Any, read: Reader):
        super().__init__(model, (), read)

    def below(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The feature encoder, where there is one."""
        convolutions = getattr(self.model, "feature_extractor", None)
        return ([convolutions] if convolutions is not None else []), []

    def stems(self, prepared: Sequence[Tensor], frozen: int) -> list[Tensor]:
        """The utterances as they are: what comes first cannot be had alone."""
        return list(prepared)

    def laid(self, stems: Sequence[Tensor], frozen: int, layout: type[Layout]) -> Laid:
        """See `Encoder.laid`."""
        return layout.lay(stems)

    def pooled(self, laid: Laid, frozen: int, mask: Mask | None = None) -> Tensor:
        """See `Encoder.pooled`; nothing is masked."""
        if isinstance(laid.layout, Padded):
            return self._padded(laid.frames, laid.layout).means()
        made = [self.model(each[None]).last_hidden_state for each in laid.split()]
        return torch.stack([each[0].mean(dim=0) for each in made])

    def layers(self, inputs: Sequence[Tensor]) -> Tensor:
        """See `Encoder.layers`."""
        rows = []
        for each in inputs:
            made = self.model(each[None], output_hidden_states=True)
            states = [*made.hidden_states[: self.n_layers], made.last_hidden_state]
            rows.append(torch.stack([state[0].mean(dim=0) for state in states]))
        return torch.stack(rows)

    def _padded(self, prepared: Tensor, layout: Padded) -> Laid:
        """The output of transformers for a padded batch with its attention mask."""
        made = self.model(prepared, attention_mask=layout.real.long()).last_hidden_state
        frames = tuple(_convolved(length, self.model.config) for length in layout.lengths)
        return Laid(made, Padded(frames, layout.device))


def _convolved(length: int, config: Any) -> int:
    """How many frames the convolutions of an encoder make of a wave, or of features."""
    kernels, strides = (getattr(config, f"conv_{name}", ()) for name in ("kernel", "stride"))
    for kernel, stride in zip(kernels, strides, strict=True):
        length = (length - kernel) // stride + 1
    return length


PACKED: dict[str, type[Encoder]] = {
    "data2vec-audio": Data2VecAudio,
    "hubert": Wav2Vec2,
    "wav2vec2": Wav2Vec2,
    "whisper": Whisper,
}
"""By the checkpoint's `model_type`; what is not here goes one by one."""

MASKED = ("unispeech", "unispeech-sat", "wavlm")
"""Of those that go one by one: with layer norm, transformers can mask all that padding does."""


def require_padding(name: str, config: Mapping[str, object]) -> None:
    """Refuse to pad where padding, for all that can be masked, would change numbers.

    Args:
        name: of the checkpoint.
        config: its config.json.

    Raises:
        BadParameter: it would.
    """
    kind = config.get("model_type")
    norm = config.get("feat_extract_norm", "group")  # transformers does not write what is default
    masked = kind == "wav2vec2-bert" or (kind in MASKED and norm == "layer")
    if kind not in PACKED and (not masked or config.get("add_adapter")):
        raise BadParameter(
            f"transformers cannot pad {name} ({kind}) without changing its numbers: leave out "
            "batching, and its utterances are computed one by one"
        )
