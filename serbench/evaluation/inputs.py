"""Decode the audio that runs need, and extract missing features, here or as tasks of an engine."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from serbench import processes
from serbench.contracts import Extraction, Task
from serbench.errors import FoldError
from serbench.evaluation.engines import task
from serbench.evaluation.plan import Plan
from serbench.features import extraction, room
from serbench.features.audio import Decoded, Digests, remarks
from serbench.features.store import Feature
from serbench.files import digest
from serbench.protocols import leakage
from serbench.settings import Settings

FEW = 100  # utterances; up to this many, starting processes takes longer than it saves


class Listening(Protocol):
    """The methods of `serbench.Listener` that decoding calls."""

    def estimated(self, line: str) -> None:
        """Show how much disk and memory large features take."""

    def extracting(self, done: int, total: int) -> None:
        """Show that `done` of `total` utterances are decoded and their features stored."""

    def remarked(self, line: str) -> None:
        """Show a remark on the corpus."""


@dataclass
class Inputs:
    """The audio digests of runs that learn the same features from the same corpus.

    Runs of one corpus share their checks and digests, so a thousand runs cost as much as one.
    """

    plan: Plan  # of one of these runs
    audio: Mapping[str, str] = field(default_factory=dict)  # id to digest of the samples
    tasks: Sequence[Task] = ()  # they extract missing features
    _pins: dict[tuple[str, int], str] = field(default_factory=dict)
    _clean: set[tuple[str, int]] = field(default_factory=set)

    def pin(self, plan: Plan, position: int) -> str:
        """Return the digest of the audio of a fold."""
        key = (plan.pins["protocol"], position)
        if key not in self._pins:
            self._pins[key] = digest([self.audio[id_] for id_ in plan.ids(position)])
        return self._pins[key]

    def require_clean(self, plan: Plan, positions: Sequence[int]) -> None:
        """Refuse folds whose sets share recordings, unless their protocol declares it.

        Raises:
            LeakageError: sets share speakers or recordings.
        """
        new = [at for at in positions if (plan.pins["protocol"], at) not in self._clean]
        leaking = leakage.check(plan.corpus, [plan.folds[at] for at in new], self.audio)
        leakage.require_clean(plan.protocol, leaking)
        self._clean |= {(plan.pins["protocol"], at) for at in new}


def key(plan: Plan) -> object:
    """Return a key that runs share if they learn the same features from the same corpus."""
    feature = dataclasses.asdict(Feature.of(plan.config))
    return (plan.source.root, plan.corpus.digest, digest(feature))


def prepare(
    plan: Plan, needed: set[str], places: Settings, listener: Listening, who: Extraction = "driver"
) -> Inputs:
    """Decode audio without a stored digest, and extract the features that utterances lack.

    The listener receives remarks on odd audio, whether decoded now or earlier.

    Args:
        plan: the plan of one of the runs that learn these features from this corpus.
        needed: ids of the utterances whose features are needed.
        places: settings of this machine.
        listener: shows the progress.
        who: who extracts the features; see `serbench.contracts.Engine`.

    Raises:
        CorpusError: the feature is made of sentences, and the corpus does not give them.
        FoldError: a file cannot be read, or the extractor breaks its contract.
        SerbenchError: the disk has no room for the features.
    """
    feature = Feature.of(plan.config)
    stored = extraction.audio_digests(plan.corpus, places.cache, plan.source.root)
    store = extraction.stored(feature, places.cache)
    extraction.require_sentences(feature, store, plan.corpus)
    utterances = plan.corpus.utterances
    paths = {each.id: str(each.path) for each in utterances if each.path is not None}
    lacking = {id_ for id_ in paths if id_ in needed and (stored[id_] or "") not in store}
    files = [
        (path, id_ in lacking and who == "driver")
        for id_, path in paths.items()
        if stored[id_] is None or (id_ in lacking and who == "driver")
    ]
    at_once = processes.cores() if len(files) > FEW else 1
    if who != "fold":  # which extracts on another machine
        missing = [paths[id_] for id_ in paths if id_ in lacking]
        line = room.statement(feature, missing, places.cache, places.results, at_once)
        if line:
            listener.estimated(line)
    decoded: dict[str, Decoded] = {}

    def receive(_: int, message: processes.Message) -> None:
        decoded.update((row[0], Decoded(*row)) for row in message["digests"])
        listener.extracting(len(decoded), len(files))

    common = {
        "feature": dataclasses.asdict(feature),
        "cache": str(places.cache.resolve()),
        "threads": 1,
    }
    digests = Digests(places.cache, plan.source.root)
    try:
        for outcome in processes.fresh(
            extraction.extract,
            [{**common, "files": files[start::at_once]} for start in range(at_once) if files],
            receive,
            at_once=at_once if at_once > 1 else 0,
            threads=1,
        ):
            if outcome.result is None:
                raise FoldError(outcome.error)
    finally:  # keep the digests of decoded audio, even after an error
        digests.add(decoded.values())
    for line in remarks({id_: digests.oddity(Path(path)) for id_, path in paths.items()}):
        listener.remarked(line)
    audio = {
        id_: decoded[path].digest if path in decoded else str(stored[id_])
        for id_, path in paths.items()
    }
    tasks: Sequence[Task] = ()
    if who == "task":
        wanted = [paths[id_] for id_ in paths if id_ in needed and audio[id_] not in store]
        code = task.code_of(plan.config)
        tasks = task.of_extraction(feature, places.cache, wanted, plan.needs, code)
    return Inputs(plan, audio, tasks)
