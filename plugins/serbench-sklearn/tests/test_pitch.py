import numpy as np
import pytest

from serbench_sklearn.pitch import REFERENCE, pitch
from serbench_sklearn.spectra import HOP, frame_count

RATE = 16_000


@pytest.mark.parametrize("height", [70, 110, 220, 350, 550])
def test_a_gliding_voice_is_followed_to_a_tenth_of_a_semitone(tone, height):
    seconds = np.arange(RATE) / RATE
    hertz = height * 2 ** (np.sin(2 * np.pi * seconds) / 6)  # two semitones up and down
    noise = np.random.default_rng(0).normal(size=RATE) / 300
    found = pitch((0.3 * tone(hertz) + noise).astype(np.float32))
    inner = np.flatnonzero(found.voiced)
    inner = inner[(inner > 4) & (inner < 95)]
    assert len(inner) > 85
    truth = 12 * np.log2(hertz[::HOP][inner] / REFERENCE)
    assert np.abs(found.semitones[inner] - truth).max() < 0.1


def test_a_voice_is_followed_without_its_fundamental(tone):
    missing = tone(np.full(RATE, 150.0)) - 0.9 * np.sin(2 * np.pi * 150 * np.arange(RATE) / RATE)
    found = pitch(missing.astype(np.float32))
    hertz = REFERENCE * 2 ** (found.semitones[found.voiced] / 12)
    assert np.median(hertz) == pytest.approx(150, rel=0.01)


@pytest.mark.parametrize("samples", [1, 100, RATE])
def test_silence_has_no_pitch(samples):
    found = pitch(np.zeros(samples, np.float32))
    assert len(found.voiced) == frame_count(np.zeros(samples))
    assert not found.voiced.any()
    assert not found.semitones.any()
