"""Tiny checkpoints with random weights, as transformers itself saves them."""

from pathlib import Path

import numpy as np
import pytest
import torch

CONVOLUTIONS = {
    "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 4, 2),
    "num_feat_extract_layers": 3,
}
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "classifier_proj_size": 12,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "initializer_range": 0.3,
}
LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 24,
    "vocab_size": 60,
    "classifier_proj_size": 12,
    "num_mel_bins": 80,
    "pad_token_id": 50,
    "bos_token_id": 51,
    "eos_token_id": 52,
    "decoder_start_token_id": 53,
    "begin_suppress_tokens": None,
    "init_std": 0.3,
}
KINDS = {
    "wav2vec2-layer-norm": ("wav2vec2", SMALL | CONVOLUTIONS | LAYER_NORM),
    "wav2vec2-group-norm": ("wav2vec2", SMALL | CONVOLUTIONS),
    "hubert-layer-norm": ("hubert", SMALL | CONVOLUTIONS | LAYER_NORM),
    "hubert-group-norm": ("hubert", SMALL | CONVOLUTIONS),
    "data2vec-audio": (
        "data2vec-audio",
        SMALL | CONVOLUTIONS | {"num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5},
    ),
    "whisper": ("whisper", WHISPER),
    "wavlm": ("wavlm", SMALL | CONVOLUTIONS),
    "wavlm-layer-norm": ("wavlm", SMALL | CONVOLUTIONS | LAYER_NORM),
    "wav2vec2-conformer": ("wav2vec2-conformer", SMALL | CONVOLUTIONS),
    "wav2vec2-bert": (
        "wav2vec2-bert",
        SMALL | {"feature_projection_input_dim": 160, "output_hidden_size": 16},
    ),
    "unispeech-sat": ("unispeech-sat", SMALL | CONVOLUTIONS),
    "unispeech-sat-layer-norm": ("unispeech-sat", SMALL | CONVOLUTIONS | LAYER_NORM),
    "unispeech-layer-norm": ("unispeech", SMALL | CONVOLUTIONS | LAYER_NORM),
    "sew": ("sew", SMALL | CONVOLUTIONS | {"squeeze_factor": 2}),
}
EXTRACTORS = {"whisper": "WhisperFeatureExtractor", "wav2vec2-bert": "SeamlessM4TFeatureExtractor"}


def _save_checkpoint(folder: Path, kind: str, **changes) -> Path:
    """A checkpoint folder: config.json, model.safetensors, preprocessor_config.json."""
    import transformers
    from transformers import AutoConfig, AutoModelForAudioClassification

    name, words = KINDS[kind]
    config = AutoConfig.for_model(name, **words, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForAudioClassification.from_config(config).save_pretrained(folder)
    extractor = getattr(transformers, EXTRACTORS.get(name, "Wav2Vec2FeatureExtractor"))
    extractor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """From a kind to a checkpoint folder of it, made once."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = _save_checkpoint(tmp_path_factory.mktemp("checkpoints") / kind, kind)
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def save_checkpoint():
    """Writes a checkpoint folder: `save_checkpoint(folder, kind, **words of its config)`."""
    return _save_checkpoint


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Nothing of the user's is read or written, and nobody asks the network."""
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SERBENCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def waves():
    """Five waves of unlike lengths."""
    random = np.random.default_rng(0)
    lengths = (4000, 9000, 1700, 16000, 6500)
    return [random.normal(0, 0.1, length).astype(np.float32) for length in lengths]
