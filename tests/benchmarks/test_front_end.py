"""Decoding and features of a corpus: the straightforward loop against serbench's extraction.

Set SERBENCH_BENCH_DATA to a folder of wav files (an original RAVDESS tree, for instance) to
measure on it; without it, 200 synthetic utterances of 48 kHz and 3.7 s serve.
"""

import os
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from serbench import processes
from serbench.features import audio, extraction
from serbench.features.store import Feature, Store

pytest.importorskip("serbench_alexnet")
EXTRACTED, AGAIN = "front end, first time", "front end, from the store"
MEL = Feature("mel", "1", {}, audio.Reading().identity())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    given = os.environ.get("SERBENCH_BENCH_DATA")
    if given:
        found = sorted(Path(given).rglob("*.wav"))
        assert found, f"SERBENCH_BENCH_DATA is {given}: there are no .wav files in it"
        return found
    folder = tmp_path_factory.mktemp("utterances")
    rng = np.random.default_rng(0)
    for index in range(200):
        envelope = np.exp(-np.square(np.linspace(-3, 3, 177_600)))
        wave = 0.1 * rng.standard_normal(177_600) * envelope
        soundfile.write(folder / f"{index:03d}.wav", wave, 48_000, subtype="PCM_16")
    return sorted(folder.iterdir())


def straightforward(files):
    """What a user would write instead."""
    features = []
    for path in files:
        wave, _ = librosa.load(path, sr=16_000)
        wave, _ = librosa.effects.trim(wave)
        mel = librosa.feature.melspectrogram(
            y=wave, sr=16_000, n_fft=256, hop_length=128, n_mels=64, power=1.0
        )
        features.append(librosa.amplitude_to_db(mel))
    return features


def extracted(files, cache):
    """What an evaluation does, from starting the processes to the files of the store."""
    at_once = processes.cores()
    common = {"feature": MEL.__dict__, "cache": str(cache), "threads": 1}
    items = [
        {**common, "files": [(str(path), True) for path in files[start::at_once]]}
        for start in range(at_once)
    ]
    rows = []
    engine = processes.engine(at_once, threads=1)
    for outcome in engine(
        extraction.extract, items, lambda _, words: rows.extend(words["digests"])
    ):
        assert not outcome.error, outcome.error
    return rows


def read(keys, cache):
    return list(Store(MEL.folder(cache)).read(keys))


def _heard(ratios, what, way, benchmark):
    if "SERBENCH_BENCH_DATA" not in os.environ:  # the baselines are of synthetic utterances
        ratios.took(what, way, benchmark)


@pytest.mark.benchmark(group="front end, whole corpus")
def test_straightforward(benchmark, ratios, files):
    straightforward(files[:2])  # librosa's own imports and caches are not what is measured
    benchmark.pedantic(straightforward, (files,), rounds=3)
    for what in (EXTRACTED, AGAIN):
        _heard(ratios, what, "a loop over librosa", benchmark)


@pytest.mark.benchmark(group="front end, whole corpus")
def test_extraction(benchmark, ratios, files, tmp_path):
    caches = iter(range(10))
    benchmark.pedantic(
        extracted, setup=lambda: ((files, tmp_path / str(next(caches))), {}), rounds=3
    )
    _heard(ratios, EXTRACTED, "ours", benchmark)


@pytest.mark.benchmark(group="front end, whole corpus")
def test_second_read_from_the_store(benchmark, ratios, files, tmp_path):
    keys = [row[2] for row in extracted(files, tmp_path)]
    benchmark.pedantic(read, (keys, tmp_path), rounds=5)
    _heard(ratios, AGAIN, "ours", benchmark)
