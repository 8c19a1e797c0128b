"""Read `study.toml`: the models, datasets and seeds of a study, and the engine that runs them."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.evaluation.extra_sets import Wanted
from serbench.files import expanded
from serbench.parameters import is_import_path, require_json
from serbench.plugins import registry
from serbench.results.config import Request, require_normalising
from serbench.study.matrix import FIELDS, Combination, Item, Matrix, expand, seeds

KEYS = ("name", "matrix", "exclude", "extra", "engine")
ITEMS = ("model", "dataset")  # fields whose values may be tables

Table = Mapping[str, Any]


@dataclass(frozen=True)
class StudyFile:
    """A study as its file describes it."""

    path: str  # as typed
    name: str
    matrix: Matrix
    engine: str = "local"
    options: Mapping[str, object] = field(default_factory=dict)  # of the engine
    extras: Wanted = field(default_factory=Wanted)  # extra test sets of all runs


def read(path: str | Path) -> StudyFile:
    """Read a study from a file, or by the name of a study that serbench ships: "table-2".

    Raises:
        SerbenchError: the file does not exist, or has a mistake; the message says where.
    """
    file = expanded(path)
    shipped = resources.files("serbench.study").joinpath("studies")
    names = sorted(each.name[:-5] for each in shipped.iterdir() if each.name.endswith(".toml"))
    try:
        if str(path) in names and not file.is_file():
            text = shipped.joinpath(f"{path}.toml").read_text(encoding="utf-8")
        else:
            text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise nearest("study file", str(path), names, ": give one of these, or a file") from None
    except UnicodeDecodeError as error:
        raise SerbenchError(f"{path}: it is not UTF-8 text ({error.reason})") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadParameter(f"{path}: {error}") from error
    try:
        return _study(document, str(path), file)
    except SerbenchError as error:
        raise type(error)(f"{path}: {error}") from error


def _study(document: Table, path: str, file: Path) -> StudyFile:
    _require_known("key", document, KEYS)
    name = document.get("name", file.stem)
    if not isinstance(name, str) or not name:
        raise BadParameter(f"name is {name!r}, but must be text")
    axes = _table(document.get("matrix"), "[matrix]")
    _require_known("key", axes, FIELDS, "in [matrix]")
    for kind in ITEMS:
        if not axes.get(kind):
            raise BadParameter(f'[matrix] has no {kind}: write {kind} = ["NAME", ...]')
    items = {kind: [_item(kind, each, file.parent) for each in _list(axes[kind])] for kind in ITEMS}
    common = {
        key: _values(key, value, "[matrix]", file.parent)
        for key, value in axes.items()
        if key not in ITEMS
    }
    if "data" in common and len(items["dataset"]) > 1:
        raise BadParameter(
            "data in [matrix] is one folder, but there are several datasets: set it for each, "
            'dataset = [{ name = "NAME", data = "FOLDER" }]'
        )
    matrix = expand(items["model"], items["dataset"], common)
    matrix = _without(matrix, _list(document.get("exclude", [])), file.parent)
    options = dict(_table(document.get("engine", {"name": "local"}), "[engine]"))
    engine = options.pop("name", None)
    if not isinstance(engine, str):
        raise BadParameter('[engine] has no name: write name = "local", or another engine')
    registry.find("engine", engine)
    return StudyFile(path, name, matrix, engine, options, _extras(document))


def _extras(document: Table) -> Wanted:
    """Return the extra test sets that all runs of the study are tested on."""
    given = _table(document.get("extra", {}), "[extra]")
    _require_known("key", given, ("test_on", "perturb", "map"), "in [extra]")
    names = {key: _list(given.get(key, [])) for key in ("test_on", "perturb")}
    for key, values in names.items():
        for value in values:
            if not isinstance(value, str) or not value:
                raise BadParameter(f"{key} in [extra] is {value!r}, but must be text")
    return Wanted(**names, label_map=_table(given.get("map", {}), "map in [extra]"))


def _item(kind: str, given: object, folder: Path) -> Item:
    """Return a model or a dataset, which the file gives as a name or as a table with fields."""
    where = f"{kind} in [matrix]"
    table = {"name": given} if isinstance(given, str) else _table(given, where)
    name = table.get("name")
    if not isinstance(name, str) or not name:
        raise BadParameter(f"{where} has no name: write {{ name = ... }}")
    if "\0" in name:
        raise BadParameter(f"{where} is {name!r}, but must be text without NUL")
    where = f"{kind} {name}"
    fields = [each for each in FIELDS if each not in ITEMS]
    _require_known(f"key of {where}", table, ["name", *fields])
    if not (kind == "model" and is_import_path(name)):  # finding it would import it
        registry.find(kind, name.partition(":")[0])
    axes = {key: _values(key, table[key], where, folder) for key in table if key != "name"}
    return Item(name, axes)


def _values(key: str, given: object, where: str, folder: Path) -> list[Any]:
    """Return the values of a field, which the file gives as one value or as a list."""
    values: list[Any] = []
    for value in _list(given):
        if key == "seed":
            values += seeds(value)
        elif key == "params":
            values.append(_table(value, f"params of {where}"))
            for name, each in values[-1].items():
                require_json(where, name, each)
        elif key == "trim_db":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (math.isfinite(value) if is_number else value == "none"):
                raise BadParameter(
                    f'trim_db of {where} is {value!r}, but must be a finite number or "none"'
                )
            values.append(float(value) if is_number else None)
        elif key == "threads":
            if type(value) is not int:
                raise BadParameter(f"threads of {where} is {value!r}, but must be a whole number")
            values.append(value)
        elif key == "augment":
            specs = tuple(_list(value))
            if not specs or not all(isinstance(each, str) and each for each in specs):
                raise BadParameter(
                    f"augment of {where} is {value!r}, but must be perturbations: "
                    'augment = "noise:snr=15", or "none"; [["noise:snr=15", "gain"]] are two in '
                    "one run"
                )
            values.append(specs)
        elif key == "normalise":
            require_normalising(value)
            values.append(value)
        elif not isinstance(value, str) or not value or "\0" in value:
            raise BadParameter(f"{key} of {where} is {value!r}, but must be text without NUL")
        else:
            values.append(folder / expanded(value) if key == "data" else value)
    if not values:
        raise BadParameter(f"{key} of {where} is an empty list: write a value, or leave it out")
    return [value for at, value in enumerate(values) if value not in values[:at]]


def _without(matrix: Matrix, excluded: Sequence[object], folder: Path) -> Matrix:
    """Return the matrix without the combinations that an `[[exclude]]` matches.

    Raises:
        SerbenchError: an `[[exclude]]` matches no run, or no run is left.
    """
    left_out: set[int] = set()
    for number, given in enumerate(excluded, 1):
        where = f"[[exclude]] {number}"
        wanted = _table(given, where)
        _require_known("key", wanted, FIELDS, f"in {where}")
        values = {
            key: _list(value) if key in ITEMS else _values(key, value, where, folder)
            for key, value in wanted.items()
        }
        matches = [at for at, each in enumerate(matrix.combinations) if _fits(each, values)]
        if not matches or not wanted:
            raise _matches_nothing(matrix.requests, wanted, where)
        left_out.update(matches)
    kept = [each for at, each in enumerate(matrix.combinations) if at not in left_out]
    if not kept:
        raise BadParameter("[[exclude]] leaves out every run: remove an [[exclude]]")
    return replace(matrix, combinations=tuple(kept))


def _fits(combination: Combination, wanted: Mapping[str, Sequence[Any]]) -> bool:
    for key, values in wanted.items():
        actual = getattr(combination.request, key)
        if key == "params":
            fits = any(
                all(actual.get(name) == one for name, one in each.items()) for each in values
            )
        else:
            fits = actual in values
        if not fits:
            return False
    return True


def _matches_nothing(requests: Sequence[Request], wanted: Table, where: str) -> SerbenchError:
    for key, value in wanted.items():
        names = list(dict.fromkeys(str(getattr(each, key)) for each in requests))
        for name in _list(value):
            if key in ITEMS and name not in names:
                return BadParameter(
                    str(nearest(f"{key} of this study", str(name), names, f", as {where} says"))
                )
    values = ", ".join(f"{key} = {value!r}" for key, value in wanted.items())
    what = f"{where} ({values})" if values else where
    return BadParameter(f"{what} matches no run of this study: correct it or remove it")


def _require_known(kind: str, given: Table, names: Sequence[str], where: str = "") -> None:
    for key in given:
        if key not in names:
            raise BadParameter(str(nearest(kind, key, names, where=where)))


def _table(given: object, where: str) -> Table:
    if not isinstance(given, dict):
        found = "missing" if given is None else repr(given)
        raise BadParameter(f"{where} is {found}, but must be a table of keys and values")
    return given


def _list(given: object) -> list[Any]:
    return given if isinstance(given, list) else [given]
