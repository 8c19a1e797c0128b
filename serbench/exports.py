"""Hands a kept model over to other software, as a folder of its own."""

from dataclasses import dataclass
from pathlib import Path

from serbench import tables
from serbench.contracts import Exports
from serbench.errors import SerbenchError
from serbench.evaluation import kept_models
from serbench.evaluation.kept_models import Kept
from serbench.files import expanded, replacing_folder
from serbench.results.run import find
from serbench.settings import results_folder


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
