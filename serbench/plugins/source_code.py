"""Whose code a module is: a digest of its source, and the distribution that it was installed by.

Nothing is imported to find out.
"""

import ast
import contextlib
import functools
import importlib.util
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from serbench.files import digest, file_digest
from serbench.plugins.guarded_import import located

INSTALLED = ("site-packages", "dist-packages")  # folders' names; the second is Debian's


@dataclass(frozen=True)
class _Code:
    """The Python files of a module or a package.

    Attributes:
        files: sorted.
        base: their names in a digest begin there.
    """

    files: tuple[Path, ...] = ()
    base: Path = Path()


def _code(spec: ModuleSpec | None) -> _Code:
    place = _place(spec)
    if place is None:
        return _Code()
    if place.is_dir():
        return _Code(tuple(sorted(place.rglob("*.py"))), place)
    return _Code((place,), place.parent)


def _place(spec: ModuleSpec | None) -> Path | None:
    """The folder of a package, or the file of a module; None of what is built in."""
    if spec is None:
        return None
    folders = [*(spec.submodule_search_locations or [])]
    place = Path(folders[0] if folders else spec.origin or "")
    return place if folders or place.is_file() else None


def _home(spec: ModuleSpec | None) -> Path | None:
    """The folder that the name of a module is found in."""
    place = _place(spec)
    return place and place.parent


def place(package: str) -> Path | None:
    """Return a package's folder or a module's file; None if it is built in or not installed."""
    return _place(located(package))


def source_digest(package: str) -> str:
    """A digest of every Python file of a package, or of the one of a module; "" without any."""
    return _digest(_code(located(package)))


def _digest(code: _Code) -> str:
    named = [[str(file.relative_to(code.base)), file_digest(file)] for file in code.files]
    return digest(named)[:16] if named else ""


def is_own(package: str) -> bool:
    """Its files are the user's, who may edit them any time, and no installed release's."""
    home = _home(located(package))
    if home is None or package == "serbench":
        return False
    return not is_installed(package) and not home.is_relative_to(sysconfig.get_path("stdlib"))


def is_installed(package: str) -> bool:
    """Return whether a package's files are where pip puts them, not where they are edited."""
    found = place(package)
    return found is not None and any(name in found.parent.parts for name in INSTALLED)


def own_modules(package: str) -> tuple[str, ...]:
    """A module of the user's, and those beside it that its source imports, directly or not.

    What is imported under a name that is only known when it runs is not seen.
    """
    return tuple(sorted(_beside(package)))


def _beside(package: str) -> dict[str, _Code]:
    home = str(_home(located(package)))
    found: dict[str, _Code] = {}
    waiting = [package]
    while waiting:
        name = waiting.pop()
        if name in found or name == "serbench":  # which every result records anyway
            continue
        code = _code(PathFinder.find_spec(name, [home]))
        if code.files:
            found[name] = code
            waiting += [one for file in code.files for one in _imports(file)]
    return found


def _imports(file: Path) -> Iterator[str]:
    """The first part of every module that a file imports by its whole name."""
    try:
        read = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # whoever imports it is told
        return
    for node in ast.walk(read):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def forget_bytecode(package: str) -> None:
    """Remove what Python has compiled of a user's own modules.

    It would run what was compiled of a file that is as long now and has the same second.
    """
    for code in _beside(package).values():
        for file in code.files:
            with contextlib.suppress(OSError, NotImplementedError):
                Path(importlib.util.cache_from_source(file)).unlink()


def identity(package: str) -> str:
    """What changes when a package's code does: "scikit-learn 1.9.1", or "my_ser 1a2b3c4d5e6f".

    The release that is installed; of the user's own files, and of what nobody knows the release
    of, a digest of the source.
    """
    if is_own(package):
        own = {name: _digest(code) for name, code in _beside(package).items()}
        return f"{package} {digest(own)[:12]}"
    return _released(package) or f"{package} {source_digest(package)[:12]}".rstrip()


@functools.cache
def _released(package: str) -> str:
    """Name and version of the distribution that installed a package; "" where none says so."""
    home = _home(located(package))
    if home is None:
        return ""
    lines = (f"\n{package}/__init__.py,", f"\n{package}.py,")
    for one in metadata.distributions(path=[str(home)]):
        record = "\n" + (one.read_text("RECORD") or "")
        if any(line in record for line in lines):
            return f"{one.metadata['Name']} {one.version}"
    return ""
