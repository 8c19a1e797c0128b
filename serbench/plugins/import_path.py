"""Load a model or a perturbation by import path, `my_ser:Nearest`.

A model's path leads to a class that implements `serbench.contracts.Model`, or to an estimator with
scikit-learn's interface; see `serbench.plugins.sklearn_adapter`.
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
from serbench.plugins.guarded_import import find_spec, get_attribute, import_module, module_hint
from serbench.plugins.sklearn_adapter import HINT

MARK = "__serbench_source__"  # attribute of a user's imported module: the digest of its source


def features(path: str) -> str | None:
    """Return the features that a class states, else "waveform" for a model, None for an estimator.

    Raises:
        SerbenchError: the module or the name does not exist.
    """
    target = locate(path)
    stated = getattr(target, "features", None)
    if isinstance(stated, str):
        return stated
    return "waveform" if _is_model(target) else None


def load(path: str) -> Any:
    """Return the class of a model.

    Raises:
        SerbenchError: the path leads neither to a model nor to an estimator.
    """
    target = locate(path)
    if not _is_model(target):
        return sklearn_adapter.adapted(path, target)
    _require_model(path, target)
    return target


def version(path: str, stated: str) -> str:
    """Return the version that a model states, with a source digest if the code is the user's."""
    package = top(path)
    if _is_model(locate(path)) and source_code.is_own(package):
        return f"{stated}, {source_code.identity(package)}"
    return stated


def packages(path: str) -> tuple[str, ...]:
    """Return a model's package and the user's modules that it imports, without importing any."""
    _reach_current_folder()
    package = top(path)
    return source_code.own_modules(package) if source_code.is_own(package) else (package,)


def provider(path: str) -> str:
    """Describe where a model's code comes from, without importing it."""
    _reach_current_folder()
    package = top(path)
    spec = find_spec(package)
    if spec is None:
        return f"{package}, which is not installed"
    if source_code.is_own(package):
        where = spec.origin or next(iter(spec.submodule_search_locations or [""]))
        return f"{where}, a file that this command imports"
    return source_code.identity(package)


def top(path: str) -> str:
    """Return the package or module that a path begins with: "sklearn" of "sklearn.svm:SVC"."""
    return path.partition(":")[0].partition(".")[0]


def locate(path: str) -> Any:
    """Return the class or function that an import path leads to.

    Raises:
        SerbenchError: the module or the name does not exist.
    """
    module, _, name = path.partition(":")
    if not TARGET.fullmatch(path):
        suggested = _module_of_file(module)
        hint = f", perhaps {suggested}:{name or 'Name'}" if suggested else ""
        raise UnknownName(
            f"{path!r} is not an import path: a class of your own is written module:Name, as "
            f"in my_ser:Nearest{hint}"
        )
    return get_attribute(_module(module, path), name, path)


def _module_of_file(name: str) -> str:
    """Return the module of a file's name, "my_ser" for "./my_ser.py", or else ""."""
    module = name.removeprefix("./").removesuffix(".py").replace("/", ".")
    return module if module != name and TARGET.fullmatch(f"{module}:Name") else ""


def _module(name: str, path: str) -> ModuleType:
    _reach_current_folder()
    importlib.invalidate_caches()  # the file may have been written a moment ago
    package = top(path)
    if find_spec(name) is None:
        where = f"in {os.getcwd()} or among the installed packages"
        if package != name and find_spec(package) is not None:
            where = f"in the package {package}"
            import_module(package, path)
        if name == "__main__":
            raise UnknownName(f"{path}: folds run in other processes: put the class into a file")
        suggested = _module_of_file(name)
        hint = f"; did you mean {suggested}?" if suggested else module_hint(name)
        raise UnknownName(f"{path}: there is no module {name!r} {where}{hint}")
    if not source_code.is_own(package):
        return import_module(name, path)
    _forget_changed(package)
    if package not in sys.modules:
        source_code.forget_bytecode(package)
    module = import_module(name, path)
    sys.modules[package].__dict__[MARK] = source_code.identity(package)
    return module


def _forget_changed(package: str) -> None:
    """Drop the user's modules that were edited after this process, perhaps a notebook, read them.

    Training processes read the current files.
    """
    module = sys.modules.get(package)
    mark = module.__dict__.get(MARK) if module else None
    if mark is None or mark == source_code.identity(package):
        return
    changed = source_code.own_modules(package)
    for name in [name for name in sys.modules if name.partition(".")[0] in changed]:
        del sys.modules[name]


def _reach_current_folder() -> None:
    """Make the current folder importable, after everything that is installed."""
    here = os.getcwd()
    if not {here, ""} & set(sys.path):
        sys.path.append(here)


def _is_model(target: Any) -> bool:
    """Return whether a target is meant as a `serbench.contracts.Model`, not as an estimator."""
    if not isinstance(target, type):
        return False
    return isinstance(getattr(target, "version", None), str) or not callable(
        getattr(target, "get_params", None)
    )


def _require_model(path: str, target: type) -> None:
    """Refuse a class without a model's methods or constructor."""
    missing = [name for name in ("fit", "predict") if not callable(getattr(target, name, None))]
    if missing:
        raise PluginError(
            f"{path} is neither a model nor an estimator: the class has no "
            f"{' and no '.join(missing)}{HINT}"
        )
    signature = inspect.signature(target)
    parameters = signature.parameters.values()
    any_name = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    if not (any_name or {"labels", "seed"} <= set(signature.parameters)):
        raise PluginError(
            f"{path} is neither a model nor an estimator: a model's class takes labels and seed, "
            f"{target.__name__}{signature} does not{HINT}"
        )
    required = [name for name in sklearn_adapter.required(target) if name not in ("labels", "seed")]
    if required:
        raise PluginError(
            f"{path} cannot be made without {', '.join(required)}: a parameter of a model needs a "
            "default, which --param then changes"
        )
