"""Decodes what is not known yet and extracts the features that are missing, on all cores."""

import dataclasses
from collections.abc import Mapping, Sequence

from serbench import parallel
from serbench.errors import FoldError
from serbench.features import extraction
from serbench.features.audio import Decoded, Digests, remarks
from serbench.features.store import Store
from serbench.jobs import Plan
from serbench.listening import Listener
from serbench.settings import Settings

FEW = 100  # utterances that are not worth starting processes for


def extract(
    plan: Plan, waiting: Sequence[int], places: Settings, listener: Listener
) -> Mapping[str, str]:
    """Decode what is not known, and extract what the waiting folds miss.

    The listener gets remarks on odd audio, whether it was decoded now or earlier.

    Returns:
        The digest of every utterance's samples, by id.

    Raises:
        FoldError: a file cannot be read, or the extractor breaks its contract.
    """
    wanted = {one for position in waiting for one in plan.ids(position)}
    feature = plan.config.features
    known = extraction.audio_digests(plan.corpus, places.cache, plan.source.root)
    store = Store(feature.folder(places.cache))
    files = [
        (str(utterance.path), utterance.id in wanted)
        for utterance in plan.corpus.utterances
        if (key := known[utterance.id]) is None or (utterance.id in wanted and key not in store)
    ]
    found: dict[str, Decoded] = {}

    def hear(_: int, words: parallel.Words) -> None:
        found.update((one[0], Decoded(*one)) for one in words["digests"])
        listener.extracting(len(found), len(files))

    try:
        _work(files, plan, places, hear)
    finally:  # whatever stops it, what is decoded is decoded
        remembered = Digests(places.cache, plan.source.root)
        remembered.remember(found.values())
    paths = {one.id: one.path for one in plan.corpus.utterances if one.path is not None}
    for line in remarks({one: remembered.oddity(path) for one, path in paths.items()}):
        listener.remarked(line)
    decoded = {one: found[str(path)].digest for one, path in paths.items() if str(path) in found}
    return {one: decoded.get(one, str(key)) for one, key in known.items()}


def _work(
    files: Sequence[tuple[str, bool]], plan: Plan, places: Settings, hear: parallel.Hear
) -> None:
    if not files:
        return
    common = {
        "feature": dataclasses.asdict(plan.config.features),
        "cache": str(places.cache.resolve()),
        "threads": 1,
    }
    at_once = parallel.cores() if len(files) > FEW else 1
    items = [{**common, "files": files[start::at_once]} for start in range(at_once)]
    engine = parallel.of(at_once if at_once > 1 else 0, threads=1)
    for outcome in engine(extraction.extract, items, hear):
        if outcome.result is None:
            raise FoldError(outcome.error)
