"""What a kept model is besides its classifier: a small JSON file with a schema number."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.files import replacing

SCHEMA = 1


def write(file: Path, values: Mapping[str, object]) -> None:
    """Keep plain values."""
    with replacing(file) as path:
        path.write_text(json.dumps({"schema": SCHEMA, **values}))


def read(file: Path) -> dict[str, Any]:
    """The values that `write` kept.

    Raises:
        SerbenchError: there is no such file, or another version of this package wrote it.
    """
    if not file.is_file():
        raise SerbenchError(f"{file.parent} holds no kept model: {file.name} is not there")
    values: dict[str, Any] = json.loads(file.read_text())
    if values.get("schema") != SCHEMA:
        raise SerbenchError(
            f"{file} has schema {values.get('schema')}, and this serbench-sklearn reads "
            f"{SCHEMA}: install the version that wrote it, or fit the model again"
        )
    return values
