"""Write and read the JSON file of a kept model: its facts, and the version that wrote it."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.files import replacing

SCHEMA = 1


def write(file: Path, version: str, facts: Mapping[str, object]) -> None:
    """Write plain JSON values. Call it after a model's other files: this file marks it complete.

    Args:
        file: for example `folder / "model.json"`.
        version: the version of the model's class.
        facts: what `read` returns besides the version and the schema.
    """
    with replacing(file) as temporary:
        stored = {"schema": SCHEMA, "version": version, **facts}
        temporary.write_text(json.dumps(stored, indent=1), encoding="utf-8")


def read(file: Path, version: str) -> dict[str, Any]:
    """Return the facts that `write` wrote, with `schema` and `version`.

    Raises:
        SerbenchError: the file is missing, or from another version of the model.
    """
    try:
        facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SerbenchError(
            f"{file.parent} holds no kept model: it has no {file.name}; name the folder that the "
            "model was saved into"
        ) from error
    except ValueError as error:
        raise SerbenchError(
            f"{file} is not JSON ({error}): get the model's folder again"
        ) from error
    if (facts.get("schema"), facts.get("version")) != (SCHEMA, version):
        raise SerbenchError(
            f"{file} has schema {facts.get('schema')} and version {facts.get('version')}, but "
            f"schema {SCHEMA} and version {version} are installed: install the plugin that wrote "
            "it, or train the model again"
        )
    return facts


def params(model: Any) -> dict[str, object]:
    """Return the parameters of a model that is a dataclass: its keyword-only fields."""
    return {
        field.name: getattr(model, field.name)
        for field in dataclasses.fields(model)
        if field.kw_only and field.init
    }
