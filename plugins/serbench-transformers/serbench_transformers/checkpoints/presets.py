"""List the checkpoints that have their own model names: address, revision, size and licence.

A revision is pinned if independent projects pin the same commit; None is the commit of main when a
run is planned, which the run records.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serbench.files import replacing_folder


@dataclass(frozen=True)
class Preset:
    """A published checkpoint."""

    name: str  # of the model in serbench: "hubert-base"
    title: str  # in tables
    checkpoint: str  # name at the hub
    revision: str | None  # pinned commit
    config: Mapping[str, object]  # the part of config.json that differs from the type's default
    parameters: float  # of the encoder, in millions
    licence: str  # in the model card's metadata; "unknown" if that states none
    megabytes: int  # to download (10^6 bytes); whisper's include the decoder
    pickled: bool = False  # at this commit, the only weights are pytorch_model.bin
    encoder: str = ""  # its encoder in half precision, stored without the decoder: FOLDER@DIGEST


_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
}


def _whisper(width: int, layers: int) -> Mapping[str, object]:
    return {
        "model_type": "whisper",
        "d_model": width,
        "encoder_layers": layers,
        "encoder_attention_heads": width // 64,
        "encoder_ffn_dim": 4 * width,
        "decoder_layers": 0,
        "num_mel_bins": 80,
    }


PRESETS = (
    Preset(
        "wav2vec2-xlsr",
        "wav2vec 2.0 XLSR-53 English",
        "jonatasgrosman/wav2vec2-large-xlsr-53-english",
        "569a6236e92bd5f7652a0420bfe9bb94c5664080",
        config={"model_type": "wav2vec2", **_LARGE},
        parameters=315.4,
        licence="apache-2.0",
        megabytes=1262,
    ),
    Preset(
        "wav2vec2-base",
        "wav2vec 2.0 base",
        "facebook/wav2vec2-base",
        "0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8",
        config={"model_type": "wav2vec2"},
        parameters=94.4,
        licence="apache-2.0",
        megabytes=380,
        pickled=True,
    ),
    Preset(
        "hubert-base",
        "HuBERT base",
        "facebook/hubert-base-ls960",
        "dba3bb02fda4248b6e082697eee756de8fe8aa8a",
        config={"model_type": "hubert"},
        parameters=94.4,
        licence="apache-2.0",
        megabytes=378,
        pickled=True,
    ),
    Preset(
        "hubert-large",
        "HuBERT large",
        "facebook/hubert-large-ll60k",
        "ff022d095678a2995f3c49bab18a96a9e553f782",
        config={"model_type": "hubert", **_LARGE},
        parameters=315.4,
        licence="apache-2.0",
        megabytes=1262,
        pickled=True,
    ),
    Preset(
        "wavlm-base-plus",
        "WavLM base+",
        "microsoft/wavlm-base-plus",
        "4c66d4806a428f2e922ccfa1a962776e232d487b",
        config={"model_type": "wavlm"},
        parameters=94.4,
        licence="unknown",
        megabytes=378,
        pickled=True,
    ),
    Preset(
        "wavlm-large",
        "WavLM large",
        "microsoft/wavlm-large",
        "c1423ed94bb01d80a3f5ce5bc39f6026a0f4828c",
        config={"model_type": "wavlm", **_LARGE, "conv_bias": False},
        parameters=315.5,
        licence="unknown",
        megabytes=1262,
        pickled=True,
    ),
    Preset(
        "data2vec-audio-base",
        "data2vec base",
        "facebook/data2vec-audio-base",
        None,
        config={"model_type": "data2vec-audio"},
        parameters=93.2,
        licence="apache-2.0",
        megabytes=373,
    ),
    Preset(
        "whisper-tiny-en",
        "Whisper tiny.en",
        "openai/whisper-tiny.en",
        "87c7102498dcde7456f24cfd30239ca606ed9063",
        config=_whisper(384, 4),
        parameters=8.2,
        licence="apache-2.0",
        megabytes=151,
        encoder="whisper-tiny.en-encoder@sha256:a420d781c6c7a223",
    ),
    Preset(
        "whisper-base",
        "Whisper base",
        "openai/whisper-base",
        "e37978b90ca9030d5170a5c07aadb050351a65bb",
        config=_whisper(512, 6),
        parameters=20.6,
        licence="apache-2.0",
        megabytes=290,
        encoder="whisper-base-encoder@sha256:10f83904f438d368",
    ),
    Preset(
        "whisper-small",
        "Whisper small",
        "openai/whisper-small",
        "973afd24965f72e36ca33b3055d56a652f456b4d",
        config=_whisper(768, 12),
        parameters=88.2,
        licence="apache-2.0",
        megabytes=967,
    ),
)

_PREPROCESSOR: Mapping[str, object] = {
    "sampling_rate": 16_000,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "do_normalize": True,
    "feature_size": 1,
    "return_attention_mask": False,
}
_WHISPER_PREPROCESSOR: Mapping[str, object] = {
    "sampling_rate": 16_000,
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": 80,
}


def of_checkpoint(checkpoint: str) -> Preset | None:
    """Return the preset with this name at the hub, or None."""
    return next((preset for preset in PRESETS if preset.checkpoint == checkpoint), None)


def without_weights(given: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Return parameters that replace a preset's checkpoint by one with random weights.

    `serbench bench` measures with these, since the time of a step depends only on shapes. The
    checkpoint, a configuration and a preprocessor, is written into `folder` once.
    """
    preset = of_checkpoint(str(given.get("checkpoint", "")))
    if preset is None:
        return {}
    place = folder / preset.name
    if not place.exists():
        is_whisper = preset.config["model_type"] == "whisper"
        preprocessor = _WHISPER_PREPROCESSOR if is_whisper else _PREPROCESSOR
        with replacing_folder(place) as temporary:
            (temporary / "config.json").write_text(json.dumps(preset.config, indent=1))
            (temporary / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=1))
    return {"checkpoint": str(place), "revision": None, "weights": "random"}
