"""Register the pages of a package: `page_entries("my_package")` is all that a plugin needs.

The target of an entry names the package and the page:
`serbench_corpora.pages.registered:my_package.my_corpus`.
"""

import tomllib
from collections.abc import Callable
from importlib.resources import files
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, Literal

from serbench import DatasetEntry


def page_entries(package: str) -> list[DatasetEntry]:
    """Return an entry for each page, a file such as `my-corpus.toml`, in the folder of a package.

    Only the head of a page and its first table are parsed, which must be [labels]: this runs
    whenever plugins are listed.
    """
    pages = sorted(Path(str(files(package))).glob("*.toml"))
    return [_entry(package, page) for page in pages]


def _entry(package: str, page: Path) -> DatasetEntry:
    tables = page.read_text(encoding="utf-8").split("\n[")
    head: dict[str, Any] = tomllib.loads("\n[".join(tables[:2]))
    labels = head.get("labels", ())
    entry = DatasetEntry(
        page.stem,
        f"{__name__}:{package}.{page.stem.replace('-', '_')}",
        head.get("summary", ""),
        language=head.get("language", ""),
        speakers=head.get("speakers", 0),
        utterances=head.get("utterances", 0),
        labels=len(set(labels.values() if isinstance(labels, dict) else labels)),
        licence=head.get("licence", ""),
    )
    return entry


class _Folder:
    """A package, or a part of its name; its attributes are the pages there, and more parts."""

    def __init__(self, package: str):
        self._package = package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        page = Path(str(files(self._package))) / f"{name.replace('_', '-')}.toml"
        return _maker(page) if page.is_file() else _Folder(f"{self._package}.{name}")


def _maker(page: Path) -> Callable[[], Any]:
    from serbench_corpora.pages.corpus import PageCorpus  # not needed by listings
    from serbench_corpora.subsets import ALL

    def make(**given: str) -> PageCorpus:
        return PageCorpus(page, **given)

    names = (ALL, *PageCorpus(page).page.subsets)
    subset = Parameter("subset", Parameter.KEYWORD_ONLY, default=ALL, annotation=Literal[names])
    make.__signature__ = Signature([subset] if len(names) > 1 else [])  # type: ignore[attr-defined]
    make.__doc__ = PageCorpus.__doc__
    return make


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _Folder(name)
