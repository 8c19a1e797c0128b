"""The encoders of `transformers`: convolution, embedding and normalisation per architecture."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from serbench import BadParameter
from serbench_transformers.encoders.encoder import Encoder, first_of
from serbench_transformers.encoders.masking import Mask
from serbench_transformers.encoders.packing import Frames, Layout, Padded
from serbench_transformers.encoders.preprocessor import Preprocessor


class Wav2Vec2(Encoder):
    """wav2vec 2.0 and HuBERT: a wave, convolutions, a convolution for positions.

    The convolutions run on one utterance at a time: those of "base" checkpoints normalise over time
    (group norm), so padding or another utterance would change every frame.
    """

    def __init__(self, model: Any, preprocess: Preprocessor):
        super().__init__(model, model.encoder.layers, preprocess)
        # "stable layer norm": layers normalise their input; others normalise their output
        self._pre_norm = bool(getattr(model.config, "do_stable_layer_norm", False))

    def lower_modules(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """See `Encoder`: the feature encoder; then projection, positions and, in some, a norm."""
        encoder = self.model.encoder
        between = [self.model.feature_projection, encoder.pos_conv_embed]
        norm = [] if self._pre_norm else [encoder.layer_norm]
        return [self.model.feature_extractor], [*between, *norm, encoder.dropout]

    def convolve(self, prepared: Tensor) -> Tensor:
        """See `Encoder`; takes (samples,)."""
        hidden = prepared[None, None]
        for layer in self.model.feature_extractor.conv_layers:
            hidden = layer(hidden)
        return hidden[0].T

    def project(self, frames: Frames) -> Frames:
        """See `Encoder`."""
        return frames.replaced(first_of(self.model.feature_projection(frames.values)))

    def embed(self, frames: Frames, mask: Mask | None = None) -> Frames:
        """See `Encoder`: project, and add positions."""
        encoder = self.model.encoder
        frames = self.project(frames)
        if mask is not None:
            frames = mask(frames, getattr(self.model, "masked_spec_embed", None))
        values = frames.values + self._positions(frames)
        return frames.replaced(
            encoder.dropout(values if self._pre_norm else encoder.layer_norm(values))
        )

    def normalise(self, frames: Frames) -> Frames:
        """See `Encoder`; without pre-norm, the layers themselves normalise their output."""
        norm = self.model.encoder.layer_norm
        return frames.replaced(norm(frames.values)) if self._pre_norm else frames

    def _positions(self, frames: Frames) -> Tensor:
        """Return the convolution over time that encodes positions: (rows, time, width)."""
        embed, config = self.model.encoder.pos_conv_embed, self.model.config
        if getattr(
            config, "conv_pos_batch_norm", False
        ):  # some HuBERTs: zeros would not stay zeros
            return frames.convolve_alone(embed)
        return frames.layout.convolve(frames.values, config.num_conv_pos_embeddings // 2, embed)


class Data2VecAudio(Wav2Vec2):
    """data2vec-audio: wav2vec 2.0 with several convolutions for positions, and norms between them.

    Zeros between utterances would not stay zeros from one convolution to the next. Every layer
    normalises its output: transformers ignores `do_stable_layer_norm` here.
    """

    def __init__(self, model: Any, preprocess: Preprocessor):
        super().__init__(model, preprocess)
        self._pre_norm = False

    def _positions(self, frames: Frames) -> Tensor:
        return frames.convolve_alone(self.model.encoder.pos_conv_embed)


class Whisper(Encoder):
    """Whisper's encoder on utterances of any length up to 30 s.

    Whisper was trained on recordings padded to 30 s; here its fixed embeddings of positions are
    cut to the length of the utterance. Like Whisper, the class cuts utterances after 30 s.
    """

    def __init__(self, model: Any, preprocess: Preprocessor):
        super().__init__(model, model.layers, preprocess)

    @property
    def layerdrop(self) -> float:
        """See `Encoder`."""
        return float(self.model.config.encoder_layerdrop)

    def lower_modules(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """See `Encoder`: both convolutions; then the positions, which are never trained."""
        return [self.model.conv1, self.model.conv2], [self.model.embed_positions]

    def convolve(self, prepared: Tensor) -> Tensor:
        """See `Encoder`; takes (mel bands, twice the frames), and ignores an odd last frame."""
        even = prepared[None, :, : prepared.shape[-1] // 2 * 2]
        hidden = nn.functional.gelu(self.model.conv1(even))
        hidden = nn.functional.gelu(self.model.conv2(hidden))
        return hidden[0].T[: self.model.config.max_source_positions]

    def embed(self, frames: Frames, mask: Mask | None = None) -> Frames:
        """See `Encoder`: add the embedding of each frame's position in its own utterance."""
        if mask is not None:
            frames = mask(frames)
        table = self.model.embed_positions.weight
        positions = frames.layout.join([table[:length] for length in frames.layout.lengths])
        training = self.model.embed_positions.training  # False in the stem
        values = nn.functional.dropout(frames.values + positions, self.model.dropout, training)
        return frames.replaced(values)

    def normalise(self, frames: Frames) -> Frames:
        """See `Encoder`."""
        return frames.replaced(self.model.layer_norm(frames.values))


