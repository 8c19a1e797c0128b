"""Remove a run or one of its folds, unless it is being computed, queued, or not a run at all."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from serbench.errors import SerbenchError, nearest
from serbench.evaluation import kept_models
from serbench.evaluation.engines.submission import submissions
from serbench.evaluation.folds.locks import claimed
from serbench.evaluation.progress import fold_status
from serbench.files import size_of, writing_error
from serbench.results import extra_set, fold_file
from serbench.results.run import folders, match

RESULT = re.compile(r"fold-\d{2,}\.safetensors")
OURS = re.compile(  # everything that an evaluation writes into the folder of a run
    rf"{RESULT.pattern}|models|{extra_set.FOLDER}|\.+fold-\d+\..*|\.work-fold-.*|\.arrived\..*|\.\w+\.part"
)
GONE = re.compile(r"\..+_[0-9a-f]{8}\.gone-[0-9a-f]{8}")  # a run that is being removed


@dataclass(frozen=True)
class Removal:
    """A run to remove, or one fold of it."""

    folder: Path
    results: tuple[Path, ...]  # of the finished folds
    models: int  # kept models
    size: int  # bytes
    fold: Path | None = None  # the result of the only fold to remove

    def __str__(self) -> str:
        count = len(self.results)
        what = [f"fold {self.fold.stem}" if self.fold else f"{count} fold{'s' * (count != 1)}"]
        if self.models:
            what.append(f"{self.models} kept model{'s' * (self.models != 1)}")
        return f"{self.folder}: {', '.join(what)}, {self.size / 1e6:.1f} MB"


def plan(name: str, parent: Path, fold: str | None = None) -> Removal:
    """Find a run, readable or not, and list what would be removed.

    Args:
        name: the folder of the run, or the start (or a part) of its name.
        parent: the folder of all runs.
        fold: the name of a fold, or of its file: "fold-03"; None stands for the whole run.

    Raises:
        SerbenchError: no run fits the name, or more than one; the folder does not belong to a run,
            or holds other files; there is no such fold.
    """
    if not name.strip():
        raise SerbenchError("a run's name is empty: `serbench runs` lists the runs")
    folder = Path(os.path.abspath(name))  # a link is not followed
    if not _is_run(folder):
        if folder.is_dir() and os.sep in name:
            raise SerbenchError(f"{name} is not the folder of a run: nothing was removed")
        started = folders(parent, ".fold-*.json")
        folder = match(name, sorted({*folders(parent), *started}), parent)
    if folder.is_symlink():
        raise SerbenchError(f"{folder} is a link: name the folder that it leads to")
    foreign = sorted(path.name for path in folder.iterdir() if not OURS.fullmatch(path.name))
    if foreign:
        raise SerbenchError(
            f"{folder} also holds files that no evaluation wrote ({', '.join(foreign[:3])}): move "
            "them elsewhere, and run the same command again"
        )
    folder = folder.resolve()
    results = tuple(sorted(path for path in folder.iterdir() if RESULT.fullmatch(path.name)))
    models = [path for path in (folder / "models").glob("fold-*") if path.is_dir()]
    if fold is None:
        return Removal(folder, results, len(models), size_of(folder))
    result = _result_of(fold, folder, results)
    model = kept_models.folder(folder, _position(result))
    size = sum(map(size_of, (result, model, *_tested(folder, result))))
    return Removal(folder, (result,), int(model.is_dir()), size, result)


def _is_run(folder: Path) -> bool:
    return folder.is_dir() and any(
        RESULT.fullmatch(path.name) or re.fullmatch(r"\.fold-\d+\.\w+\.json", path.name)
        for path in folder.iterdir()
    )


def _result_of(fold: str, folder: Path, results: tuple[Path, ...]) -> Path:
    """Return the result of a fold by its name, or by its file's name if it cannot be read."""
    names = {}
    for path in results:
        try:
            names[fold_file.read(path).facts.fold.name] = path
        except SerbenchError:
            names[path.stem] = path
    by_stem = {path.stem: path for path in results}
    if fold not in names and fold not in by_stem:
        raise nearest("fold", fold, list(names), f" in {folder}")
    return names.get(fold) or by_stem[fold]


def _tested(folder: Path, result: Path) -> list[Path]:
    """Return the predictions of a fold's model for extra test sets."""
    return list(folder.glob(f"{extra_set.FOLDER}/*/{result.name}"))


def _position(result: Path) -> int:
    return int(result.stem.rpartition("-")[2]) - 1


def remove(removal: Removal, parent: Path) -> None:
    """Remove a run or a fold; if the process is killed half-way, nothing left looks complete.

    Args:
        removal: from `plan`.
        parent: the folder of all runs, with the records of tasks in queues.

    Raises:
        SerbenchError: another command computes folds of the run, or a queue holds them; or a file
            cannot be removed.
    """
    with _unused(removal, parent):
        try:
            if removal.fold is None:
                _remove_folder(removal.folder)
            else:
                _remove_fold(removal.folder, removal.fold)
        except OSError as error:
            raise writing_error(Path(error.filename or removal.folder), error) from error


@contextlib.contextmanager
def _unused(removal: Removal, parent: Path) -> Iterator[None]:
    """Claim all folds to remove; refuse if another command or a queue holds one of them.

    Claim first: afterwards, no other command can queue these folds.
    """
    with claimed(removal.folder, _stems(removal)) as holders:
        for stem, holder in holders.items():
            raise SerbenchError(
                f"{stem} of {removal.folder} is being computed by {holder}: wait for that command, "
                "or stop it, and run this one again; nothing was removed"
            )
        folder = removal.folder
        for places in {parent.resolve(), folder.parent}:
            for submission in submissions(places):
                for task in submission.tasks:
                    result = Path(task.result)
                    if task.result and result.parent == folder and removal.fold in (None, result):
                        raise SerbenchError(
                            f"{task.name} is in the queue of {submission.engine} "
                            f"({submission.folder}): wait for it with the command that evaluates "
                            "it, or cancel it in the queue; nothing was removed"
                        )
        yield


def _stems(removal: Removal) -> list[str]:
    """Return the names of all folds that another command might be computing."""
    if removal.fold is not None:
        return [removal.fold.stem]
    names = [path.name.lstrip(".") for path in removal.folder.glob("*fold-*")]
    stems = {name.partition(".")[0] for name in names if name.startswith("fold-")}
    for path in removal.results:
        with contextlib.suppress(SerbenchError):
            count = fold_file.read(path).facts.protocol.folds
            return sorted(stems | {fold_file.stem(position) for position in range(count)})
    return sorted(stems)


def _remove_folder(folder: Path) -> None:
    """Rename a folder to a hidden name, and remove it with what killed commands have left."""
    folder.rename(folder.with_name(f".{folder.name}.gone-{os.urandom(4).hex()}"))
    for left in folder.parent.iterdir():
        if GONE.fullmatch(left.name):
            with contextlib.suppress(FileNotFoundError):  # another command also removes it
                shutil.rmtree(left)


def _remove_fold(folder: Path, result: Path) -> None:
    """Remove a result before its model: a model without a result belongs to no run."""
    result.unlink()
    fold_status.clear(result)
    kept_models.replace(None, folder, _position(result))
    for left in folder.glob(f".work-{result.stem}-*"):
        shutil.rmtree(left)
    tested = _tested(folder, result)
    for path in tested:
        path.unlink()
    emptied = [path.parent for path in tested]
    for place in (*emptied, folder / extra_set.FOLDER, folder / "models"):
        with contextlib.suppress(OSError):  # it has files of other folds, or is not there
            place.rmdir()
