"""Trains and scores one fold: it gets plain words, and looks the names up again."""

import contextlib
import itertools
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from serbench import (
    answers,
    audio,
    datasets,
    frontend,
    keeping,
    leakage,
    metrics,
    plugins,
    protocols,
    provenance,
    results,
)
from serbench.contracts import Array, Examples, Model, Predictions, Saves
from serbench.corpus import Corpus, Fold, protocol_digest
from serbench.engines import Tell, Words
from serbench.errors import CorpusError, PluginError
from serbench.features import Features, Store
from serbench.files import digest
from serbench.jobs import Job
from serbench.settings import Settings

ALONE = 8  # utterances predicted again, each alone
_folds = itertools.count()  # that this process has trained: what a model remembers is there still


@dataclass(frozen=True)
class Bench:
    """The workspace of one fold: what a model may use, and whom it tells."""

    device: str
    threads: int
    folder: Path
    curve: list[dict[str, float]]
    tell: Tell

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Tell progress and one point of the learning curve."""
        point = {"epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        self.curve.append(point)
        self.tell({"epochs": int(epochs), **point})


def run(words: Words, tell: Tell) -> Words:
    """Train and score one fold, and write its result.

    Args:
        words: of a `Job`.
        tell: hears the learning curve.

    Returns:
        Nothing of interest: the result is a file.

    Raises:
        CorpusError: the corpus is not what it was when the job was planned.
        LeakageError: the fold shares speakers or audio between its sets.
        PluginError: the model breaks its contract.
    """
    job = Job.of(words)
    before = next(_folds)
    sets = _sets(job)
    corpus, fold = sets.corpus, sets.fold
    bench = _bench(job, tell)
    target = _target(job)
    with threadpoolctl.threadpool_limits(job.threads):
        model: Model = target(labels=corpus.labels, seed=job.config.seed, **job.config.params)
        started = time.perf_counter()
        model.fit(sets.examples(fold.train), sets.examples(fold.validation), bench)
        fitted = time.perf_counter()
        predictions = sets.ask(model, fold.test)
        predicted = time.perf_counter()
        validation = sets.ask(model, fold.validation)
        alone = _alone(model, sets, fold.test, predictions.activations)
    facts = {
        **_identity(job, sets),
        "labels": list(corpus.labels),
        "link": predictions.link,
        "certificate": leakage.to_json(sets.certificate),
        "validation": _scores(sets, fold.validation, validation, len(corpus.labels)),
        "alone": alone,
        "model": answers.described(model),
        "curve": bench.curve,
        "seconds": {"fit": fitted - started, "predict": predicted - fitted},
        **provenance.machine(job),
        **({"folds_before": before} if before else {}),
    }
    scored = results.FoldResult(
        facts,
        sets.scored(fold.test, predictions),
        sets.scored(fold.validation, validation) if fold.group else None,
    )
    _keep(job, model)
    results.write(Path(job.result), scored)
    shutil.rmtree(bench.folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # other folds are still at work
        bench.folder.parent.rmdir()
    return {}


def _target(job: Job) -> Any:
    """The model's class, of the code that was there when the job was planned.

    Raises:
        PluginError: it was edited meanwhile, so that folds of two models would be mixed.
    """
    entry = plugins.find("model", job.config.model)
    target = plugins.load(entry)
    version = plugins.version(entry, target)
    if version != job.config.model_version:
        raise PluginError(
            f"{entry.name} was version {job.config.model_version!r} when the run was planned, and "
            f"is {version!r} now: its code changed while the run was going on; run the same "
            "command again"
        )
    return target


def _bench(job: Job, tell: Tell) -> Bench:
    # named by its data: what was saved there while learning from other data is not found again
    name = f"{Path(job.result).stem}-{digest(dict(job.pins))[:8]}"
    folder = Path(job.result).parent / ".work" / name
    folder.mkdir(parents=True, exist_ok=True)
    return Bench(job.device, job.threads, folder, [], tell)


def _keep(job: Job, model: Model) -> None:
    """Keep the model if asked to, before its result is there: a finished fold has its model."""
    place = keeping.folder(Path(job.result).parent, job.fold)
    keeping.forget(place)  # one that was kept with a result that is gone would be another's
    if job.keep_model:
        assert isinstance(model, Saves), "seen to at planning"
        keeping.keep(model, place)


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

    def ask(self, model: Model, ids: Sequence[str]) -> Predictions:
        """What the model says of these utterances."""
        return answers.ask(model, self.inputs(ids), len(self.corpus.labels))

    def truth(self, ids: Sequence[str]) -> Any:
        """(utterances,) int64, positions in the labels."""
        position = {label: index for index, label in enumerate(self.corpus.labels)}
        return np.array([position[self.corpus.by_id[one].label] for one in ids], np.int64)

    def speakers(self, ids: Sequence[str]) -> tuple[str, ...]:
        """One an utterance."""
        return tuple(self.corpus.by_id[one].speaker for one in ids)

    def examples(self, ids: Sequence[str]) -> Examples:
        """What a model may learn from."""
        return Examples(self.inputs(ids), self.truth(ids), self.speakers(ids))

    def scored(self, ids: Sequence[str], predictions: Predictions) -> results.Scored:
        """What is kept of predictions."""
        return results.Scored(
            tuple(ids), self.speakers(ids), self.truth(ids), predictions.activations
        )


def _sets(job: Job) -> Sets:
    """Read the corpus again, and check that it and the fold are what was planned."""
    places = Settings(Path(job.root).parent, Path(job.cache), Path(job.result).parent)
    source = datasets.find(job.config.dataset, places, Path(job.root))
    corpus = datasets.read(source, job.config.labels)
    protocol = protocols.find(job.config.protocol, source.dataset)
    folds = protocols.folds(protocol, corpus)
    _require("corpus", job, corpus.digest)
    _require("protocol", job, protocol_digest(folds))
    fold = folds[job.fold]
    known = frontend.audio_digests(corpus, Path(job.cache), Path(job.root))
    used = (*fold.train, *fold.validation, *fold.test)
    digests = {one: known[one] or _decoded(corpus, one) for one in used}
    _require("audio", job, digest([digests[one] for one in used]))
    certificate = leakage.certify(corpus, fold, digests)
    leakage.require_clean(protocol, [(fold, certificate)])
    store = Store(job.config.features.folder(Path(job.cache)))
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


def _alone(
    model: Model, sets: Sets, ids: Sequence[str], activations: Array
) -> dict[str, float | int]:
    """Predict a few utterances again, each alone: no score may depend on the batch."""
    chosen = np.unique(np.linspace(0, len(ids) - 1, ALONE).astype(int))
    again = [sets.ask(model, [ids[index]]).activations[0] for index in chosen]
    difference = float(np.abs(np.stack(again) - activations[chosen]).max())
    moved = metrics.predicted(np.stack(again)) != metrics.predicted(activations[chosen])
    return {
        "utterances": len(chosen),
        "largest_difference": difference,
        "other_labels": int(moved.sum()),
    }


def _scores(
    sets: Sets, ids: Sequence[str], predictions: Predictions, n_labels: int
) -> dict[str, float]:
    """The metrics of a validation set, by name."""
    prediction = metrics.predicted(predictions.activations)
    counted = metrics.confusion(sets.truth(ids), prediction, n_labels)
    return {name: float(one.compute(counted)) for name, one in metrics.METRICS.items()}


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
            "utterances": {
                part: len(getattr(fold, part)) for part in ("train", "validation", "test")
            },
        },
        "pins": dict(job.pins),
    }