class OneByOne(Encoder):
    """Any other encoder: transformers computes the utterances one after the other.

    Utterances can be padded if that changes no outputs in transformers; see `require_padding`.
    """

    packs = False

    def __init__(self, model: Any, preprocess: Preprocessor):
        super().__init__(model, (), preprocess)

    def lower_modules(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """See `Encoder`: the feature encoder, if there is one."""
        convolutions = getattr(self.model, "feature_extractor", None)
        return ([convolutions] if convolutions is not None else []), []

    def stems(self, prepared: Sequence[Tensor], frozen: int) -> list[Tensor]:
        """See `Encoder`: the utterances unchanged, since stems cannot be computed separately."""
        return list(prepared)

    def batch(self, stems: Sequence[Tensor], frozen: int, layout: type[Layout]) -> Frames:
        """See `Encoder`."""
        return Frames.of(stems, layout)

    def pool(self, frames: Frames, frozen: int, mask: Mask | None = None) -> Tensor:
        """See `Encoder`; nothing is masked."""
        layout = frames.layout
        if isinstance(layout, Padded):  # with transformers' own attention mask
            output = self.model(frames.values, attention_mask=layout.mask.long())
            lengths = tuple(
                _convolved_length(length, self.model.config) for length in layout.lengths
            )
            return Frames(output.last_hidden_state, Padded(lengths, layout.device)).means()
        outputs = [self.model(wave[None]).last_hidden_state for wave in frames.split()]
        return torch.stack([output[0].mean(dim=0) for output in outputs])

    def layer_means(self, prepared: Sequence[Tensor]) -> Tensor:
        """See `Encoder`."""
        rows = []
        for utterance in prepared:
            output = self.model(utterance[None], output_hidden_states=True)
            states = [*output.hidden_states[: self.n_layers], output.last_hidden_state]
            rows.append(torch.stack([state[0].mean(dim=0) for state in states]))
        return torch.stack(rows)

    def layer_frames(self, prepared: Tensor) -> Tensor:
        """See `Encoder`, but the first is the input of the first layer, after positions are added.

        Raises:
            BadParameter: the layers differ in their frames, as those of SEW do.
        """
        output = self.model(prepared[None], output_hidden_states=True)
        layers = [*output.hidden_states[: self.n_layers], output.last_hidden_state]
        if len({each.shape for each in layers}) > 1:
            counts = ", ".join(str(each.shape[1]) for each in layers)
            kind = self.model.config.model_type
            raise BadParameter(
                f"the layers of this encoder ({kind}) have {counts} frames for the same utterance, "
                "so they cannot be stored in one array: use another encoder"
            )
        return torch.cat(layers)


def _convolved_length(length: int, config: Any) -> int:
    """Return the number of frames after the convolutions of an encoder."""
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
"""The packing encoder for each `model_type` of a checkpoint; others are `OneByOne`."""

MASKED = ("unispeech", "unispeech-sat", "wavlm")
"""Other types for which transformers can mask padding completely if they use layer norm."""


def require_padding(name: str, config: Mapping[str, object]) -> None:
    """Refuse to pad for a checkpoint if padding would change outputs, even when masked."""
    kind = config.get("model_type")
    norm = config.get("feat_extract_norm", "group")  # transformers does not write default values
    masked = kind == "wav2vec2-bert" or (kind in MASKED and norm == "layer")
    if kind not in PACKED and (not masked or config.get("add_adapter")):
        raise BadParameter(
            f"transformers cannot pad for {name} ({kind}) without changing its outputs: leave out "
            "batching, so that utterances are computed one by one"
        )
