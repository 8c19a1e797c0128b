"""Use a run's kept models: predict audio files, or export a model for other software."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from serbench import settings as devices
from serbench import tables
from serbench.contracts import Array, ExportableModel, MovableModel
from serbench.errors import SerbenchError
from serbench.escaping import as_json, shown
from serbench.evaluation import kept_models
from serbench.evaluation.folds import model_io
from serbench.evaluation.kept_models import KeptModel
from serbench.features import audio, extraction
from serbench.files import expanded, replacing_folder
from serbench.metrics import calibration
from serbench.metrics.classification import Floats, predicted
from serbench.plugins import registry
from serbench.results.run import Run, find
from serbench.settings import results_folder, settings

FORMATS = ("text", "csv", "json")


@dataclass(frozen=True)
class PredictedFiles:
    """The predictions of a run's models for audio files. Prints as a table.

    Attributes:
        run: the run's name.
        folds: the folds whose models predicted.
        missing: the number of the run's other folds.
        files: the paths as the caller wrote them.
        labels: the columns of the probabilities.
        probabilities: (files, labels), the mean over the models; rows sum to 1.
        notes: warnings, one per line.
    """

    run: str
    folds: tuple[str, ...]
    missing: int
    files: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: Floats
    notes: tuple[str, ...] = ()

    @property
    def predictions(self) -> tuple[str, ...]:
        """The most probable label of each file, the first one in a tie."""
        return tuple(self.labels[index] for index in predicted(self.probabilities))

    @property
    def about(self) -> str:
        """The models that predicted, in one line."""
        if len(self.folds) == 1:
            return f"{self.run}: the model of fold {self.folds[0]}"
        used, total = len(self.folds), len(self.folds) + self.missing
        which = f"{used} of" if self.missing else "all"
        folds = tables.count(total, "fold")
        return f"{self.run}: the mean probabilities of the models of {which} {folds}"

    def table(self, form: str = "text") -> str:
        """Format all labels and probabilities in a format: one of `FORMATS`, or "html".

        Text and HTML have three digits.
        """
        rows = zip(self.files, self.predictions, self.probabilities.tolist(), strict=True)
        if form == "json":
            files = [
                {
                    "file": file,
                    "label": label,
                    "probabilities": dict(zip(self.labels, row, strict=True)),
                }
                for file, label, row in rows
            ]
            return as_json({"run": self.run, "folds": list(self.folds), "files": files})
        number = "{:.3f}".format if form in ("text", "html") else str
        cells = [[file, label, *map(number, row)] for file, label, row in rows]
        return tables.table(["file", "label", *self.labels], cells, form)

    def __repr__(self) -> str:
        return f"<PredictedFiles {tables.count(len(self.files), 'file')} by {shown(self.about)}>"

    def __str__(self) -> str:
        return "\n".join([self.table(), "", *map(shown, (self.about, *self.notes))])

    def _repr_html_(self) -> str:
        return tables.page(self.about, self.table("html"), self.notes, "html")


def predict(
    run: Run | str | Path,
    files: str | Path | Sequence[str | Path],
    *,
    fold: str | None = None,
    device: str | None = None,
    results: str | Path | None = None,
) -> PredictedFiles:
    """Predict audio files with the models that `evaluate(..., keep_models=True)` kept.

    Files are read like the run's, and held in memory: 64 kB per second of audio. One model is in
    memory at a time.

    Args:
        run: a run, its folder, or the start of its name.
        files: an audio file, or several.
        fold: the name of the fold whose model predicts; None takes all kept models, but only the
            winner's from a group of competing folds.
        device: "auto", "cpu" or "cuda"; None is SERBENCH_DEVICE, or "auto".
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".

    Raises:
        SerbenchError: no model was kept, a file cannot be read, an installed version is not the
            run's, or the run's features are standardised (`normalise`).
    """
    files = [files] if isinstance(files, str | Path) else files
    source = find(run, results_folder(results))
    kept_models.require_own_inputs(source.config)
    kept = kept_models.find(source.folder, source.folds, fold)
    device = devices.require_device(device or settings().device)
    with threadpoolctl.threadpool_limits(source.config.threads):
        inputs = _inputs(source, [expanded(file) for file in files])
        probabilities = [_probabilities(model, inputs, device) for model in kept]
    return PredictedFiles(
        run=source.name,
        folds=tuple(model.name for model in kept),
        missing=len(source.folds) + source.missing - len(kept),
        files=tuple(map(str, files)),
        labels=source.facts.labels,
        probabilities=np.mean(probabilities, axis=0),
        notes=_learned(source, kept, files),
    )


def _learned(run: Run, kept: Sequence[KeptModel], files: Sequence[str | Path]) -> tuple[str, ...]:
    """Warn of files with names of the run's test utterances: models of other folds learned them."""
    tested = {Path(id_).stem: fold.facts.fold.name for fold in run.folds for id_ in fold.test.ids}
    known = [file for file in files if Path(file).stem in tested]
    others = [file for file in known if {tested[Path(file).stem]} != {model.name for model in kept}]
    if not others:
        return ()
    stem = Path(others[0]).stem
    return (
        f"NOT NEW to these models: {tables.count(len(others), 'file')} named like utterances of "
        f"{run.config.dataset}, such as {stem}, from which models of other folds learned; only the "
        f"model of its test fold did not: --fold {tested[stem]}",
    )


