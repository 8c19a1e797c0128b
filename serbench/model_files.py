"""What a kept model is besides its arrays: plain words in a JSON file that says who wrote it."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.files import replacing

SCHEMA = 1


def write(file: Path, version: str, words: Mapping[str, object]) -> None:
    """Write words, last of a model's files: a folder that has them is whole.

    Args:
        file: for example `folder / "model.json"`.
        version: of the model's class.
        words: plain JSON values.
    """
    with replacing(file) as temporary:
        kept = {"schema": SCHEMA, "version": version, **words}
        temporary.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def read(file: Path, version: str) -> dict[str, Any]:
    """The words that `write` wrote, and beside them `schema` and `version`.

    Raises:
        SerbenchError: they are not there, or another version of the model wrote them.
    """
    try:
        words: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SerbenchError(
            f"{file.parent} holds no kept model: it has no {file.name}; name the folder that the "
            "model was saved into"
        ) from error
    except ValueError as error:
        raise SerbenchError(
            f"{file} is not JSON ({error}): get the model's folder again"
        ) from error
    if (words.get("schema"), words.get("version")) != (SCHEMA, version):
        raise SerbenchError(
            f"{file} is of schema {words.get('schema')} and version {words.get('version')}, but "
            f"schema {SCHEMA} and version {version} are installed: install the plugin that wrote "
            "it, or train the model again"
        )
    return words


def params(model: Any) -> dict[str, object]:
    """The parameters of a model that is a dataclass: its constructor's keyword-only fields."""
    return {
        each.name: getattr(model, each.name)
        for each in dataclasses.fields(model)
        if each.kw_only and each.init
    }
