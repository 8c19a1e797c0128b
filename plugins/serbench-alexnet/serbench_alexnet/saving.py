"""A trained model as two files: its arrays in safetensors, its words in JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from serbench.errors import SerbenchError
from serbench.files import replacing

SCHEMA = 1
ARRAYS, WORDS = "model.safetensors", "model.json"


def write(folder: Path, words: Mapping[str, object], arrays: Mapping[str, Tensor]) -> None:
    """Write both files; the words last, so that a folder with words is whole."""
    with replacing(folder / ARRAYS) as temporary:
        save_file({name: array.cpu().contiguous() for name, array in arrays.items()}, temporary)
    with replacing(folder / WORDS) as temporary:
        temporary.write_text(json.dumps({"schema": SCHEMA, **words}, indent=1), encoding="utf-8")


def read(folder: Path, version: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The words and the arrays that `write` wrote.

    Raises:
        SerbenchError: there is no model, or one that this version cannot use.
    """
    try:
        words: dict[str, Any] = json.loads((folder / WORDS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SerbenchError(
            f"{folder} holds no saved alexnet-mel: it has no {WORDS}; "
            "name the folder that the model was saved into"
        ) from error
    found = (words.get("schema"), words.get("version"))
    if found != (SCHEMA, version):
        raise SerbenchError(
            f"{folder} holds an alexnet-mel of schema {found[0]} and version {found[1]}, but this "
            f"serbench-alexnet reads schema {SCHEMA} and version {version}: train it again"
        )
    return words, load_file(folder / ARRAYS)
