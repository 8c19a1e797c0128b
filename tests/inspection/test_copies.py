"""Recordings are found again after changes, and different takes of a sentence are not."""

import csv
import itertools

import numpy as np
import pytest
import soundfile
import soxr

import serbench
from serbench.datasets import find
from serbench.inspection import copies, fingerprint
from serbench.settings import settings

corpus = pytest.importorskip("serbench_corpora.toy.corpus")
RATE = 16_000


@pytest.fixture(scope="module")
def waves():
    """Six utterances: one speaker and emotion, three sentences, two takes of each."""
    takes = itertools.product(range(3), (0, 1))
    return [
        (corpus.utterance(seed, 0, 1, sentence) / 32768).astype(np.float32)
        for sentence, seed in takes
    ]


def test_takes_of_a_sentence_are_no_copies(waves):
    sounds = [fingerprint.fingerprint(wave) for wave in waves]
    assert all(len(sound.keys) >= fingerprint.FEWEST for sound in sounds)
    assert fingerprint.candidates(sounds) == []
    assert not any(copies.compare(*pair) for pair in itertools.combinations(waves, 2))


def test_a_changed_recording_is_a_candidate_and_a_copy(waves):
    noise = 0.03 * np.random.default_rng(0).standard_normal(len(waves[0])).astype(np.float32)
    level = np.sqrt(np.mean(np.square(waves[0])))
    changed = [
        -0.5 * waves[0],
        waves[0][800:-1600],
        waves[0] + 10 * level * noise,
        soxr.resample(soxr.resample(waves[0], RATE, 8000), 8000, RATE),
    ]
    sounds = [fingerprint.fingerprint(wave) for wave in (*waves, *changed)]
    found = set(fingerprint.candidates(sounds))
    assert {pair for pair in found if 0 in pair} == {(0, 6), (0, 7), (0, 8), (0, 9)}
    assert found <= set(itertools.combinations((0, 6, 7, 8, 9), 2))
    for wave in changed:
        assert copies.compare(waves[0], wave).startswith("same sound")


def test_the_difference_between_copies_is_told(waves):
    wave = waves[0]
    padded = np.concatenate([np.zeros(4000, np.float32), wave])
    assert copies.compare(wave, wave) == "same sound"
    assert copies.compare(wave, 2 * wave) == "same sound: +6.0 dB"
    assert copies.compare(wave, wave[:-3200]) == "same sound: 0.20 s cut at its end"
    assert copies.compare(wave, padded) == "same sound: 0.25 s added at its start"
    noisy = wave + 0.2 * np.std(wave) * np.random.default_rng(0).standard_normal(len(wave))
    assert copies.compare(wave, noisy).startswith("same sound: correlation 0.9")


def test_silence_and_very_short_sounds_have_no_fingerprint(waves):
    for wave in (np.zeros(RATE, np.float32), waves[0][:100]):
        assert len(fingerprint.fingerprint(wave).keys) == 0
    assert fingerprint.candidates([]) == []
    assert copies.compare(waves[0], np.zeros(RATE, np.float32)) == ""
    assert copies.compare(waves[0], waves[0][:1000]) == ""


def test_blocks_change_nothing(waves, monkeypatch):
    sounds = [fingerprint.fingerprint(wave) for wave in (*waves, *waves)]
    whole = fingerprint.candidates(sounds)
    assert len(whole) == len(waves)
    monkeypatch.setattr(fingerprint, "BLOCK", 10)
    assert fingerprint.candidates(sounds) == whole


# ---- on real speech ----

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
WAYS = {  # ending, format, rate, gain
    "mp3": (".mp3", {"format": "MP3"}, 48_000, 1),
    "mp3 at 16 kHz": (".mp3", {"format": "MP3", "compression_level": 0.9}, RATE, 1),
    "ogg": (".ogg", {"format": "OGG", "subtype": "VORBIS"}, 48_000, 1),
    "opus": (".opus", {"format": "OGG", "subtype": "OPUS", "compression_level": 0.9}, 48_000, 1),
    "16 kHz": (".wav", {"subtype": "PCM_16"}, RATE, 1),
    "8 kHz": (".wav", {"subtype": "PCM_16"}, 8000, 1),
    "quiet": (".wav", {"subtype": "PCM_16"}, 48_000, 0.25),
    "loud": (".wav", {"subtype": "PCM_16"}, 48_000, 4),
    "quiet mp3 at 11 kHz": (".mp3", {"format": "MP3"}, 11_025, 0.3),
}
CUTS = ("nothing", "start", "end", "both")


@pytest.fixture
def ravdess():
    """The corpus of the person who runs the tests; requested before `places`."""
    folder = find("ravdess", settings()).root
    if not folder.is_dir():
        pytest.skip("RAVDESS: corpus not here")
    return folder


def _planted(path, original, way, cut, rng):
    """Write a changed copy of a recording, without its ending in `path`; return its path."""
    ending, form, rate, gain = WAYS[way]
    samples, native = soundfile.read(original, always_2d=True)
    start, end = (rng.uniform(0.05, 0.3, 2) * native).astype(int)
    start, end = start * (cut in ("start", "both")), end * (cut in ("end", "both"))
    kept = samples.mean(axis=1)[start : len(samples) - end]
    kept = np.clip(gain * soxr.resample(kept, native, rate), -1, 1)
    soundfile.write(path.with_suffix(ending), kept, rate, **form)
    return path.with_suffix(ending)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_every_copy_planted_in_ravdess_is_found_and_nothing_else(ravdess, places, tmp_path, seed):
    """Copies under another speaker's name, among 1440 recordings with two takes of each."""
    rng = np.random.default_rng(seed)
    files = sorted(ravdess.rglob("03-01-*.wav"))
    rows = [(path, LABELS[int(path.stem[6:8]) - 1], path.stem[-2:], path.stem) for path in files]
    twins = ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")  # as published
    expected = {(*twins, "copies")}
    changes = list(itertools.product(WAYS, CUTS)) * 4
    alone = [row for row in rows if row[3] not in twins]
    for at, (way, cut) in zip(rng.permutation(len(alone)), changes, strict=False):
        original, label, speaker, name = alone[at]
        copy = f"x{len(expected):03}"  # after all originals
        path = _planted(tmp_path / copy, original, way, cut, rng)
        rows.append((path, label, f"{int(speaker) % 24 + 1:02}", copy))
        expected.add((name, copy, "speakers"))
    with (tmp_path / "planted.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("path", "label", "speaker", "id"), *rows])
    checked = serbench.check_corpus(f"csv:{tmp_path / 'planted.csv'}")
    assert len(expected) == 1 + len(changes)
    assert {(f.name, f.other, f.kind) for f in checked.findings if f.other} == expected


@pytest.mark.slow
def test_the_known_oddities_of_ravdess_are_all_that_is_found(ravdess, places):
    checked = serbench.check_corpus("ravdess", data=ravdess)
    assert [(f.kind, f.name, f.other) for f in checked.findings] == [
        ("channels", "03-01-02-01-01-02-01", ""),
        ("channels", "03-01-02-01-02-02-05", ""),
        ("channels", "03-01-03-01-02-01-20", ""),
        ("channels", "03-01-06-01-01-02-20", ""),
        ("channels", "03-01-08-01-02-02-01", ""),
        ("copies", "03-01-03-01-02-01-07", "03-01-03-01-02-02-07"),
    ]
