"""Train and score one fold, and write its file.

The model is fitted in another process (`serbench.evaluation.model_isolation`), which receives no
test labels; ids and truth are joined to its predictions here.
"""

import contextlib
import dataclasses
import importlib
import os
import platform
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from filelock import BaseFileLock, FileLock, SoftFileLock

from serbench import datasets, processes, tables
from serbench.contracts import Array
from serbench.corpus import PARTS, Corpus, Fold, Protocol, protocol_digest, relabelled
from serbench.errors import CorpusError, LeakageError, SerbenchError
from serbench.evaluation import kept_models, model_io, model_isolation, progress, provenance
from serbench.evaluation.plan import Job, page_pin
from serbench.evaluation.progress import Reporter
from serbench.features import audio, cache, extraction
from serbench.features.store import Feature, Features, Store
from serbench.files import digest, holder, lock, lock_kind, probe, writing_error
from serbench.metrics import classification
from serbench.processes import Message, Send
from serbench.protocols import leakage, lookup
from serbench.results import extra_set, fold_file
from serbench.results.extra_set import ExtraSet
from serbench.settings import Settings

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
    result, sets = Path(job.result), _read_sets(job, report)
    extras = [_read_extra(job, planned, sets, report) for planned in job.extras]
    fold, n_labels = sets.fold, len(sets.corpus.labels)
    orders = {part: sets.order(getattr(fold, part)) for part in PARTS[1:]}
    # the name depends on the data, so that files saved while learning other data are not reused
    workspace = result.parent / f".work-{result.stem}-{digest(dict(job.pins))[:8]}"
    workspace.mkdir(parents=True, exist_ok=True)
    with _exchange(workspace) as exchange:
        learned = {part: sets.inputs(getattr(fold, part)) for part in PARTS[:2]}
        test = sets.inputs([fold.test[position] for position in orders["test"]])
        model_io.write(exchange / model_isolation.LEARNED, learned)
        tested = {str(at): extra.features for at, extra in enumerate(extras)}
        model_io.write(exchange / model_isolation.TESTED, {"test": test, **tested})
        task = _task(job, sets, orders["validation"], workspace, exchange)
        report({"stage": "training"})
        from_model = _run_model(task, report)
        shapes = {part: (len(order), n_labels) for part, order in orders.items()}
        shapes |= {name: (len(inputs), n_labels) for name, inputs in tested.items()}
        scores = _scores(exchange / model_isolation.SCORES, shapes)
        kept = exchange / model_isolation.MODEL
        kept_models.replace(kept if job.keep_model else None, result.parent, job.fold)
    parts = {
        part: sets.scored(getattr(fold, part), scores[part], orders[part]) for part in PARTS[1:]
    }
    _write_extras(job, sets, extras, scores, {**from_model, "own": parts["test"]})
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
        "labels": list(sets.corpus.labels),
        "certificate": leakage.to_json(sets.certificate),
        "validation": {name: float(metric.compute(confusion)) for name, metric in metrics},
        "threads": job.config.threads,
        **provenance.machine(job.config),
    }
    fold_file.write(result, fold_file.FoldResult(facts, **parts))
    shutil.rmtree(workspace, ignore_errors=True)
    progress.clear(result)
    return {}


