"""Train and score one fold, and write its file.

The model is fitted in another process (`serbench.evaluation.folds.model_isolation`), which receives
no test labels; ids and truth are joined to its predictions here.
"""

import dataclasses
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from serbench.corpus import PARTS
from serbench.errors import SerbenchError
from serbench.evaluation import kept_models, provenance
from serbench.evaluation.folds import exchange, extra_predictions, model_io, model_isolation
from serbench.evaluation.folds.data import Sets, read_copies, read_sets
from serbench.evaluation.plan import Job
from serbench.evaluation.progress import fold_status
from serbench.evaluation.progress.fold_status import Reporter
from serbench.features import cache
from serbench.features.normalisation import fewest
from serbench.features.store import Feature
from serbench.files import digest
from serbench.metrics import classification
from serbench.processes import Message, Send
from serbench.protocols import leakage
from serbench.results import eligibility, fold_file
from serbench.results.config import Config

FROM_MODEL = (
    *("link", "alone", "model", "curve", "seconds", "device", "peak_memory_mb"),
    *("warnings", "folds_before"),
)
"""The facts of a fold that come from the model's process; all other facts are computed here."""


def run(message: Message, send: Send) -> Message:
    """Train and score one fold, and write its result.

    Args:
        message: a `Job`.
        send: called with every point of the learning curve.

    Returns:
        An empty message: the result is a file.

    Raises:
        CorpusError: the corpus has changed since the job was planned.
        LeakageError: the fold shares speakers or audio between its sets.
        SerbenchError: the model breaks its contract, or its process died.
    """
    job = Job.of(message)
    result = Path(job.result)
    if result.exists():  # another process of this job was declared dead, but finished
        return {}
    reporter = Reporter(result)

    def report(progress: Message) -> None:
        reporter.add(progress)
        send(progress)

    report({"stage": "starting"})
    with cache.in_use(Path(job.cache), Feature.of(job.config), Path(job.root)):
        return _compute(job, report)


def _compute(job: Job, report: Send) -> Message:
    result, sets = Path(job.result), read_sets(job, report)
    fold, n_labels = sets.fold, len(sets.corpus.labels)
    orders = {part: sets.order(getattr(fold, part)) for part in PARTS[1:]}
    # the name depends on the data, so that files saved while learning other data are not reused
    workspace = result.parent / f".work-{result.stem}-{digest(dict(job.pins))[:8]}"
    workspace.mkdir(parents=True, exist_ok=True)
    with exchange.opened(workspace) as place:
        learned = {part: sets.inputs(getattr(fold, part), part) for part in PARTS[:2]}
        copies = read_copies(job, sets, report)  # of training utterances only
        given = (each.inputs(fold.train, "train", measured=sets) for each in copies)
        train = itertools.chain(learned["train"], *given)
        test = sets.inputs([fold.test[position] for position in orders["test"]])
        model_io.write(place / model_isolation.LEARNED, {**learned, "train": train})
        model_io.write(place / model_isolation.TESTED, {"test": test})
        extras = extra_predictions.prepare(job, sets, place, report)
        task = _task(job, sets, orders["validation"], list(extras), workspace, place)
        report({"stage": "training"})
        from_model, died = _run_model(task, report)
        shapes = {part: (len(order), n_labels) for part, order in orders.items()}
        scores = exchange.scores(place / model_isolation.SCORES, shapes)
        kept = place / model_isolation.MODEL
        kept_models.replace(kept if job.keep_model else None, result.parent, job.fold)
        parts = {
            part: sets.scored(getattr(fold, part), scores[part], orders[part]) for part in PARTS[1:]
        }
        extra_predictions.write(job, sets, extras, place, parts["test"], died=died, is_kept=False)
    predictions = classification.predicted(parts["validation"].activations)
    confusion = classification.confusion(parts["validation"].truth, predictions, n_labels)
    metrics = classification.METRICS.items()
    facts = {
        **{name: from_model[name] for name in FROM_MODEL if name in from_model},
        "model": from_model["model"],
        "config": job.config.stored(),
        "protocol": {
            "name": sets.protocol.name,
            "leaks": sets.protocol.leaks,
            "folds": sets.n_folds,
        },
        "fold": {
            "index": job.fold,
            "name": fold.name,
            "group": fold.group,
            "utterances": {part: len(getattr(fold, part)) for part in PARTS},
        },
        "pins": dict(job.pins),
        **_seen(job.config, sets),
        "labels": list(sets.corpus.labels),
        "certificate": leakage.to_json(sets.certificate),
        "validation": {name: float(metric.compute(confusion)) for name, metric in metrics},
        "threads": job.config.threads,
        **provenance.machine(job.config),
    }
    fold_file.write(result, fold_file.FoldResult(facts, **parts))
    shutil.rmtree(workspace, ignore_errors=True)
    fold_status.clear(result)
    return {}


def _seen(config: Config, sets: Sets) -> Message:
    """Return what the model's inputs show of other test utterances, and of how many."""
    speakers = {id_: utterance.speaker for id_, utterance in sets.corpus.by_id.items()}
    sees = eligibility.sees(config)
    return {"sees": sees, "material": fewest(config.normalise, sets.fold, speakers)} if sees else {}


def _task(
    job: Job,
    sets: Sets,
    order: Sequence[int],
    extras: Sequence[str],
    workspace: Path,
    place: Path,
) -> model_isolation.Task:
    config, fold = job.config, sets.fold
    times = 1 + len(config.augment)  # a copy has the truth and the speaker of its source
    learned = {"train": fold.train * times, "validation": fold.validation}
    return model_isolation.Task(
        model=config.model,
        version=config.model_version,
        params=job.params,
        labels=sets.corpus.labels,
        seed=config.seed,
        threads=config.threads,
        precision=config.precision,
        device=job.device,
        truth={part: sets.truth(ids).tolist() for part, ids in learned.items()},
        speakers={part: sets.speakers(ids) for part, ids in learned.items()},
        order=order,
        workspace=str(workspace.resolve()),
        exchange=str(place.resolve()),
        extras=extras,
        keep_model=job.keep_model,
        isolated=job.isolated,
    )


def _run_model(task: model_isolation.Task, send: Send) -> tuple[Message, str]:
    """Run the model's process.

    Returns:
        The facts of the fold, and why the process died in extra test sets, or "".

    Raises:
        SerbenchError: the process died or failed before.
    """
    message = dataclasses.asdict(task)
    if not task.isolated:
        return model_isolation.run(message, send), ""
    try:
        return exchange.in_own_process(model_isolation.run, message, task.threads, send), ""
    except SerbenchError as error:
        facts = Path(task.exchange) / model_isolation.FACTS
        if not facts.exists():
            raise
        return json.loads(facts.read_text()), str(error)
