"""Checkpoints of two kilobytes, for pages whose models need weights of gigabytes."""

from pathlib import Path

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "classifier_proj_size": 12,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 4, 2),
    "num_feat_extract_layers": 3,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
}
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
}
KINDS = {
    "wav2vec2": (SMALL, "Wav2Vec2FeatureExtractor"),
    "whisper": (WHISPER, "WhisperFeatureExtractor"),
}


def write_checkpoints(folder: Path) -> Path:
    """Write one of each kind, with random weights, as transformers itself saves them."""
    import torch
    import transformers

    for kind, (words, extractor) in KINDS.items():
        config = transformers.AutoConfig.for_model(kind, **words)
        torch.manual_seed(0)
        network = transformers.AutoModelForAudioClassification.from_config(config)
        network.save_pretrained(folder / kind)
        getattr(transformers, extractor)().save_pretrained(folder / kind)
    return folder
