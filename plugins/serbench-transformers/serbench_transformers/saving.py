"""A fine-tuned network as a checkpoint of transformers."""

from pathlib import Path

from serbench_transformers.loading import quiet_transformers
from serbench_transformers.network import Network


def checkpoint(folder: Path, network: Network) -> None:
    """Write what transformers loads: config.json, model.safetensors, preprocessor_config.json."""
    model, config = network.model, network.model.config
    ours = config._attn_implementation
    config._attn_implementation = "sdpa"  # ours is not known where this will be loaded
    try:
        with quiet_transformers():
            model.save_pretrained(folder)
    finally:
        config._attn_implementation = ours
    network.encoder.prepared.save(folder)
