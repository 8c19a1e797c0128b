"""Train and score one fold: take plain words, and look the names up again.

The model is fitted in a further process (`serbench.evaluation.model_isolation`), which gets no
test label; ids and truth are joined to its predictions here.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from serbench import datasets, processes
from serbench.contracts import Array
from serbench.corpus import PARTS, Corpus, Fold, protocol_digest
from serbench.errors import CorpusError, SerbenchError
from serbench.evaluation import kept_models, model_inputs, model_isolation, provenance
from serbench.evaluation.plan import Job
from serbench.features import audio, extraction
from serbench.features.store import Feature, Features, Store
from serbench.files import digest
from serbench.metrics import classification
from serbench.processes import Message, Tell
from serbench.protocols import leakage, lookup
from serbench.results import fold_file
from serbench.settings import Settings

TOLD = (
    *("link", "alone", "model", "curve", "seconds", "device", "peak_memory_mb"),
    *("warnings", "folds_before"),
)
"""The facts of a fold that the model's process says; all others are found here."""


def run(words: Message, tell: Tell) -> Message:
    """Train and score one fold, and write its result.

    Args:
        words: of a `Job`.
        tell: hears the learning curve.

    Returns:
        Nothing of interest: the result is a file.

    Raises:
        CorpusError: the corpus is not what it was when the job was planned.
        LeakageError: the fold shares speakers or audio between its sets.
        SerbenchError: the model breaks its contract, or its process died.
    """
    job = Job.of(words)
    sets = _sets(job)
    fold, order = sets.fold, Order.of(sets)
    workspace = _workspace(job)
    with _exchange(workspace) as exchange:
        validation = sets.inputs(fold.validation)
        test = sets.inputs([fold.test[one] for one in order.test])
        learned = {"train": sets.inputs(fold.train), "validation": validation}
        model_inputs.write(exchange / model_isolation.LEARNED, learned)
        model_inputs.write(exchange / model_isolation.TESTED, {"test": test})
        told = _answer(job, _question(job, sets, order, workspace, exchange), tell)
        scores = _scores(exchange / model_isolation.ANSWERS, sets)
        kept = exchange / model_isolation.MODEL
        kept_models.keep(kept if job.keep_model else None, Path(job.result).parent, job.fold)
    parts = {
        "test": sets.scored(fold.test, scores["test"], order.test),
        "validation": sets.scored(fold.validation, scores["validation"], order.validation),
    }
    facts = {
        **{name: told[name] for name in TOLD if name in told},
        **_identity(job, sets),
        "labels": list(sets.corpus.labels),
        "certificate": leakage.to_json(sets.certificate),
        "validation": _metrics(parts["validation"], len(sets.corpus.labels)),
        "threads": job.config.threads,
        **provenance.machine(job.config),
    }
    fold_file.write(Path(job.result), fold_file.FoldResult(facts, **parts))
    shutil.rmtree(workspace, ignore_errors=True)
    return {}


@dataclass(frozen=True)
class Order:
    """The order in which utterances are predicted, as positions in the fold's sets.

    A corpus is often ordered by its labels. This order, by the digest of the audio, says nothing
    about labels: an id, which often holds one, only tells identical recordings apart.
    """

    validation: Sequence[int]
    test: Sequence[int]

    @classmethod
    def of(cls, sets: "Sets") -> "Order":
        """Return the order for a fold."""

        def shuffled(ids: Sequence[str]) -> list[int]:
            return sorted(range(len(ids)), key=lambda at: (sets.audio[ids[at]], ids[at]))

        return cls(shuffled(sets.fold.validation), shuffled(sets.fold.test))


def _question(
    job: Job, sets: "Sets", order: Order, workspace: Path, exchange: Path
) -> dict[str, Any]:
    """Return everything that the model's process is told; see `model_isolation.run`."""
    config, learned = job.config, {part: getattr(sets.fold, part) for part in PARTS[:2]}
    return {
        "model": config.model,
        "version": config.model_version,
        "params": job.params,
        "labels": sets.corpus.labels,
        "seed": config.seed,
        "threads": config.threads,
        "precision": config.precision,
        "device": job.device,
        "truth": {part: sets.truth(ids).tolist() for part, ids in learned.items()},
        "speakers": {part: sets.speakers(ids) for part, ids in learned.items()},
        "order": order.validation,
        "workspace": str(workspace.resolve()),
        "exchange": str(exchange.resolve()),
        "keep": job.keep_model,
        "alone": job.isolated,
    }


def _answer(job: Job, question: Message, tell: Tell) -> Message:
    """Run the model's process, and return its facts.

    Raises:
        SerbenchError: the process reported an error, or died.
    """
    if not job.isolated:
        return model_isolation.run(question, tell)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SERBENCH_")}
    (outcome,) = processes.fresh(
        model_isolation.run,
        [question],
        lambda _, words: tell(words),
        at_once=1,
        threads=job.config.threads,
        environment=environment,
        nested=True,
    )
    if outcome.result is None:
        raise SerbenchError(outcome.error)
    return outcome.result


