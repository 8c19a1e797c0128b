"""A model by import path, `my_ser:Nearest`: from its words to a class that learns folds.

What is there may be a class that meets `serbench.contracts.Model`, or anything that follows
scikit-learn's estimator interface; see `serbench.plugins.sklearn_adapter`.
"""

import importlib
import inspect
import os
import sys
from types import ModuleType
from typing import Any

from serbench.contracts import TARGET
from serbench.errors import PluginError, UnknownName
from serbench.plugins import sklearn_adapter, source_code
from serbench.plugins.guarded_import import attribute, beside, imported, located
from serbench.plugins.sklearn_adapter import HINT

MARK = "__serbench_source__"


def features(path: str) -> str | None:
    """Return the features that a model states, "waveform" if it states none; None of an estimator.

    Raises:
        SerbenchError: there is no such module or name.
    """
    target = _target(path)
    stated = getattr(target, "features", None)
    if isinstance(stated, str):
        return stated
    return "waveform" if _is_contract(target) else None


def load(path: str) -> Any:
    """The class of a model that is named by import path.

    Raises:
        SerbenchError: what is there is neither a model nor an estimator.
    """
    target = _target(path)
    if _is_contract(target):
        _require_made_of(path, target)
        return target
    return sklearn_adapter.adapted(path, target)


def version(path: str, stated: str) -> str:
    """The version of a run's model: what the class says, and its source where that is the user's.

    Args:
        path: of the model.
        stated: its attribute `version`.
    """
    package = top(path)
    if _is_contract(_target(path)) and source_code.is_own(package):
        return f"{stated}, {source_code.identity(package)}"
    return stated


def packages(path: str) -> tuple[str, ...]:
    """The packages whose source made the model: its own, and the user's that it imports.

    Imports nothing.
    """
    _reach()
    package = top(path)
    return source_code.own_modules(package) if source_code.is_own(package) else (package,)


def provider(path: str) -> str:
    """Whose code it is, as far as that is known without importing it."""
    _reach()
    package = top(path)
    spec = located(package)
    if spec is None:
        return f"{package}, which is not here"
    if source_code.is_own(package):
        where = spec.origin or next(iter(spec.submodule_search_locations or [""]))
        return f"{where}, a file that this command imports"
    return source_code.identity(package)


def top(path: str) -> str:
    """The package or module that an import path begins with: "sklearn" of "sklearn.svm:SVC"."""
    return path.partition(":")[0].partition(".")[0]


def _target(path: str) -> Any:
    module, _, name = path.partition(":")
    if not TARGET.fullmatch(path):
        guess = f", perhaps {_spelt(module)}:{name or 'Name'}" if _spelt(module) else ""
        raise UnknownName(
            f"{path!r} is no import path: a model of your own is written module:Name, as "
            f"in my_ser:Nearest{guess}"
        )
    return attribute(_module(module, path), name, path)


def _spelt(module: str) -> str:
    """What was meant by a file's name: "my_ser" for "./my_ser.py"."""
    words = module.removeprefix("./").removesuffix(".py").replace("/", ".")
    return words if words != module and TARGET.fullmatch(f"{words}:Name") else ""


def _module(name: str, path: str) -> ModuleType:
    _reach()
    importlib.invalidate_caches()  # the file may have been written a moment ago
    if located(name) is None:
        where = f"in {os.getcwd()} and among the installed packages"
        package = name.partition(".")[0]
        if package != name and located(package) is not None:
            where = f"in the package {package}"
            imported(package, path)
        hint = f"; did you mean {_spelt(name)}?" if _spelt(name) else beside(name)
        raise UnknownName(f"{path}: there is no module {name!r}; it was looked for {where}{hint}")
    package = top(path)
    own = source_code.is_own(package)
    if own:
        _forget_changed(package)
        if package not in sys.modules:
            source_code.forget_bytecode(package)
    module = imported(name, path)
    if own:
        sys.modules[package].__dict__[MARK] = source_code.identity(package)
    return module


def _forget_changed(package: str) -> None:
    """Have what this process imported of the user's before it was edited imported again.

    A notebook lives on while files change; the processes that train read them as they are.
    """
    known = sys.modules.get(package)
    mark = known.__dict__.get(MARK) if known else None
    if mark is None or mark == source_code.identity(package):
        return
    changed = source_code.own_modules(package)
    for name in [one for one in sys.modules if one.partition(".")[0] in changed]:
        del sys.modules[name]


def _reach() -> None:
    """Make the current folder importable, after all that is installed."""
    here = os.getcwd()
    if not {here, ""} & set(sys.path):
        sys.path.append(here)


def _is_contract(target: Any) -> bool:
    """It is meant to meet `serbench.contracts.Model`: no parameters by scikit-learn's rules."""
    if not isinstance(target, type):
        return False
    return isinstance(getattr(target, "version", None), str) or not callable(
        getattr(target, "get_params", None)
    )


def _require_made_of(path: str, target: type) -> None:
    """Refuse a class that is no model, or that the harness cannot make.

    Raises:
        PluginError: what it lacks.
    """
    lacking = [one for one in ("fit", "predict") if not callable(getattr(target, one, None))]
    if lacking:
        raise PluginError(
            f"{path} is neither a model nor an estimator: the class has no "
            f"{' and no '.join(lacking)}{HINT}"
        )
    known = inspect.signature(target).parameters.values()
    takes = {one.name for one in known}
    any_name = any(one.kind is one.VAR_KEYWORD for one in known)
    if not (any_name or {"labels", "seed"} <= takes):
        raise PluginError(
            f"{path} is neither a model nor an estimator: a model's class takes labels and seed, "
            f"{target.__name__}{inspect.signature(target)} does not{HINT}"
        )
    required = [
        one.name
        for one in known
        if one.default is one.empty and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    ]
    needs = [name for name in required if name not in ("labels", "seed")]
    if needs:
        raise PluginError(
            f"{path} cannot be made without {', '.join(needs)}: a parameter of a model needs a "
            "default, which --param then changes"
        )
