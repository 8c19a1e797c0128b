"""Decode the files of a corpus and store their features, in this process or in others."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import threadpoolctl

from serbench.contracts import Array, Wave
from serbench.corpus import Corpus
from serbench.errors import SerbenchError
from serbench.features import audio, cache
from serbench.features.store import Feature, Store, check_arrays
from serbench.plugins import registry
from serbench.processes import Message, Send

SHARD = 256  # utterances written to the feature store at a time
BATCH = 16  # utterances per report of progress


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
    store = Store(feature.folder(Path(message["cache"])))
    target = registry.load(registry.find("feature", feature.name))
    extractor: Any = target(**registry.complete(target, feature.params))
    reading = audio.Reading.of(feature.reading)
    arrays: dict[str, Array] = {}
    with threadpoolctl.threadpool_limits(message["threads"]):
        for start in range(0, len(message["files"]), BATCH):
            digests: list[audio.Decoded] = []
            for path, is_wanted in message["files"][start : start + BATCH]:
                file, samples, rate = audio.decoded(Path(path))
                digests.append(file)
                if is_wanted and file.digest not in store and file.digest not in arrays:
                    with _naming(path):
                        wave = audio.wave(samples, rate, reading)
                        arrays[file.digest] = of_one(feature.name, extractor, wave)
            if len(arrays) >= SHARD:
                store.write(arrays)
                arrays = {}
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


def of_one(name: str, extractor: Any, wave: Wave) -> Array:
    """Extract the features of one wave by itself.

    In a batch, the last bits would depend on the other waves, and so on the number of cores.
    """
    (array,) = check_arrays(name, extractor([wave]), 1)
    return array.copy()  # the extractor may reuse the memory


def audio_digests(corpus: Corpus, cache: Path, root: Path) -> dict[str, str | None]:
    """Return the digest of each utterance's samples; None if its file changed after decoding."""
    digests = audio.Digests(cache, root)
    return {
        utterance.id: digests.digest(utterance.path)
        for utterance in corpus.utterances
        if utterance.path is not None
    }
