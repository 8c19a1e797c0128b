"""Measures what comes before a model: arithmetic, decoding, features; each in its own process.

Each function gets plain words and returns plain words, for `engines`.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from serbench import lengths
from serbench.contracts import Array, Lengths, Wave
from serbench.features import audio
from serbench.features.store import Feature, check_arrays
from serbench.growth import fastest
from serbench.parallel import Tell, Words
from serbench.plugins import registry

ROUND = 16  # utterances whose features are timed together; the front end extracts each alone
FILES = 24
SIDE = 2048  # of the matrices whose product is the limit of arithmetic


def product(words: Words, tell: Tell) -> Words:
    """The product of large matrices in float32: `gflops` a second."""
    random = np.random.default_rng(0)
    left, right = (random.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    out = np.empty_like(left)
    with threadpoolctl.threadpool_limits(words["threads"]):
        took = fastest(lambda: np.matmul(left, right, out=out), words["seconds"])
    return {"gflops": 2 * SIDE**3 / took / 1e9}


def decode(words: Words, tell: Tell) -> Words:
    """Decode, digest and trim files as the front end does: `seconds` of an utterance."""
    import soundfile

    of = Lengths(**words["lengths"])
    waves = lengths.voices(lengths.drawn(of, FILES), of.rate, sounding=of.trimmed)
    reading = audio.Reading()

    def read() -> None:
        for path in paths:
            _, samples, rate = audio.decoded(path)
            audio.wave(samples, rate, reading)

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{place}.wav" for place in range(FILES)]
        for path, wave in zip(paths, waves, strict=True):
            soundfile.write(path, wave, of.rate, subtype="PCM_16")
        with threadpoolctl.threadpool_limits(words["threads"]):
            read()  # imports
            return {"seconds": fastest(read, words["seconds"]) / FILES}


def extract(words: Words, tell: Tell) -> Words:
    """Extract a feature: `seconds` of an utterance, and how long imports took: `load`."""
    began = time.time()
    extractor, waves = _extractor(words, ROUND)
    with threadpoolctl.threadpool_limits(words["threads"]):
        check_arrays(words["feature"]["name"], extractor(waves[:1]), 1)
        load = time.time() - began
        took = fastest(lambda: [extractor([wave]) for wave in waves], words["seconds"])
    return {"seconds": took / len(waves), "began": began, "load": load}


def inputs(words: Words, count: int) -> list[Array]:
    """What a model gets of so many utterances as long as the corpus's, trimmed."""
    extractor, waves = _extractor(words, count)
    return check_arrays(words["feature"]["name"], extractor(waves), count)


def _extractor(words: Words, count: int) -> tuple[Any, list[Wave]]:
    feature = Feature(**words["feature"])
    target = registry.load(registry.find("feature", feature.name))
    extractor: Any = target(**registry.complete(target, feature.params))
    seconds = lengths.trimmed(Lengths(**words["lengths"]), count)
    # in no order of length, as a corpus is
    mixed = [seconds[place] for place in np.random.default_rng(0).permutation(count)]
    return extractor, lengths.voices(mixed, audio.RATE)
