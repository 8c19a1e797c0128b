"""The shapes of the published checkpoints, so that their speed can be measured without them.

A stand-in is a checkpoint without weights: a configuration and a preprocessor. How long a step
takes depends on shapes alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from serbench.files import replacing_folder
from serbench_transformers.checkpoints import presets

# as their configurations say, where these differ from what transformers has for the type
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


SHAPES: Mapping[str, Mapping[str, object]] = {
    "wav2vec2-xlsr": {"model_type": "wav2vec2", **_LARGE},
    "wav2vec2-base": {"model_type": "wav2vec2"},
    "hubert-base": {"model_type": "hubert"},
    "hubert-large": {"model_type": "hubert", **_LARGE},
    "wavlm-base-plus": {"model_type": "wavlm"},
    "wavlm-large": {"model_type": "wavlm", **_LARGE, "conv_bias": False},
    "data2vec-audio-base": {"model_type": "data2vec-audio"},
    "whisper-tiny-en": _whisper(384, 4),
    "whisper-base": _whisper(512, 6),
    "whisper-small": _whisper(768, 12),
}
"""Of each preset, by its name here: what its config.json says."""


def rehearsed(given: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Parameters that name a stand-in, where those given name a preset's checkpoint.

    Args:
        given: with "checkpoint", if anything is to be done.
        folder: where stand-ins are written, each once.
    """
    preset = presets.of_checkpoint(str(given.get("checkpoint", "")))
    if preset is None or preset.name not in SHAPES:
        return {}
    made = folder / preset.name
    if not made.exists():
        _write(made, SHAPES[preset.name])
    return {"checkpoint": str(made), "revision": None, "weights": "random"}


def _write(folder: Path, shape: Mapping[str, object]) -> None:
    whisper = shape["model_type"] == "whisper"
    reader: dict[str, object] = {"sampling_rate": 16_000}
    if whisper:
        reader |= {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80}
    else:
        reader |= {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True}
        reader |= {"feature_size": 1, "return_attention_mask": False}
    with replacing_folder(folder) as made:
        for name, words in (("config", shape), ("preprocessor_config", reader)):
            (made / f"{name}.json").write_text(json.dumps(dict(words), indent=1))
