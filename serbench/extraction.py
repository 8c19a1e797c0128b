"""Decodes what is not known yet and extracts the features that are missing, on all cores."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from serbench import engines, worker
from serbench.audio import Digests
from serbench.errors import FoldError
from serbench.features import Store
from serbench.jobs import Job, Plan
from serbench.listening import Listener
from serbench.settings import Settings

FEW = 100  # utterances that are not worth starting processes for


def extract(
    plan: Plan, waiting: Sequence[Job], places: Settings, listener: Listener
) -> Mapping[str, str]:
    """Decode what is not known and extract what is missing; the digest of each utterance."""
    wanted = {one for job in waiting for one in plan.ids(job)}
    feature = plan.config.features
    known = worker.audio_digests(plan.corpus, places.cache, plan.source.root)
    store = Store(feature.folder(places.cache))
    files = [
        (str(utterance.path), utterance.id in wanted)
        for utterance in plan.corpus.utterances
        if (key := known[utterance.id]) is None or (utterance.id in wanted and key not in store)
    ]
    if not files:
        return {one: str(key) for one, key in known.items()}
    remembered = Digests(places.cache, plan.source.root)
    done = 0

    def hear(_: int, words: engines.Words) -> None:
        nonlocal done
        done += words["utterances"]
        listener.extracting(done, len(files))

    listener.extracting(0, len(files))
    common = {
        "feature": dataclasses.asdict(feature),
        "cache": str(places.cache.resolve()),
        "threads": 1,
    }
    at_once = engines.cores() if len(files) > FEW else 1
    items = [{**common, "files": files[start::at_once]} for start in range(at_once)]
    for outcome in engines.run(worker.extract, items, hear, at_once=at_once):
        if outcome.result is None:
            raise FoldError(outcome.error)
        found = outcome.result["digests"]
        remembered.remember((Path(path), stamp, key) for path, stamp, key in found)
    known = worker.audio_digests(plan.corpus, places.cache, plan.source.root)
    return {one: str(key) for one, key in known.items()}
