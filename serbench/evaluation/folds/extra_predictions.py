"""Test the model of a fold on extra test sets; a set that fails leaves all other results alone.

Each set has its own file, or a file with the reason why it failed.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from serbench import processes
from serbench.errors import SerbenchError
from serbench.evaluation import kept_models, provenance
from serbench.evaluation.folds import exchange, model_io, model_isolation
from serbench.evaluation.folds.data import ExtraData, Sets, read_extra, read_sets
from serbench.evaluation.plan import Job
from serbench.evaluation.progress import fold_status
from serbench.processes import Message, Send
from serbench.results import extra_set, fold_file
from serbench.results.extra_set import ExtraSet
from serbench.results.fold_file import Scored

Extras = Mapping[str, ExtraData]
"""The readable extra test sets of a job, by their positions in the job as text."""


def prepare(job: Job, sets: Sets, place: Path, send: Send) -> Extras:
    """Read the extra test sets, and write their inputs into the exchange at `place`."""
    readable = {}
    for at, planned in enumerate(job.extras):
        with _storing_error(job, planned):
            extra = read_extra(job, planned, sets, send)
            model_io.write(place / str(at), {"test": extra.features})
            readable[str(at)] = extra
    return readable


def write(
    job: Job, sets: Sets, extras: Extras, place: Path, own: Scored, *, died: str, is_kept: bool
) -> None:
    """Write the predictions for extra test sets, or why there are none.

    Args:
        job: the fold.
        sets: its data.
        extras: the extra test sets.
        place: the exchange with the predictions.
        own: the same model's predictions for the fold's own test set.
        died: why the model's process died, or "".
        is_kept: whether a kept model predicted.
    """
    for name, extra in extras.items():
        with _storing_error(job, extra.planned):
            path, error = place / f"{name}.safetensors", place / f"{name}.error"
            if not path.exists():
                raise SerbenchError(error.read_text() if error.exists() else died)
            shape = (len(extra.ids), len(sets.corpus.labels))
            activations = exchange.scores(path, {name: shape})[name]
            from_model, _ = fold_file.contents(path)
            facts = {
                "config": job.config.stored(),
                "fold": {"index": job.fold, "name": sets.fold.name},
                "set": extra.planned["set"],
                "pins": extra.planned["pins"],
                "own": extra_set.own_digest(own),
                "labels": list(sets.corpus.labels),
                **extra.planned["facts"],
                **from_model,
                **({"kept": True} if is_kept else {}),
                **provenance.machine(job.config, [extra.set]),
            }
            scored = extra.scored(extra.ids, activations, extra.order(extra.ids))
            extra_set.write(_file(job, extra.planned), extra_set.ExtraFold(facts, scored))


@contextlib.contextmanager
def _storing_error(job: Job, planned: Mapping[str, Any]) -> Iterator[None]:
    """Store an error beside the file of an extra test set, and go on."""
    file = _file(job, planned)
    with contextlib.suppress(OSError):
        fold_status.clear(file)
    try:
        yield
    except Exception as error:
        with contextlib.suppress(SerbenchError):  # a full disk: the driver misses the file
            fold_status.failed(file, processes.reason(error))


def _file(job: Job, planned: Mapping[str, Any]) -> Path:
    return extra_set.path(Path(job.result).parent, ExtraSet(**planned["set"]), job.fold)


def test_kept(message: Message, send: Send) -> Message:
    """Test the kept model of a finished fold on extra test sets, and write their files.

    Args:
        message: a `Job` with extra test sets.
        send: receives the stages.

    Returns:
        An empty message: the results are files.

    Raises:
        SerbenchError: the fold's own corpus has changed.
    """
    job = Job.of(message)
    result, sets = Path(job.result), read_sets(job, send)
    threads, died = job.config.threads, ""
    with exchange.opened(result.parent / f".work-{result.stem}-extra") as place:
        extras = prepare(job, sets, place, send)
        item = {
            "model": job.config.model,
            "version": job.config.model_version,
            "folder": str(kept_models.folder(result.parent, job.fold).resolve()),
            "device": job.device,
            "threads": threads,
            "n_labels": len(sets.corpus.labels),
            "exchange": str(place.resolve()),
            "extras": list(extras),
        }
        send({"stage": "testing"})
        try:
            exchange.in_own_process(model_isolation.predict_kept, item, threads, send)
        except SerbenchError as error:
            died = str(error)
        own = fold_file.read(result).test
        write(job, sets, extras, place, own, died=died, is_kept=True)
    return {}
