"""Know what serbench's own plugins offer, even where they are not installed.

`shipped.json` is the only place where the core names its plugins, and `titles.json` the only one
where it names their models. The leaderboard takes its titles from there: they are the same on every
machine, and no plugin of anybody else can choose them.
"""

import functools
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.contracts import PLACE, ModelEntry

LIGHT = "corpora and models without torch: pip install 'serbench[light]'"


@functools.cache
def absent() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the distributions that are not installed, with the names that they offer by kind."""
    shipped = _read("shipped.json")
    return {name: names for name, names in shipped.items() if not _is_installed(name)}


@functools.cache
def _read(name: str) -> Any:
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


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


def title(model: str, params: Mapping[str, object]) -> str:
    """Return the title of a shipped model with these parameters, "" if it has none."""
    titles = _read("titles.json")
    entry = ModelEntry(
        model, "", "", title=titles["models"].get(model, ""), value_titles=titles["values"]
    )
    return entry.title_with(params)


def titles() -> set[str]:
    """Return every title that `title` may return."""
    known = _read("titles.json")
    return {
        PLACE.sub(words, title)
        for title in known["models"].values()
        for words in known["values"].values()
    }
