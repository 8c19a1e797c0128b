"""The front end: decodes files and writes their features, wherever an engine puts it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from serbench import audio, plugins
from serbench.contracts import Array
from serbench.corpus import Corpus
from serbench.engines import Tell, Words
from serbench.errors import PluginError, SerbenchError
from serbench.features import Feature, Store, check_arrays

SHARD = 256  # utterances written to the feature store at a time
BATCH = 16  # utterances given to an extractor at a time


def extract(words: Words, tell: Tell) -> Words:
    """Decode files, remember their digests, and extract the features that are missing.

    Args:
        words: `feature`, `cache`, `threads`, and `files`: [path, whether its features are wanted]
            of each.
        tell: hears after every batch how many `utterances` it had, and their `digests`: an
            `audio.Decoded` of each file.

    Raises:
        CorpusError: a file cannot be read.
        PluginError: the extractor breaks its contract.
    """
    feature = Feature(**words["feature"])
    store = Store(feature.folder(Path(words["cache"])))
    extractor: Any = plugins.load(plugins.find("feature", feature.name))(**feature.params)
    reading = audio.Reading(feature.reading["trim_db"])  # type: ignore[arg-type]
    found: list[audio.Decoded] = []
    made: dict[str, Array] = {}
    with threadpoolctl.threadpool_limits(words["threads"]):
        for files in _batches(words["files"], BATCH):
            waves = {}
            for name, wanted in files:
                one, samples, rate = audio.decoded(Path(name))
                found.append(one)
                key = one.digest
                if wanted and key not in store and key not in made:
                    waves[key] = audio.wave(samples, rate, reading)
            with _naming([name for name, _ in files]):
                arrays = check_arrays(feature.name, _extracted(extractor, waves), len(waves))
                arrays = [each.copy() for each in arrays]  # it may use the same memory again
                if waves and len(found) <= 2 * BATCH:  # the first batches stand for all
                    _check_alone(feature.name, extractor, list(waves.values())[-1], arrays[-1])
            made.update(zip(waves, arrays, strict=True))
            if len(made) >= SHARD:
                store.write(made)
                made = {}
            tell({"utterances": len(files), "digests": found[-len(files) :]})
        store.write(made)
    return {}


@contextlib.contextmanager
def _naming(files: Sequence[str]) -> Iterator[None]:
    """Say of every error which files were in hand."""
    some = files[0] if len(files) == 1 else f"one of {len(files)} files, {files[0]} to {files[-1]}"
    try:
        yield
    except SerbenchError as error:
        raise type(error)(f"{error}; it was given {some}") from error
    except Exception as error:
        error.add_note(f"the extractor was given {some}")
        raise


def _extracted(extractor: Any, waves: Mapping[str, Any]) -> Any:
    return extractor(list(waves.values())) if waves else []


def _check_alone(name: str, extractor: Any, wave: Any, array: Array) -> None:
    """Refuse an extractor whose arrays depend on the batch.

    Raises:
        PluginError: the wave gives another array alone.
    """
    (alone,) = check_arrays(name, extractor([wave]), 1)
    if alone.shape != array.shape or not np.allclose(alone, array, rtol=1e-3, atol=1e-3):
        raise PluginError(
            f"feature {name} makes another array of an utterance alone than in a batch; this is a "
            "fault of the plugin that offers it"
        )


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def audio_digests(corpus: Corpus, cache: Path, root: Path) -> dict[str, str | None]:
    """The digest of each utterance's samples; None where its file changed since it was decoded."""
    remembered = audio.Digests(cache, root)
    return {
        utterance.id: remembered.known(utterance.path)
        for utterance in corpus.utterances
        if utterance.path is not None
    }
