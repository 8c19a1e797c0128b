"""A fine-tuned network as a checkpoint of transformers, and what else it takes to go on with it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.files import replacing
from serbench_transformers.network import Network

SCHEMA = 1
WORDS = "serbench.json"


def write(folder: Path, network: Network, words: Mapping[str, object]) -> None:
    """Write weights, configuration and words, these last: a folder that has them is whole."""
    checkpoint(folder, network)
    with replacing(folder / WORDS) as temporary:
        temporary.write_text(json.dumps({"schema": SCHEMA, **words}, indent=1), encoding="utf-8")


def read(folder: Path, version: str) -> dict[str, Any]:
    """The words that `write` wrote.

    Raises:
        SerbenchError: there is no model, or one that this version cannot use.
    """
    try:
        words: dict[str, Any] = json.loads((folder / WORDS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SerbenchError(
            f"{folder} holds no saved transformer: it has no {WORDS}; "
            "name the folder that the model was saved into"
        ) from error
    found = (words.get("schema"), words.get("version"))
    if found != (SCHEMA, version):
        raise SerbenchError(
            f"{folder} holds a transformer of schema {found[0]} and version {found[1]}, but this "
            f"serbench-transformers reads schema {SCHEMA} and version {version}: train it again"
        )
    return words


def checkpoint(folder: Path, network: Network) -> None:
    """Write what transformers loads: config.json, model.safetensors, preprocessor_config.json."""
    model, config = network.model, network.model.config
    ours = config._attn_implementation
    config._attn_implementation = "sdpa"  # ours is not known where this will be loaded
    try:
        model.save_pretrained(folder)
    finally:
        config._attn_implementation = ours
    network.encoder.prepared.save(folder)
