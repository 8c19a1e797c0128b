"""Say which of serbench's own distributions offers a name that is not installed here.

`shipped.json` is the only place where the core names its plugins.
"""

import functools
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

LIGHT = "corpora and models without torch: pip install 'serbench[light]'"


@functools.cache
def absent() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the distributions that are not installed, with the names that they offer by kind."""
    text = Path(__file__).with_name("shipped.json").read_text(encoding="utf-8")
    return {name: names for name, names in json.loads(text).items() if not _is_installed(name)}


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def remedy(kind: str, name: str) -> str:
    """Return the command that installs an entry of a kind, "" if serbench ships no such entry."""
    offering = (package for package, names in absent().items() if name in names.get(kind, ()))
    return next((f"pip install {package}" for package in offering), "")
