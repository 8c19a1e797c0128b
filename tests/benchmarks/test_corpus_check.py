"""A check of a corpus of CREMA-D's size, beside a plain loop over its files.

The corpus is 7442 utterances of synthetic speech, 5.3 hours at 16 kHz, with some copies as MP3
under another speaker's name. The loop does what is needed to look at the files and to compare their
sounds, but compares nothing.
"""

import csv
import json
import subprocess
import sys

import librosa
import numpy as np
import pytest
import soundfile

from serbench.processes import cores

pytest.importorskip("serbench_corpora.own.csv_table")
UTTERANCES, SPEAKERS, COPIES = 7442, 91, 20
RATE, HOP = 16_000, 160
WHAT = "check of a corpus of CREMA-D's size"
CHECK = """
import json, resource, sys, serbench
checked = serbench.check_corpus(sys.argv[1])
own, children = (resource.getrusage(who).ru_maxrss / 1000 for who in (
    resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
found = [(f.kind, f.name, f.other) for f in checked.findings if f.kind != "rate"]
print(json.dumps({"found": found, "own": own, "children": children}))
"""


def _speech(rng, seconds):
    """Return pulses with a wandering pitch through wandering formants, with pauses."""
    count = int(seconds * RATE)
    frames = count // HOP + 4

    def wander(low, high, step):
        steps = np.cumsum(rng.standard_normal(frames)) * step
        return low + (high - low) * (0.5 + 0.5 * np.sin(steps + rng.uniform(0, 6)))

    pitch = np.repeat(wander(90, 280, 0.12), HOP)[:count]
    excitation = 0.01 * rng.standard_normal(count + 4 * HOP)
    excitation[np.flatnonzero(np.diff(np.floor(np.cumsum(pitch / RATE))))] += 1
    frequencies = np.fft.rfftfreq(2 * HOP, 1 / RATE)
    envelope = sum(
        np.exp(-np.square((frequencies - wander(low, high, 0.25)[:, None]) / 120))
        for low, high in ((250, 900), (800, 2400), (2200, 3300))
    )
    loud = (np.repeat(rng.random(frames // 12 + 1), 12)[:frames] > 0.25) * wander(0.3, 1, 0.2)
    parts = np.lib.stride_tricks.sliding_window_view(excitation, 2 * HOP)[::HOP]
    size = min(len(parts), frames)
    spectra = np.fft.rfft(parts[:size] * np.hanning(2 * HOP))
    shaped = np.fft.irfft(spectra * (envelope * loud[:, None])[:size], 2 * HOP)
    wave = np.zeros((size + 1) * HOP)
    wave[: size * HOP] += shaped[:, :HOP].ravel()
    wave[HOP:] += shaped[:, HOP:].ravel()
    return 0.5 * wave[:count] / np.abs(wave).max()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Return the table of the corpus, and the pairs of an utterance and its copy."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    rows, pairs = [["path", "label", "speaker"]], []
    for at in range(UTTERANCES - COPIES):
        wave = _speech(rng, rng.triangular(1.27, 2.2, 4.2))
        soundfile.write(folder / f"{at:04}.wav", wave, RATE, subtype="PCM_16")
        rows.append([f"{at:04}.wav", f"label {at % 6}", f"{at % SPEAKERS}"])
        if at % (UTTERANCES // COPIES) == 0 and len(pairs) < COPIES:
            copy = f"x{at:04}"
            soundfile.write(folder / f"{copy}.mp3", 0.5 * wave[1000:], RATE, format="MP3")
            rows.append([f"{copy}.mp3", f"label {at % 6}", f"{(at + 1) % SPEAKERS}"])
            pairs.append(["speakers", f"{at:04}", copy])
    with (folder / "corpus.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return folder / "corpus.csv", pairs


def _checked(table):
    command = [sys.executable, "-c", CHECK, f"csv:{table}"]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def _loop(table):
    for path in sorted(table.parent.glob("*.*")):
        if path.suffix != ".csv":
            wave, _ = librosa.load(path, sr=RATE)
            wave, _ = librosa.effects.trim(wave)
            np.abs(wave).max(), np.sqrt(np.mean(np.square(wave)))
            librosa.feature.melspectrogram(y=wave, sr=RATE, n_mels=64)


@pytest.mark.benchmark(group=WHAT)
def test_check(benchmark, ratios, corpus):
    table, pairs = corpus
    result = benchmark.pedantic(_checked, (table,), rounds=1)
    assert sorted(result["found"]) == sorted(pairs)
    assert result["own"] + cores() * result["children"] < 500, "megabytes"
    ratios.took(WHAT, "ours", benchmark)


@pytest.mark.benchmark(group=WHAT)
def test_loop(benchmark, ratios, corpus):
    table, _ = corpus
    librosa.feature.melspectrogram(y=librosa.effects.trim(np.ones(RATE))[0], sr=RATE)  # compiles
    benchmark.pedantic(_loop, (table,), rounds=1)
    ratios.took(WHAT, "a loop over librosa", benchmark)
