"""Test the model of a fold on extra test sets, and write their files."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.contracts import Array
from serbench.evaluation import kept_models, provenance
from serbench.evaluation.folds import exchange, model_io, model_isolation
from serbench.evaluation.folds.data import ExtraData, Sets, read_extra, read_sets
from serbench.evaluation.plan import Job
from serbench.processes import Message, Send
from serbench.results import extra_set, fold_file


def write(
    job: Job,
    sets: Sets,
    extras: Sequence[ExtraData],
    scores: Mapping[str, Array],
    from_model: Mapping[str, Any],
) -> None:
    """Write the predictions for extra test sets; `from_model["own"]` are the own test scores."""
    machine = provenance.machine(job.config)
    for at, extra in enumerate(extras):
        planned = extra.planned
        facts = {
            "config": job.config.stored(),
            "fold": {"index": job.fold, "name": sets.fold.name},
            "set": planned["set"],
            "pins": planned["pins"],
            "own": extra_set.own_digest(from_model["own"]),
            "labels": list(sets.corpus.labels),
            "link": from_model["link"],
            **planned["facts"],
            "seconds": from_model["extra_seconds"][at],
            "device": from_model["device"],
            **({"kept": True} if from_model.get("kept") else {}),
            **machine,
        }
        scored = extra.scored(extra.ids, scores[str(at)], extra.order(extra.ids))
        file = extra_set.path(Path(job.result).parent, extra.set, job.fold)
        extra_set.write(file, extra_set.ExtraFold(facts, scored))


def test_kept(message: Message, send: Send) -> Message:
    """Test the kept model of a finished fold on extra test sets, and write their files.

    Args:
        message: a `Job` with extra test sets.
        send: receives the stages.

    Returns:
        An empty message: the results are files.

    Raises:
        SerbenchError: as `run`.
    """
    job = Job.of(message)
    result, sets = Path(job.result), read_sets(job, send)
    extras = [read_extra(job, planned, sets, send) for planned in job.extras]
    n_labels = len(sets.corpus.labels)
    with tempfile.TemporaryDirectory(prefix=f".work-{result.stem}-extra-", dir=result.parent) as it:
        tested = {str(at): extra.features for at, extra in enumerate(extras)}
        model_io.write(Path(it) / model_isolation.TESTED, tested)
        item = {
            "model": job.config.model,
            "version": job.config.model_version,
            "folder": str(kept_models.folder(result.parent, job.fold).resolve()),
            "device": job.device,
            "threads": job.config.threads,
            "n_labels": n_labels,
            "exchange": str(Path(it).resolve()),
            "extras": list(tested),
        }
        send({"stage": "testing"})
        from_model = exchange.in_own_process(
            model_isolation.predict_kept, item, job.config.threads, send
        )
        shapes = {name: (len(inputs), n_labels) for name, inputs in tested.items()}
        scores = exchange.scores(Path(it) / model_isolation.SCORES, shapes)
    write(job, sets, extras, scores, {**from_model, "own": fold_file.read(result).test})
    return {}
