"""Uses a run's kept models on new audio: which emotion, and how probable is each?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from serbench import settings as devices
from serbench import tables
from serbench.contracts import Array, Exports, Model, Moves, Wave
from serbench.errors import SerbenchError
from serbench.evaluation import kept_models, model_output
from serbench.evaluation.kept_models import Kept
from serbench.features import audio
from serbench.features.extraction import of_one
from serbench.files import expanded, replacing_folder
from serbench.metrics import calibration
from serbench.metrics.classification import Floats, predicted
from serbench.plugins import registry
from serbench.results.config import Config
from serbench.results.run import Run, find
from serbench.settings import results_folder, settings
from serbench.text import as_json, shown


@dataclass(frozen=True)
class Exported:
    """What was exported, and where it is. Prints as a few lines.

    Attributes:
        model: the model's name.
        run: the run's name.
        kept: the fold whose model it is.
        among: of how many kept folds it was the best; 0 where the user named it.
        folder: where it is.
    """

    model: str
    run: str
    kept: Kept
    among: int
    folder: Path

    def __str__(self) -> str:
        best = f", the best of {self.among} kept folds" if self.among else ""
        sizes = {path.name: path.stat().st_size for path in sorted(self.folder.iterdir())}
        return "\n".join(
            [
                f"{self.model} of fold {self.kept.name} of {self.run} is in {self.folder}",
                f"validation macro F1: {tables.percent(self.kept.validation_f1)}{best}",
                f"labels: {', '.join(self.kept.fold.labels)}",
                f"files: {', '.join(f'{name} ({_size(size)})' for name, size in sizes.items())}",
            ]
        )


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def export(
    run: str | Path,
    out: str | Path,
    *,
    fold: str | None = None,
    results: str | Path | None = None,
) -> Exported:
    """Write one fold's kept model for other software.

    Args:
        run: its folder, or the start of its name.
        out: the folder to make.
        fold: whose model; None is the one with the highest macro F1 on its validation set, the
            first of equals.
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".

    Raises:
        SerbenchError: no model was kept, it cannot be exported, or there is something at `out`.
    """
    found = find(str(run), results_folder(results))
    name = found.config["model"]
    if not issubclass(kept_models.saving(name), Exports):
        raise SerbenchError(
            f"{name} cannot be exported, since it has no export (serbench.contracts.Exports): "
            "`serbench predict` uses it as it is"
        )
    kept = kept_models.kept(found.folder, found.folds, fold)
    best = max(kept, key=lambda one: one.validation_f1)
    folder = _free(Path(out))
    model: Exports = kept_models.load(best)
    with replacing_folder(folder) as made:
        model.export(made)
    return Exported(name, found.name, best, 0 if fold else len(kept), folder)


def _free(out: Path) -> Path:
    """The folder to write, which is not there or empty."""
    folder = expanded(out).resolve()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SerbenchError(f"there is something in {folder} already: name a new folder with --out")
    return folder


FORMATS = ("text", "csv", "json")
LONGEST = 60  # seconds; the corpora's longest utterance has 34


@dataclass(frozen=True)
class Predicted:
    """What a run's models say of files. Prints as a table.

    Attributes:
        run: the run's name.
        folds: whose models were asked.
        missing: how many of the run's folds have no model, or another was asked for.
        files: as they were named.
        labels: the columns of the probabilities.
        probabilities: (files, labels), the mean over the models; rows sum to 1.
    """

    run: str
    folds: tuple[str, ...]
    missing: int
    files: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: Floats

    @property
    def predictions(self) -> tuple[str, ...]:
        """The most probable label of each file, the first of equals."""
        return tuple(self.labels[index] for index in predicted(self.probabilities))

    @property
    def about(self) -> str:
        """Whose word it is, in a line."""
        if len(self.folds) == 1:
            return f"{self.run}: the model of fold {self.folds[0]}"
        used, total = len(self.folds), len(self.folds) + self.missing
        which = f"{used} of {total}" if self.missing else f"all {total}"
        return f"{self.run}: the mean probabilities of the models of {which} folds"

    def table(self, form: str = "text") -> str:
        """Every file with its label and all probabilities, in one of `FORMATS`.

        Text has three digits, csv and json have all.
        """
        if form == "json":
            return as_json(self._words())
        show = "{:.3f}".format if form == "text" else str
        rows = [[file, label, *map(show, row)] for file, label, row in self._rows()]
        return tables.table(["file", "label", *self.labels], rows, form)

    def _rows(self) -> Iterator[tuple[str, str, list[float]]]:
        return zip(self.files, self.predictions, self.probabilities.tolist(), strict=True)

    def _words(self) -> dict[str, object]:
        labels = self.labels
        files = [
            {"file": file, "label": label, "probabilities": dict(zip(labels, row, strict=True))}
            for file, label, row in self._rows()
        ]
        return {"run": self.run, "folds": list(self.folds), "files": files}

    def __str__(self) -> str:
        return "\n".join([self.table(), "", shown(self.about)])


def predict(
    run: str | Path,
    files: Sequence[str | Path],
    *,
    fold: str | None = None,
    device: str | None = None,
    results: str | Path | None = None,
) -> Predicted:
    """Predict audio files with the models that `evaluate(..., keep_models=True)` kept.

    Files are read as the run's were, and held in memory: 64 kB a second of audio. One model is in
    memory at a time.

    Args:
        run: its folder, or the start of its name.
        files: audio files.
        fold: whose model to ask, by the fold's name; None is all that are kept, and of folds that
            compete in a group only the winner's.
        device: "auto", "cpu" or "cuda"; None is SERBENCH_DEVICE, or "auto".
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".

    Raises:
        SerbenchError: no model was kept, one file cannot be read, or what is installed is not what
            the run was made with.
    """
    places = settings()
    found = find(str(run), results_folder(results))
    kept = kept_models.kept(found.folder, found.folds, fold)
    wanted = device or places.device
    devices.require_known(wanted)
    with threadpoolctl.threadpool_limits(Config(**found.config).threads):
        inputs = _inputs(found, [expanded(file) for file in files])
        each = [_probabilities(found, one, inputs, wanted) for one in kept]
    return Predicted(
        run=found.name,
        folds=tuple(one.name for one in kept),
        missing=len(found.folds) + found.missing - len(kept),
        files=tuple(map(str, files)),
        labels=found.folds[0].labels,
        probabilities=np.mean(each, axis=0),
    )


def _inputs(run: Run, files: Sequence[Path]) -> list[Array]:
    """The features of files, made as the run's were; every file is read before any is slow."""
    if not files:
        raise SerbenchError("there is no file to predict: name one audio file or more")
    config = run.config
    target: Any = registry.load(registry.find("feature", config["feature"]))
    kept_models.require_version(config, "feature", target)
    kept_models.require_version(config, "model", kept_models.saving(config["model"]))
    waves = [_wave(path, _reading(run)) for path in files]
    extractor = target(**registry.complete(target, config["feature_params"]))
    return [of_one(config["feature"], extractor, wave) for wave in waves]


