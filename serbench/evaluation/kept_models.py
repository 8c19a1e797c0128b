"""Keeps a fold's model below the run's folder, whole or not at all, and finds it again."""

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serbench.contracts import KeepableModel
from serbench.errors import SerbenchError, nearest
from serbench.files import writing_error
from serbench.plugins import registry
from serbench.results import fold_file
from serbench.results.fold_file import FoldResult


def saving(model: str) -> type[Any]:
    """The class of a model, one that can be kept.

    Raises:
        SerbenchError: it cannot.
    """
    target = registry.load(registry.find("model", model))
    if isinstance(target, type) and issubclass(target, KeepableModel):
        return target
    raise SerbenchError(
        f"{model} cannot be kept, since it has no save and load "
        "(serbench.contracts.KeepableModel): leave out --keep-models, or choose another model"
    )


def folder(run: Path, position: int) -> Path:
    """Where the model of a fold is, if it was kept."""
    return run / "models" / fold_file.stem(position)


def keep(made: Path | None, run: Path, position: int) -> None:
    """Move a fold's saved model to where kept models are; without one, remove an older model.

    An older model belongs to a result that is gone, and would stand beside the new one.
    """
    place = folder(run, position)
    forget(place)
    if made is not None:
        try:
            place.parent.mkdir(exist_ok=True)
            made.rename(place)
        except OSError as error:
            raise writing_error(place, error) from error


def forget(place: Path) -> None:
    """Remove a fold's model, of which all or nothing is there at any time.

    Whatever a killed process left beside it goes too.

    Raises:
        SerbenchError: it cannot be removed.
    """
    try:
        _sweep(place)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.rename(place.with_name(f".{place.name}.gone"))
        _sweep(place)
    except OSError as error:
        raise writing_error(place, error) from error


def _sweep(place: Path) -> None:
    for left in place.parent.glob(f".{place.name}.*"):
        shutil.rmtree(left)


@dataclass(frozen=True)
class Kept:
    """The kept model of one fold.

    Attributes:
        fold: its result.
        folder: where the model is.
    """

    fold: FoldResult
    folder: Path

    @property
    def name(self) -> str:
        """The fold's name."""
        return str(self.fold.facts["fold"]["name"])

    @property
    def validation_f1(self) -> float:
        """Macro F1 on the fold's validation set."""
        return float(self.fold.facts["validation"]["f1"])


def load(one: Kept) -> Any:
    """A kept model, on the CPU.

    Raises:
        SerbenchError: what is installed is not what the run was made with.
    """
    config = one.fold.facts["config"]
    target = saving(config["model"])
    require_version(config, "model", target)
    return target.load(one.folder)


def require_version(config: Mapping[str, Any], kind: str, target: Any) -> None:
    """Refuse to go on with another "model" or "feature" than a run was made with.

    Args:
        config: of the run.
        kind: "model" or "feature".
        target: what is installed under its name.

    Raises:
        SerbenchError: the versions differ.
    """
    made_with = config[f"{kind}_version"]
    installed = registry.version(registry.find(kind, config[kind]), target)
    if installed != made_with:
        raise SerbenchError(
            f"the run was made with version {made_with} of the {kind} {config[kind]}, but version "
            f"{installed} is installed: install the plugin that made it, or evaluate again"
        )


def kept(run: Path, folds: Sequence[FoldResult], name: str | None = None) -> list[Kept]:
    """The folds whose models are kept, or the one of that name.

    Raises:
        SerbenchError: no model is kept.
        UnknownName: none of that name is.
    """
    places = [Kept(fold, folder(run, fold.facts["fold"]["index"])) for fold in folds]
    found = [one for one in places if one.folder.is_dir()]
    if not found:
        raise SerbenchError(
            f"{run} has no kept models: evaluate again with --keep-models and another --results "
            "folder"
        )
    chosen = [one for one in found if name in (None, one.name)]
    if not chosen:
        raise nearest("kept fold", str(name), [one.name for one in found])
    return chosen