def _scores(path: Path, sets: "Sets") -> dict[str, Array]:
    """The scores that the model's process left.

    Raises:
        SerbenchError: they are not one finite row an utterance.
    """
    labels = len(sets.corpus.labels)
    try:
        scores = {**safetensors.numpy.load_file(path)}
    except (OSError, safetensors.SafetensorError) as error:
        raise SerbenchError(f"the model's process left no scores ({error})") from error
    for part in PARTS[1:]:
        wanted, found = (len(getattr(sets.fold, part)), labels), scores.get(part, np.empty(0))
        if found.shape != wanted or found.dtype != np.float32 or not np.isfinite(found).all():
            raise SerbenchError(
                f"the model's process left scores of shape {found.shape} and type {found.dtype} of "
                f"the {part} set, but they must be finite float32 of shape {wanted}"
            )
    return scores


def _workspace(job: Job) -> Path:
    # named by its data: what was saved there while learning from other data is not found again
    name = f"{Path(job.result).stem}-{digest(dict(job.pins))[:8]}"
    folder = Path(job.result).parent / f".work-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _exchange(workspace: Path) -> Iterator[Path]:
    """Yield a folder for what goes to the model's process and back; remove it afterwards.

    A workspace in which a model has predicted is emptied: one that goes on after a crash must not
    find answers there.
    """
    folder = workspace.with_name(f"{workspace.name}.exchange")

    def remove() -> None:
        if (folder / model_isolation.PREDICTING).exists():
            shutil.rmtree(workspace, ignore_errors=True)
            workspace.mkdir(exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    remove()  # that of a process that was killed
    folder.mkdir()
    try:
        yield folder
    finally:
        remove()


@dataclass(frozen=True)
class Sets:
    """One fold of a corpus, checked, with audio digests and stored features."""

    corpus: Corpus
    protocol: Mapping[str, object]
    fold: Fold
    audio: Mapping[str, str]
    store: Store
    certificate: leakage.Certificate

    def inputs(self, ids: Sequence[str]) -> Features:
        """The features of these utterances, read when asked for."""
        return self.store.read([self.audio[utterance] for utterance in ids])

    def truth(self, ids: Sequence[str]) -> Any:
        """(utterances,) int64, positions in the labels."""
        position = {label: index for index, label in enumerate(self.corpus.labels)}
        return np.array([position[self.corpus.by_id[one].label] for one in ids], np.int64)

    def speakers(self, ids: Sequence[str]) -> tuple[str, ...]:
        """One an utterance."""
        return tuple(self.corpus.by_id[one].speaker for one in ids)

    def scored(
        self, ids: Sequence[str], activations: Array, order: Sequence[int]
    ) -> fold_file.Scored:
        """Return predictions that were made in this order as they are stored, in the ids' order."""
        back = activations[np.argsort(order)]
        return fold_file.Scored(tuple(ids), self.speakers(ids), self.truth(ids), back)


def _sets(job: Job) -> Sets:
    """Read the corpus again, and check that it and the fold are what was planned."""
    places = Settings(Path(job.root).parent, Path(job.cache), Path(job.result).parent)
    source = datasets.find(job.config.dataset, places, Path(job.root))
    corpus = datasets.read(source, job.config.labels)
    protocol = lookup.find_protocol(job.config.protocol, source.dataset)
    folds = lookup.make_folds(protocol, corpus)
    _require("corpus", job, corpus.digest)
    _require("protocol", job, protocol_digest(folds))
    fold = folds[job.fold]
    known = extraction.audio_digests(corpus, Path(job.cache), Path(job.root))
    used = (*fold.train, *fold.validation, *fold.test)
    digests = {one: known[one] or _decoded(corpus, one) for one in used}
    _require("audio", job, digest([digests[one] for one in used]))
    certificate = leakage.certify(corpus, fold, digests)
    leakage.require_clean(protocol, [(fold, certificate)])
    store = Store(Feature.of(job.config).folder(Path(job.cache)))
    about = {"name": protocol.name, "leaks": protocol.leaks, "folds": len(folds)}
    return Sets(corpus, about, fold, digests, store, certificate)


def _require(pin: str, job: Job, now: str) -> None:
    if job.pins[pin] != now:
        raise CorpusError(
            f"the {pin} changed while the run was going on: run the same command again to see "
            "what differs"
        )


def _decoded(corpus: Corpus, utterance: str) -> str:
    """The digest of samples whose file was touched, and perhaps changed."""
    path = corpus.by_id[utterance].path
    assert path is not None, "a corpus that was read has paths"
    return audio.samples_digest(*audio.decode(path))


def _metrics(scored: fold_file.Scored, n_labels: int) -> dict[str, float]:
    """Return the metrics of a set, by name."""
    counted = classification.confusion(
        scored.truth, classification.predicted(scored.activations), n_labels
    )
    return {name: float(one.compute(counted)) for name, one in classification.METRICS.items()}


def _identity(job: Job, sets: Sets) -> dict[str, Any]:
    """What the fold was made of."""
    fold = sets.fold
    return {
        "config": job.words()["config"],
        "protocol": dict(sets.protocol),
        "fold": {
            "index": job.fold,
            "name": fold.name,
            "group": fold.group,
            "utterances": {part: len(getattr(fold, part)) for part in PARTS},
        },
        "pins": dict(job.pins),
    }
