"""A trained model as two files: its arrays in safetensors, its words in JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from serbench import model_files
from serbench.files import replacing

ARRAYS, WORDS = "model.safetensors", "model.json"


def write(
    folder: Path, version: str, words: Mapping[str, object], arrays: Mapping[str, Tensor]
) -> None:
    """Write both files; the words last, so that a folder with words is whole."""
    with replacing(folder / ARRAYS) as temporary:
        save_file({name: array.cpu().contiguous() for name, array in arrays.items()}, temporary)
    model_files.write(folder / WORDS, version, words)


def read(folder: Path, version: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The words and the arrays that `write` wrote.

    Raises:
        SerbenchError: there is no model, or one that this version cannot use.
    """
    return model_files.read(folder / WORDS, version), load_file(folder / ARRAYS)