def _wave(path: Path, reading: audio.Reading) -> Wave:
    """The wave of one utterance.

    Raises:
        SerbenchError: there is none, or more than an utterance.
    """
    if not path.is_file():
        what = "is a folder: name the files in it" if path.is_dir() else "is not there"
        raise SerbenchError(f"{path} {what}; nothing was predicted")
    remedy = "name audio files only; nothing was predicted"
    samples, rate = audio.decode(path, remedy=remedy)
    if len(samples) > LONGEST * rate:
        raise SerbenchError(
            f"{path} is {tables.duration(len(samples) / rate)} long, and models are for "
            f"utterances: cut it into some of at most {LONGEST} s; nothing was predicted"
        )
    return audio.wave(samples, rate, reading)


def _reading(run: Run) -> audio.Reading:
    stored: Mapping[str, Any] = run.config["reading"]
    reading = audio.Reading(stored["trim_db"])
    if dict(reading.identity()) != dict(stored):
        raise SerbenchError(
            f"{run.name} read its audio otherwise than this serbench does: install the version "
            f"that made it, {run.facts['versions'].get('serbench')}, or evaluate again"
        )
    return reading


def _probabilities(run: Run, kept: Kept, inputs: Sequence[Array], wanted: str) -> Floats:
    """(files, labels) of one fold's model."""
    model = kept_models.load(kept)
    _move(run, model, wanted)
    predictions = model_output.ask(model, inputs, len(kept.fold.labels))
    return calibration.probabilities(predictions.activations, predictions.link)


def _move(run: Run, model: Model, wanted: str) -> None:
    """Put a model, loaded on the CPU, where it is wanted."""
    if isinstance(model, Moves):
        model.to(devices.found(wanted))
    elif wanted == "cuda":
        raise SerbenchError(
            f"{run.config['model']} stays on the CPU, since it has no `to` "
            "(serbench.contracts.Moves): choose --device cpu or auto"
        )
