"""The feature `recording` measures rate, bits, length, silence and noise, and nothing of speech."""

import numpy as np
import pytest

from serbench import Recording
from serbench_sklearn.controls.recording import RecordingChain

RATE = 48_000


def values(samples, rate=RATE):
    """The values of a recording by name."""
    samples = samples if samples.ndim > 1 else samples[:, None]
    (vector,) = RecordingChain()([Recording(samples, rate)])
    assert vector.dtype == np.float32
    return dict(zip(RecordingChain.names, vector.tolist(), strict=True))


def noise(level, seconds=1.0, rate=RATE):
    """White noise of an RMS level in dB relative to full scale."""
    drawn = np.random.default_rng(0).normal(size=round(seconds * rate))
    return drawn * 10 ** (level / 20)


def as_int16(wave):
    return np.round(wave * 32768).clip(-32768, 32767).astype(np.int16)


def test_rate_channels_and_length_are_those_of_the_file():
    measured = values(np.zeros((12_000, 2), np.int16) + 5, 24_000)
    assert measured["rate"] == pytest.approx(np.log2(1.5))
    assert measured["channels"] == 2
    assert measured["seconds"] == -1  # log2 of half a second


@pytest.mark.parametrize(("bits", "expected"), [(16, 16), (12, 12), (8, 8)])
def test_bits_are_those_in_use(bits, expected):
    step = 2 ** (16 - bits)
    samples = as_int16(noise(-20)) // step * step
    assert values(samples.astype(np.int16))["bits"] == expected


def test_sixteen_bits_stored_as_floats_remain_sixteen():
    samples = as_int16(noise(-20))
    assert values(samples / 32768)["bits"] == 16
    assert values(noise(-20))["bits"] == 32
    assert values(np.zeros(RATE, np.int16))["bits"] == 0


def test_the_level_of_noise_is_that_of_the_quietest_frames():
    wave = noise(-60)
    wave[: RATE // 2] += noise(-20, 0.5)  # speech, that must not count
    measured = values(wave)
    assert measured["noise"] == pytest.approx(-60, abs=0.7)
    louder = wave.copy()
    louder[: RATE // 2] *= 4
    assert values(louder)["noise"] == measured["noise"]
    assert values(np.zeros(RATE, np.int16))["noise"] == -120


def test_bands_of_noise_have_their_share_of_white_noise():
    measured = values(noise(-60, 4))
    wide, narrow = measured["noise.8000-16000"], measured["noise.1000-2000"]
    assert wide - narrow == pytest.approx(10 * np.log10(8), abs=0.7)
    assert values(noise(-60, 4, 16_000), 16_000)["noise.16000-24000"] == -120


def test_silence_before_and_after_speech_is_measured():
    wave = np.concatenate([np.zeros(RATE // 2), noise(-20, 1), np.zeros(RATE)])
    measured = values(wave)
    assert (measured["before"], measured["after"]) == pytest.approx((0.5, 1.0))


@pytest.mark.parametrize("frames", [1, 10, 959, 961])
def test_short_and_silent_files_give_finite_values(frames):
    for samples in (np.zeros(frames, np.int16), noise(-20)[:frames]):
        assert np.isfinite(list(values(samples).values())).all()
