"""Read the data of a fold, check that it is what was planned, and get its features."""

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from serbench import datasets, processes, tables
from serbench.contracts import Array
from serbench.corpus import PARTS, Corpus, Fold, Protocol, protocol_digest, relabelled
from serbench.errors import CorpusError, LeakageError, SerbenchError
from serbench.evaluation.plan import Job, page_pin
from serbench.features import audio, extraction
from serbench.features.normalisation import Normalisation, Normalised
from serbench.features.store import Feature, Store
from serbench.files import digest
from serbench.plugins import registry
from serbench.processes import Message, Send
from serbench.protocols import leakage, lookup
from serbench.results import fold_file
from serbench.results.config import Config
from serbench.results.extra_set import ExtraSet
from serbench.settings import Settings


@dataclass(frozen=True)
class Data:
    """A corpus with audio digests and stored features, for the models of a run."""

    config: Config
    corpus: Corpus
    audio: Mapping[str, str]
    store: Store

    def inputs(
        self, ids: Sequence[str], part: str = "test", measured: "Data | None" = None
    ) -> Sequence[Array]:
        """Return the features of all utterances of a set; stored ones are read when indexed.

        They are standardised if the run says so; see `serbench.features.normalisation`. The
        statistics are those of `measured`: the utterances as recorded, for perturbed copies.
        """
        features = self._stored(ids)
        chosen = Normalisation.of(self.config.normalise).for_part(part)
        if not chosen:
            return features
        name = self.config.feature
        time_axis = extraction.time_axis(registry.load(registry.find("feature", name)))
        material = chosen.material(ids, self.speakers(ids))
        originals = (measured or self)._stored(ids)
        return Normalised(name, features, material, time_axis, originals)

    def _stored(self, ids: Sequence[str]) -> Sequence[Array]:
        if isinstance(self.store, extraction.Sentences):
            return self.store.of([self.corpus.by_id[id_] for id_ in ids])
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
    def features(self) -> Sequence[Array]:
        """The inputs of the model, in the order in which they are predicted."""
        return self.inputs([self.ids[at] for at in self.order(self.ids)])


def _source(dataset: str, root: Path, page: str, job: Job) -> datasets.Source:
    places = Settings(root.parent, Path(job.cache), Path(job.result).parent)
    source = datasets.find(dataset, places, root, Path(page) if page else None)
    if root.parent == Path(job.cache) / "corpora":  # removed while the fold was queued
        source = dataclasses.replace(source, generated=True)
    return source


def read_sets(job: Job, send: Send) -> Sets:
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
    data = (job.config, corpus, digests, store)
    return Sets(*data, protocol, len(folds), fold, certificate)


def read_copies(job: Job, sets: Sets, send: Send) -> list[Data]:
    """Get the perturbed copies of the fold's training utterances, those of a perturbation each."""
    root, ids = Path(job.root), sets.fold.train
    places = Settings(root.parent, Path(job.cache), Path(job.result).parent)
    stores = [
        _features(feature, places, root, sets.corpus, ids, send)[1]
        for feature in Feature.of_copies(job.config)
    ]
    return [Data(job.config, sets.corpus, sets.audio, store) for store in stores]


def read_extra(job: Job, planned: Mapping[str, Any], sets: Sets, send: Send) -> ExtraData:
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
    return ExtraData(job.config, corpus, digests, store, planned, identity, ids)


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
        stored = extraction.audio_digests(corpus, places.cache, root)
        store = extraction.stored(feature, places.cache)
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
    return keys, extraction.stored(feature, places.cache)
