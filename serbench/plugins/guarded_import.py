"""Import plugin code, and report its errors in one line."""

import contextlib
import difflib
import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from serbench.errors import PluginError

LONGEST = 300  # characters of a plugin exception's message that are shown
_MISSING = object()
_NOT_PLUGIN = (str(Path(importlib.__file__).parent), __file__)


@contextlib.contextmanager
def guarded(doing: str, *, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Run plugin code: report its errors in one line, and keep its prints out of our output.

    The current folder, which results may be relative to, is restored afterwards.

    Args:
        doing: the failure to report: "my-model cannot be made".
        passing: exceptions to raise unchanged.

    Raises:
        PluginError: the code raised another exception, `SystemExit` included.
    """
    try:
        here = os.getcwd()
    except OSError:  # the folder was removed
        here = ""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except passing:
        raise
    except BaseException as error:  # plugin code must not end this process
        raise PluginError(f"{doing}: {one_line(error)}") from error
    finally:
        if here:
            os.chdir(here)


def one_line(error: BaseException) -> str:
    """Return an exception in one line: its type, its message, and the line that raised it."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # a broken __str__
        message = ""
    kind = type(error).__name__
    text = f"{kind}: {message[:LONGEST]}" if message else kind
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen", *_NOT_PLUGIN))
    ]
    if isinstance(error, SyntaxError) or not frames:
        return text  # the message of a SyntaxError has its place
    return f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def import_module(module: str, who: str) -> ModuleType:
    """Import a module that the plugin or model `who` needs.

    Raises:
        PluginError: the module is missing, or its code raises an exception.
    """
    with guarded(f"{who}: cannot import {module}"):
        return importlib.import_module(module)


def get_attribute(module: ModuleType, name: str, who: str) -> Any:
    """Return an attribute of a module; its name may have dots.

    Raises:
        PluginError: it does not exist; the message lists the nearest names.
    """
    value: Any = module
    for part in name.split("."):
        with guarded(f"{who}: cannot get {name} from {module.__name__}"):
            names = [name for name in dir(value) if not name.startswith("_")]
            value = getattr(value, part, _MISSING)
        if value is _MISSING:
            place = getattr(module, "__file__", None) or module.__name__
            raise PluginError(f"{who}: there is no {part!r} in {place}{_hint(part, names)}")
    return value


def _hint(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def module_hint(module: str) -> str:
    """Return a hint that lists modules with names like a missing one, "" if there are none."""
    parent, _, last = module.rpartition(".")
    package = sys.modules.get(parent) if parent else None
    folders = list(getattr(package, "__path__", [])) if parent else [os.getcwd()]
    return _hint(last, (info.name for info in pkgutil.iter_modules(folders)))


def find_spec(module: str) -> ModuleSpec | None:
    """Return a module's spec without running code, not even its parents' code."""
    name, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # an invalid name, or a module without a spec
        return None
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec


def first_missing(modules: Iterable[str]) -> str:
    """Return the first of these modules that is not installed, "" if all are; import none."""
    return next((name for name in modules if name not in sys.modules and not find_spec(name)), "")
