"""Keep fitted models in the run's folder, each one complete or absent, and load them again."""

import contextlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from serbench.contracts import KeepableModel
from serbench.errors import SerbenchError, nearest
from serbench.evaluation.progress import fold_status
from serbench.files import replacing, writing_error
from serbench.plugins import registry
from serbench.results import eligibility, extra_set, fold_file
from serbench.results.config import Config
from serbench.results.fold_file import FoldResult


@dataclass(frozen=True)
class KeptModel:
    """The model of one fold: the fold's result, and the model's folder."""

    fold: FoldResult
    folder: Path

    @property
    def name(self) -> str:
        """The fold's name."""
        return self.fold.facts.fold.name

    @property
    def validation_f1(self) -> float:
        """Macro F1 on the fold's validation set."""
        return self.fold.facts.validation["f1"]


def keepable(model: str) -> type[Any] | None:
    """Return the class of a model, None if the model cannot be kept."""
    target = registry.load(registry.find("model", model))
    if isinstance(target, type) and issubclass(target, KeepableModel):
        return target
    return None


def require_keepable(model: str) -> type[Any]:
    """Return the class of a model.

    Raises:
        SerbenchError: the model cannot be kept.
    """
    if (target := keepable(model)) is not None:
        return target
    raise SerbenchError(
        f"{model} cannot be kept, since it has no save and load "
        "(serbench.contracts.KeepableModel): leave out --keep-models, or choose another model"
    )


def folder(run: Path, position: int) -> Path:
    """Return the folder for the kept model of a fold."""
    return run / "models" / fold_file.stem(position)


def replace(saved: Path | None, run: Path, position: int) -> None:
    """Move a fold's saved model into its folder; None only removes the older model.

    An older model belongs to a result that is gone. It is removed atomically, with the remains of
    a killed process.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    place = folder(run, position)

    def sweep() -> None:
        for left in place.parent.glob(f".{place.name}.*"):
            shutil.rmtree(left)

    try:
        sweep()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.rename(place.with_name(f".{place.name}.gone"))
        sweep()
        if saved is not None:
            place.parent.mkdir(exist_ok=True)
            saved.rename(place)
    except OSError as error:
        raise writing_error(place, error) from error


def store(result: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a fold that another machine computed; the result comes last.

    Args:
        result: the fold's file.
        files: contents by path below the run's folder.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    run, position = result.parent, int(result.stem.rpartition("-")[2]) - 1
    place = folder(run, position).relative_to(run)
    with tempfile.TemporaryDirectory(prefix=".arrived.", dir=run) as name:
        model = Path(name) / "model"
        for path, content in files.items():
            if Path(path).is_relative_to(place):
                file = model / Path(path).relative_to(place)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        replace(model if model.is_dir() else None, run, position)
    for path, content in files.items():
        if Path(path).parts[0] == extra_set.FOLDER:
            fold_status.clear(run / path)  # else an earlier failure would stay
            with replacing(run / path) as temporary:
                temporary.write_bytes(content)
    with replacing(result) as temporary:
        temporary.write_bytes(files[result.name])


def require_own_inputs(config: Config) -> None:
    """Refuse models whose inputs were standardised with other utterances of the test set.

    Raises:
        SerbenchError: they were.
    """
    if sees := eligibility.sees(config):
        raise SerbenchError(
            f"the models were trained with --normalise {config.normalise}: their inputs need "
            f"{sees}, which a file alone does not have; use a run without --normalise, or test "
            "another corpus with --test-on"
        )


def find(run: Path, folds: Sequence[FoldResult], name: str | None = None) -> list[KeptModel]:
    """Return the kept models of a run, or only the model of the fold of this name.

    Raises:
        SerbenchError: no model is kept.
        UnknownName: no fold has that name, or its model is not kept.
    """
    models = [KeptModel(fold, folder(run, fold.facts.fold.index)) for fold in folds]
    kept = [model for model in models if model.folder.is_dir()]
    if not kept:
        raise SerbenchError(
            f"{run} has no kept models: evaluate again with --keep-models and another --results "
            "folder"
        )
    chosen = [model for model in kept if name in (None, model.name)]
    if not chosen:
        raise nearest("kept fold", str(name), [model.name for model in kept])
    return chosen


def load(model: KeptModel) -> Any:
    """Load a kept model, on the CPU.

    Raises:
        SerbenchError: the installed version is not the run's.
    """
    config = model.fold.facts.config
    target = require_keepable(config.model)
    require_version(config, "model", target)
    return target.load(model.folder)


def require_version(config: Config, kind: Literal["model", "feature"], target: Any) -> None:
    """Refuse the installed "model" or "feature" if a run was computed with another version.

    Raises:
        SerbenchError: the versions differ.
    """
    name, made_with = (
        (config.model, config.model_version)
        if kind == "model"
        else (config.feature, config.feature_version)
    )
    installed = registry.version(registry.find(kind, name), target)
    if installed != made_with:
        raise SerbenchError(
            f"the run was made with version {made_with} of the {kind} {name}, but version "
            f"{installed} is installed: install the plugin that made it, or evaluate again"
        )