def _inputs(run: Run, files: Sequence[Path]) -> list[Array]:
    """Extract the features of files as in the run; read all files before the slow part."""
    if not files:
        raise SerbenchError("there is no file to predict: name one audio file or more")
    config = run.config
    stored: Any = config.reading
    target: Any = registry.load(registry.find("feature", config.feature))
    kept_models.require_version(config, "feature", target)
    kept_models.require_version(config, "model", kept_models.require_keepable(config.model))
    reading = audio.Reading(stored["trim_db"])
    if dict(reading.identity()) != dict(stored):
        raise SerbenchError(
            f"{run.name} read audio differently from this serbench: install the version that "
            f"computed the run, {run.facts.versions.get('serbench')}, or evaluate again"
        )
    if extraction.reads(target) == "sentence":
        raise SerbenchError(
            f"{run.name} learned from sentences, not from audio, so it cannot predict a file"
        )
    decoded = [_decoded(path) for path in files]
    extractor = target(**registry.complete(target, config.feature_params))
    return [
        extraction.of_samples(config.feature, extractor, samples, rate, reading)
        for samples, rate in decoded
    ]


def _decoded(path: Path) -> tuple[audio.Samples, int]:
    """Return the samples and the rate of a file."""
    if not path.is_file():
        fault = "is a folder: name the files in it" if path.is_dir() else "does not exist"
        raise SerbenchError(f"{path} {fault}; nothing was predicted")
    return audio.decode(path, remedy="name audio files only; nothing was predicted")


def _probabilities(kept: KeptModel, inputs: Sequence[Array], device: str) -> Floats:
    """Return the probabilities (files, labels) of one fold's model on a device."""
    model = kept_models.load(kept)  # on the CPU
    if isinstance(model, MovableModel):
        model.to(devices.find_device(device))
    elif device == "cuda":
        raise SerbenchError(
            f"{kept.fold.facts.config.model} stays on the CPU, since it has no `to` "
            "(serbench.contracts.MovableModel): choose --device cpu or auto"
        )
    predictions = model_io.predict(model, inputs, len(kept.fold.facts.labels))
    return calibration.probabilities(predictions.activations, predictions.link)


@dataclass(frozen=True)
class ExportedModel:
    """A model that was exported. Prints as a few lines."""

    model: str  # the model's name
    run: str  # the run's name
    kept: KeptModel
    among: int  # the number of kept folds that it is the best of; 0 if the user named the fold
    folder: Path  # the new folder

    def __str__(self) -> str:
        best = f", the best of {self.among} kept folds" if self.among else ""
        files = []
        for path in sorted(self.folder.iterdir()):
            kb = path.stat().st_size / 1e3
            files.append(f"{path.name} ({f'{kb / 1e3:.1f} MB' if kb >= 100 else f'{kb:.1f} kB'})")
        return "\n".join(
            [
                f"{self.model} of fold {self.kept.name} of {self.run} is in {self.folder}",
                f"validation macro F1: {tables.percent(self.kept.validation_f1)}{best}",
                f"labels: {', '.join(self.kept.fold.facts.labels)}",
                f"files: {', '.join(files)}",
            ]
        )


def export(
    run: Run | str | Path,
    out: str | Path,
    *,
    fold: str | None = None,
    results: str | Path | None = None,
) -> ExportedModel:
    """Write one fold's kept model for other software.

    Args:
        run: a run, its folder, or the start of its name.
        out: the folder to create.
        fold: the name of the model's fold; None takes the fold with the highest macro F1 on its
            validation set, the first one in a tie.
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".

    Raises:
        SerbenchError: no model was kept, it cannot be exported, `out` exists, or the run's features
            are standardised (`normalise`).
    """
    source = find(run, results_folder(results))
    kept_models.require_own_inputs(source.config)
    name = source.config.model
    if not issubclass(kept_models.require_keepable(name), ExportableModel):
        raise SerbenchError(
            f"{name} cannot be exported, since it has no export "
            "(serbench.contracts.ExportableModel): `serbench predict` uses it as it is"
        )
    kept = kept_models.find(source.folder, source.folds, fold)
    best = max(kept, key=lambda model: model.validation_f1)
    folder = expanded(Path(out)).resolve()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SerbenchError(f"{folder} is not an empty folder: name a new folder with --out")
    model: ExportableModel = kept_models.load(best)
    with replacing_folder(folder) as temporary:
        model.export(temporary)
    return ExportedModel(name, source.name, best, 0 if fold else len(kept), folder)