@dataclass(frozen=True)
class Data:
    """A corpus with audio digests and stored features."""

    corpus: Corpus
    audio: Mapping[str, str]
    store: Store

    def inputs(self, ids: Sequence[str]) -> Features:
        """Return the features of utterances, read when indexed."""
        return self.store.read([self.audio[id_] for id_ in ids])

    def truth(self, ids: Sequence[str]) -> Any:
        """Return positions in the labels, (utterances,) int64."""
        position = {label: index for index, label in enumerate(self.corpus.labels)}
        return np.array([position[self.corpus.by_id[id_].label] for id_ in ids], np.int64)

    def speakers(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Return the speaker of each utterance."""
        return tuple(self.corpus.by_id[id_].speaker for id_ in ids)

    def order(self, ids: Sequence[str]) -> Sequence[int]:
        """Return the positions of utterances in the order in which they are predicted.

        A corpus is often ordered by label. Sorting by audio digest reveals no label: ids, which
        often contain one, only order identical recordings.
        """
        return sorted(range(len(ids)), key=lambda at: (self.audio[ids[at]], ids[at]))

    def scored(
        self, ids: Sequence[str], activations: Array, order: Sequence[int]
    ) -> fold_file.Scored:
        """Return activations predicted in `order` as stored: in the order of the ids."""
        back = activations[np.argsort(order)]
        return fold_file.Scored(tuple(ids), self.speakers(ids), self.truth(ids), back)


@dataclass(frozen=True)
class Sets(Data):
    """One checked fold of a corpus, with its data."""

    protocol: Protocol
    n_folds: int
    fold: Fold
    certificate: leakage.Certificate


@dataclass(frozen=True)
class ExtraData(Data):
    """An extra test set for the model of a fold, with its data."""

    planned: Mapping[str, Any]  # see `extra_sets.PlannedSet.job`
    set: ExtraSet
    ids: Sequence[str]

    @property
    def features(self) -> Features:
        """The inputs of the model, in the order in which they are predicted."""
        return self.inputs([self.ids[at] for at in self.order(self.ids)])


def _source(dataset: str, root: Path, page: str, job: Job) -> datasets.Source:
    places = Settings(root.parent, Path(job.cache), Path(job.result).parent)
    source = datasets.find(dataset, places, root, Path(page) if page else None)
    if root.parent == Path(job.cache) / "corpora":  # removed while the fold was queued
        source = dataclasses.replace(source, generated=True)
    return source


def _read_sets(job: Job, send: Send) -> Sets:
    """Read the corpus again, check that it and the fold are those planned, and get the features."""
    root = Path(job.root)
    source = _source(job.config.dataset, root, job.page, job)
    corpus = datasets.read(source, job.config.labels)
    protocol = lookup.find_protocol(job.config.protocol, source.dataset)
    folds = lookup.make_folds(protocol, corpus)
    _require_pin(job, "corpus", corpus.digest)
    _require_pin(job, "protocol", protocol_digest(folds))
    for name, now in page_pin(source).items():
        _require_pin(job, name, now)
    fold = folds[job.fold]
    used = [id_ for part in PARTS for id_ in getattr(fold, part)]
    places = Settings(root.parent, Path(job.cache), Path(job.result).parent)
    digests, store = _features(Feature.of(job.config), places, root, corpus, used, send)
    _require_pin(job, "audio", digest([digests[id_] for id_ in used]))
    certificate = leakage.certify(corpus, fold, digests)
    leakage.require_clean(protocol, [(fold, certificate)])
    return Sets(corpus, digests, store, protocol, len(folds), fold, certificate)


def _read_extra(job: Job, planned: Mapping[str, Any], sets: Sets, send: Send) -> ExtraData:
    """Read the corpus of an extra test set, check it as the fold's own, and get the features.

    Raises:
        LeakageError: a recording is in training or validation too.
    """
    identity, root = ExtraSet(**planned["set"]), Path(planned["root"])
    corpus, ids = sets.corpus, sets.fold.test
    if not identity.perturbation:
        source = _source(identity.dataset, root, planned["page"], job)
        corpus = relabelled(
            datasets.read(source, identity.labels), identity.labels, identity.set_labels
        )
        ids = tuple(utterance.id for utterance in corpus.utterances)
    _require_pin(planned, "corpus", corpus.digest)
    feature = dataclasses.replace(Feature.of(job.config), reading=planned["reading"])
    places = Settings(root.parent, Path(job.cache), Path(job.result).parent)
    digests, store = _features(feature, places, root, corpus, ids, send)
    _require_pin(planned, "audio", digest([digests[id_] for id_ in ids]))
    learned = {sets.audio[id_]: id_ for part in PARTS[:2] for id_ in getattr(sets.fold, part)}
    if shared := [id_ for id_ in ids if digests[id_] in learned]:
        raise LeakageError(
            f"{identity.title} has {tables.count(len(shared), 'recording')} that the model was "
            f"trained or validated on: {shared[0]} is {learned[digests[shared[0]]]} of "
            f"{job.config.dataset}; test on another corpus"
        )
    return ExtraData(corpus, digests, store, planned, identity, ids)


def _require_pin(job: Job | Mapping[str, Any], name: str, now: str) -> None:
    pins = job.pins if isinstance(job, Job) else job["pins"]
    if pins[name] != now:
        raise CorpusError(
            f"the {name} on {platform.node()} is not the one that the run was planned with, or it "
            "changed during the run: run the same command again to see what differs"
        )


def _features(
    feature: Feature, places: Settings, root: Path, corpus: Corpus, used: Sequence[str], send: Send
) -> tuple[dict[str, str], Store]:
    """Return the audio digests of utterances, and the store with their features.

    Extract features that are missing, in a process that receives no labels: a machine that shares
    no cache with the driver begins without any.
    """
    folder = feature.folder(places.cache)

    def look() -> tuple[dict[str, str], list[str], Store]:
        stored, store = extraction.audio_digests(corpus, places.cache, root), Store(folder)
        known = {id_: key for id_ in used if (key := stored[id_]) is not None}
        paths = [str(corpus.by_id[id_].path) for id_ in used if known.get(id_, "") not in store]
        return known, paths, store

    known, paths, store = look()
    if not paths:
        return known, store
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".extracting.lock"):  # another fold may extract the same here
        known, paths, store = look()
        decoded: list[audio.Decoded] = []

        def receive(_: int, message: Message) -> None:
            decoded.extend(audio.Decoded(*row) for row in message["digests"])
            send({"stage": f"features {len(decoded)}/{len(paths)}"})

        item = {
            "feature": dataclasses.asdict(feature),
            "cache": str(places.cache),
            "threads": 1,  # whichever model needs the features, they are the same
            "files": [(path, True) for path in paths],
        }
        for outcome in processes.fresh(
            extraction.extract,
            [item] if paths else [],
            receive,
            at_once=1,
            threads=1,
            nested=True,
        ):
            if outcome.result is None:
                raise SerbenchError(outcome.error)
        audio.Digests(places.cache, root).add(decoded)
    by_path = {row.path: row.digest for row in decoded}
    keys = {id_: by_path.get(str(corpus.by_id[id_].path)) or known[id_] for id_ in used}
    return keys, Store(folder)


@contextlib.contextmanager
def _exchange(workspace: Path) -> Iterator[Path]:
    """Yield a folder to exchange files with the model's process; remove it afterwards.

    Empty a workspace in which a model has predicted: a model that resumes after a crash must not
    find predictions there.
    """

    def remove() -> None:
        for folder in workspace.parent.glob(f"{workspace.name}.exchange*"):
            if (folder / model_isolation.PREDICTING).exists():
                shutil.rmtree(workspace, ignore_errors=True)
                workspace.mkdir(exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)

    remove()  # the folder of a killed process
    # a process on a lost node may still live: it must not find its folder filled by another
    folder = workspace.with_name(f"{workspace.name}.exchange-{platform.node()}-{os.getpid()}")
    folder.mkdir()
    try:
        yield folder
    finally:
        remove()


def _task(
    job: Job, sets: Sets, order: Sequence[int], workspace: Path, exchange: Path
) -> model_isolation.Task:
    config, learned = job.config, {part: getattr(sets.fold, part) for part in PARTS[:2]}
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
        exchange=str(exchange.resolve()),
        extras=[str(at) for at in range(len(job.extras))],
        keep_model=job.keep_model,
        isolated=job.isolated,
    )


def _write_extras(
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
    result, sets = Path(job.result), _read_sets(job, send)
    extras = [_read_extra(job, planned, sets, send) for planned in job.extras]
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
        from_model = _in_own_process(model_isolation.predict_kept, item, job.config.threads, send)
        shapes = {name: (len(inputs), n_labels) for name, inputs in tested.items()}
        scores = _scores(Path(it) / model_isolation.SCORES, shapes)
    _write_extras(job, sets, extras, scores, {**from_model, "own": fold_file.read(result).test})
    return {}


def _run_model(task: model_isolation.Task, send: Send) -> Message:
    """Run the model's process, and return its facts."""
    message = dataclasses.asdict(task)
    if not task.isolated:
        return model_isolation.run(message, send)
    return _in_own_process(model_isolation.run, message, task.threads, send)


def _in_own_process(
    function: Callable[[Message, Send], Message], message: Message, threads: int, send: Send
) -> Message:
    """Call a function in a fresh process that has no settings of serbench; return its result."""
    (outcome,) = processes.fresh(
        function,
        [message],
        lambda _, point: send(point),
        at_once=1,
        threads=threads,
        environment={k: v for k, v in os.environ.items() if not k.startswith("SERBENCH_")},
        nested=True,
    )
    if outcome.result is None:
        raise SerbenchError(outcome.error)
    return outcome.result


def _scores(path: Path, shapes: Mapping[str, tuple[int, int]]) -> dict[str, Array]:
    """Read the scores that the model's process wrote, and check that they have these shapes."""
    try:
        scores = {**safetensors.numpy.load_file(path)}
    except (OSError, safetensors.SafetensorError) as error:
        raise SerbenchError(f"the model's process wrote no scores ({error})") from error
    for part, shape in shapes.items():
        array = scores.get(part, np.empty(0))
        if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
            raise SerbenchError(
                f"the model's process wrote scores of shape {array.shape} and type {array.dtype} "
                f"for the {part} set, but they must be finite float32 of shape {shape}"
            )
    return scores


@contextlib.contextmanager
def claimed(folder: Path, names: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Claim names in a folder, created if missing, and yield the holders of names already taken.

    The lock of a name is a file in the folder with the process id and the host of its holder. The
    system releases the lock when its holder ends, even by `kill -9`. On a file system without
    locks, the file itself is the lock: a file whose process has ended on this host is taken over,
    a file of another host stays.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    held: dict[str, str] = {}
    if not names:  # a folder with a finished run need not be writable
        yield held
        return
    with contextlib.ExitStack() as locks:
        locks.callback(_remove_empty, folder)
        try:
            _allow_open_files(len(names))
            with probe(folder) as file:
                kind = lock_kind(Path(file.name))
                for name in names:
                    path = folder / f".{name}.lock"
                    if not locks.enter_context(lock(kind(path), path)):
                        held[name] = _holder(path, kind)
        except OSError as error:
            raise writing_error(folder, error) from error
        yield held


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # there is something in it
        folder.rmdir()


def _holder(path: Path, kind: type[BaseFileLock]) -> str:
    """Describe the process that holds a lock file, with the remedy if its lock would stay."""
    named = holder(path)
    if named is None:
        return "another process"
    stays = kind is SoftFileLock and named.host != socket.gethostname()
    remedy = f" (if that process is gone, remove the .lock files from {path.parent})"
    return f"{named}{remedy if stays else ''}"


def _allow_open_files(more: int) -> None:
    """Raise the limit of open files as far as needed and allowed: every lock is an open file."""
    with contextlib.suppress(ImportError):  # Windows has no such module
        resource = importlib.import_module("resource")

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = 0
        with contextlib.suppress(OSError):  # a system without this folder
            held = len(os.listdir("/dev/fd"))
        needed = held + more + 512
        if soft != resource.RLIM_INFINITY and soft < needed:
            limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
