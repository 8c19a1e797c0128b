"""An utterance is perturbed in the same bits by every process, with any number of threads."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, sys
import numpy as np
from serbench.features import audio

random = np.random.default_rng(3)
samples = (3000 * np.sin(np.arange(20_000) / 9) + 300 * random.standard_normal(20_000))
samples = samples.astype(np.int16)[:, np.newaxis]
for name in sys.argv[1:]:
    wave = audio.wave(samples, 16_000, audio.Reading(perturbation=name))
    print(name, len(wave), hashlib.sha256(wave.tobytes()).hexdigest())
"""
LIGHT = (
    "noise",
    "noise:kind=pink",
    "noise:kind=babble",
    "gain",
    "clipping",
    "padding",
    "telephone:codec=gsm",
    "speed",
    *(f"codec:format={name}" for name in ("mp3", "opus", "vorbis", "gsm", "mu-law", "g721")),
)


def said(threads, names):
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names],
        env=os.environ | dict.fromkeys(variables, str(threads)),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "names"),
    [
        ("scipy", LIGHT),
        ("pyroomacoustics", ("reverberation:rt60=0.2",)),
        ("librosa", ("tempo", "pitch:semitones=-3")),
    ],
)
def test_the_bits_depend_on_nothing_else(package, names):
    pytest.importorskip(package)
    one = said(1, names)
    assert len(set(one)) == len(names)
    assert said(4, names[::-1])[::-1] == one
