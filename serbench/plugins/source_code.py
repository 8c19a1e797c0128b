"""Identify a module's code, without importing it: a digest of its source, or its release."""

import ast
import contextlib
import functools
import importlib.util
import sysconfig
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from serbench.files import digest, file_digest
from serbench.plugins.guarded_import import find_spec

INSTALLED = ("site-packages", "dist-packages")  # folders' names; the second is Debian's


def place(package: str) -> Path | None:
    """Return a package's folder or a module's file; None if it is built in or not installed."""
    return _place(find_spec(package))


def _place(spec: ModuleSpec | None) -> Path | None:
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    file = Path(spec.origin or "")
    return file if file.is_file() else None


def _files(path: Path | None) -> list[Path]:
    """Return the Python files of a package's folder or a module's file, sorted."""
    if path is None:
        return []
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def source_digest(package: str) -> str:
    """Return a digest of the Python files of a package or a module; "" if there are none."""
    path = place(package)
    return _digest(path) if is_own(package) else _fixed_digest(path)


@functools.cache  # serbench and releases do not change within a process
def _fixed_digest(path: Path | None) -> str:
    return _digest(path)


def _digest(path: Path | None) -> str:
    files = _files(path)
    if path is None or not files:
        return ""
    base = path if path.is_dir() else path.parent
    return digest([[str(file.relative_to(base)), file_digest(file)] for file in files])[:16]


def is_own(package: str) -> bool:
    """Return whether a package is the user's own code, not a release."""
    path = place(package)
    if path is None or package == "serbench" or is_installed(package):
        return False
    return not path.parent.is_relative_to(sysconfig.get_path("stdlib"))


def is_installed(package: str) -> bool:
    """Return whether pip has copied a package's files, rather than linked them for editing."""
    path = place(package)
    return path is not None and any(name in path.parent.parts for name in INSTALLED)


def own_modules(package: str) -> tuple[str, ...]:
    """Return a user's module and the modules beside it that it imports, directly or not, sorted.

    Imports by a computed name are not found.
    """
    return tuple(_places_beside(package))


def _places_beside(package: str) -> dict[str, Path]:
    """Return the modules of `own_modules` and where they are."""
    own = place(package)
    places: dict[str, Path] = {}
    waiting = [package]
    while waiting and own is not None:
        name = waiting.pop()
        if name in places or name == "serbench":  # every result records serbench anyway
            continue
        path = _place(PathFinder.find_spec(name, [str(own.parent)]))
        files = _files(path)
        if path is not None and files:
            places[name] = path
            waiting += [name for file in files for name in _imports(file.read_bytes())]
    return dict(sorted(places.items()))


@functools.cache  # parsing takes long, and every fold and every description needs it
def _imports(source: bytes) -> frozenset[str]:
    """Return the first part of every module that a source file imports by its absolute name."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # importing the file reports it
        return frozenset()
    named = [
        *(alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names),
        *(node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level),
    ]
    return frozenset(name.partition(".")[0] for name in named if name)


def forget_bytecode(package: str) -> None:
    """Remove the compiled files of a user's own modules.

    Python would run them despite an edit in the same second that keeps the length of the source.
    """
    for path in _places_beside(package).values():
        for file in _files(path):
            with contextlib.suppress(OSError, NotImplementedError):
                Path(importlib.util.cache_from_source(file)).unlink()


def identity(package: str) -> str:
    """Return a text that changes with a package's code.

    Its name and release, "scikit-learn 1.9.1"; or "my_ser 1a2b3c4d5e6f", a digest, for the user's
    own files and files of no known release.
    """
    if is_own(package):
        digests = {name: _digest(path) for name, path in _places_beside(package).items()}
        return f"{package} {digest(digests)[:12]}"
    return _release(package) or f"{package} {source_digest(package)[:12]}".rstrip()


@functools.cache
def _release(package: str) -> str:
    """Return the name and version of a package's distribution, "" if unknown."""
    path = place(package)
    if path is None:
        return ""
    rows = (f"\n{package}/__init__.py,", f"\n{package}.py,")
    for distribution in metadata.distributions(path=[str(path.parent)]):
        record = "\n" + (distribution.read_text("RECORD") or "")
        if any(row in record for row in rows):
            return f"{distribution.metadata['Name']} {distribution.version}"
    return ""
