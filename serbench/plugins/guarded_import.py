"""Imports other people's modules so that whatever goes wrong in them is one line."""

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

LONGEST = 300  # characters of another's message


def imported(module: str, who: str) -> ModuleType:
    """Import a module.

    Args:
        module: "my_package.models".
        who: needs it, for the message.

    Raises:
        PluginError: it is not there, or its code raises something.
    """
    with guarded(f"{who}: cannot import {module}"):
        return importlib.import_module(module)


@contextlib.contextmanager
def guarded(doing: str, *, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Run plugin code: report its errors in one line, and keep what it prints out of our output.

    The current folder, which results may be relative to, is afterwards what it was.

    Args:
        doing: what failed if the code raises something: "my-model cannot be made".
        passing: errors that are raised as they are.

    Raises:
        PluginError: it raised something else, `SystemExit` too.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr), _staying():
            yield
    except KeyboardInterrupt:
        raise
    except passing:
        raise
    except BaseException as error:  # nothing that others wrote may end this process
        raise PluginError(f"{doing}: {said(error)}") from error


@contextlib.contextmanager
def _staying() -> Iterator[None]:
    try:
        here = os.getcwd()
    except OSError:  # somebody has removed it
        here = ""
    try:
        yield
    finally:
        if here:
            os.chdir(here)


def attribute(module: ModuleType, name: str, who: str) -> Any:
    """What a module calls by that name, which may have dots.

    Raises:
        PluginError: it has no such name; those that come nearest are listed.
    """
    found: Any = module
    for part in name.split("."):
        with guarded(f"{who}: cannot get {name} from {module.__name__}"):
            known = [one for one in dir(found) if not one.startswith("_")]
            here = getattr(found, part, _MISSING)
        if here is _MISSING:
            place = getattr(module, "__file__", None) or module.__name__
            raise PluginError(f"{who}: there is no {part!r} in {place}{_guess(part, known)}")
        found = here
    return found


_MISSING = object()


def _guess(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def beside(module: str) -> str:
    """Words on the names that come nearest to a module that is not there, or nothing."""
    parent, _, last = module.rpartition(".")
    found = sys.modules.get(parent) if parent else None
    places = list(getattr(found, "__path__", [])) if parent else [os.getcwd()]
    return _guess(last, (one.name for one in pkgutil.iter_modules(places)))


def said(error: BaseException) -> str:
    """An exception in one line: its kind, its words, and the line of code that raised it."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # a broken __str__ is no better than none
        words = ""
    kind = type(error).__name__
    text = f"{kind}: {words[:LONGEST]}" if words else kind
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen", *_NOT_THEIRS))
    ]
    if isinstance(error, SyntaxError) or not frames:
        return text  # a SyntaxError says its place itself
    return f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


_NOT_THEIRS = (str(Path(importlib.__file__).parent), __file__)


def located(module: str) -> ModuleSpec | None:
    """Where a module is, found without running any code, not even that of its parents."""
    name, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # no name at all, or a module that somebody put there by hand
        return None
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec


def absent(modules: Iterable[str]) -> str:
    """The first of these modules that is not installed, or nothing; imports none of them."""
    return next((one for one in modules if one not in sys.modules and located(one) is None), "")
