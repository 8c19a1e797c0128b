"""Decode the files of a corpus and store their features, in this process or in others."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import threadpoolctl

from serbench.contracts import Array, Recording, Wave
from serbench.corpus import Corpus, Utterance
from serbench.errors import CorpusError, PluginError, SerbenchError
from serbench.features import audio, cache
from serbench.features.store import Feature, Store, check_arrays
from serbench.plugins import registry
from serbench.processes import Message, Send

SHARD = 256  # utterances written to the feature store at a time
HELD = 2**26  # bytes of features that are written even if they are of fewer utterances
BATCH = 16  # utterances per report of progress
READS = ("wave", "recording", "sentence")


def extract(message: Message, send: Send) -> Message:
    """Decode files, send their digests, and extract the features that are missing.

    Args:
        message: `feature`, `cache`, `threads`, and `files`: a path for each file, and whether to
            extract its features.
        send: function that receives the `digests` of each batch: an `audio.Decoded` per file.

    Raises:
        CorpusError: a file cannot be read.
        PluginError: the extractor violates its contract.
    """
    feature, files = Feature(**message["feature"]), message["files"]
    if not files:
        return {}
    with cache.in_use(Path(message["cache"]), feature, Path(files[0][0])):
        return _extract(message, feature, send)


def _extract(message: Message, feature: Feature, send: Send) -> Message:
    store = stored(feature, Path(message["cache"]))
    extractor = extractor_of(feature)
    reading = audio.Reading.of(feature.reading)
    arrays: dict[str, Array] = {}
    held = 0  # bytes
    with threadpoolctl.threadpool_limits(message["threads"]):
        for start in range(0, len(message["files"]), BATCH):
            digests: list[audio.Decoded] = []
            for path, is_wanted in message["files"][start : start + BATCH]:
                file, samples, rate = audio.decoded(Path(path))
                digests.append(file)
                if is_wanted and file.digest not in store and file.digest not in arrays:
                    with _naming(path):
                        array = of_samples(feature.name, extractor, samples, rate, reading)
                        arrays[file.digest] = array
                        held += array.nbytes
                if len(arrays) >= SHARD or held >= HELD:
                    store.write(arrays)
                    arrays, held = {}, 0
            send({"digests": digests})
        store.write(arrays)
    return {}


@contextlib.contextmanager
def _naming(file: str) -> Iterator[None]:
    """Name the file in every error that an extractor raises."""
    try:
        yield
    except SerbenchError as error:
        raise type(error)(f"{error}; it was given {file}") from error
    except Exception as error:
        error.add_note(f"the extractor was given {file}")
        raise


def of_samples(
    name: str, extractor: Any, samples: audio.Samples, rate: int, reading: audio.Reading
) -> Array:
    """Extract the features of a decoded file by itself.

    In a batch, the last bits would depend on the other waves, and so on the number of cores.
    """
    is_raw = reads(extractor) == "recording"
    given = Recording(samples, rate) if is_raw else audio.wave(samples, rate, reading)
    (array,) = check_arrays(name, extractor([given]), 1)
    return array.copy()  # the extractor may reuse the memory


class Sentences(Store):
    """The features of sentences: computed when they are needed, never stored."""

    def __init__(self, feature: Feature, folder: Path):
        super().__init__(folder)
        self._feature = feature

    def __contains__(self, key: str) -> bool:
        return bool(key)

    def of(self, utterances: Sequence[Utterance]) -> list[Array]:
        """Extract the features of what utterances say, each by itself."""
        name, extractor = self._feature.name, extractor_of(self._feature)
        return [
            check_arrays(name, extractor([utterance.sentence]), 1)[0].copy()
            for utterance in utterances
        ]


def require_sentences(feature: Feature, store: Store, corpus: Corpus) -> None:
    """Refuse a corpus without sentences for a feature that is made of them.

    Raises:
        CorpusError: the corpus does not give the sentence of an utterance.
    """
    lacking = [utterance.id for utterance in corpus.utterances if not utterance.sentence]
    if lacking and isinstance(store, Sentences):
        raise CorpusError(
            f"the feature {feature.name} is made of sentences, and {corpus.name} does not say "
            f"which sentence {lacking[0]} is: use another feature or corpus"
        )


def stored(feature: Feature, cache: Path) -> Store:
    """Return the store of a feature; `Sentences` if there is nothing to store."""
    folder = feature.folder(cache)
    target = registry.load(registry.find("feature", feature.name))
    return Sentences(feature, folder) if reads(target) == "sentence" else Store(folder)


def extractor_of(feature: Feature) -> Any:
    """Return a new extractor of a feature."""
    target: Any = registry.load(registry.find("feature", feature.name))
    return target(**registry.complete(target, feature.params))


def reads(extractor: Any) -> str:
    """Return what an extractor or its class is given: one of `READS`; see `contracts.Extractor`.

    Raises:
        PluginError: its class says something else.
    """
    target = extractor if isinstance(extractor, type) else type(extractor)
    kind = getattr(target, "reads", "wave")
    if kind not in READS:
        raise PluginError(
            f"{target.__name__} has reads = {kind!r}, but must be given one of {', '.join(READS)}"
        )
    return str(kind)


def time_axis(extractor: Any) -> int | None:
    """Return the axis of frames that an extractor or its class names; None if it has none.

    Raises:
        PluginError: its class says something else.
    """
    target = extractor if isinstance(extractor, type) else type(extractor)
    axis = getattr(target, "time_axis", None)
    if axis is not None and (type(axis) is not int or axis < 0):
        raise PluginError(
            f"{target.__name__} has time_axis = {axis!r}, but must have the number of an axis, "
            "from 0, or None"
        )
    return axis


def as_read(extractor: Any, wave: Wave) -> Wave | Recording | str:
    """Return a synthetic wave as what an extractor reads, for checks and measurements."""
    kind = reads(extractor)
    if kind == "sentence":
        return f"sentence of {len(wave)} samples"
    return Recording(wave[:, None], audio.RATE) if kind == "recording" else wave


def audio_digests(corpus: Corpus, cache: Path, root: Path) -> dict[str, str | None]:
    """Return the digest of each utterance's samples; None if its file changed after decoding."""
    digests = audio.Digests(cache, root)
    return {
        utterance.id: digests.digest(utterance.path)
        for utterance in corpus.utterances
        if utterance.path is not None
    }
