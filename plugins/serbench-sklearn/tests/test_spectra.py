import librosa
import numpy as np
import pytest

from serbench_sklearn import spectra as module
from serbench_sklearn.spectra import BANDS, CONTOURS, FFT, LOWEST, RATE, framed, spectra


def contour(wave, name):
    return spectra(wave.astype(np.float32)).values[CONTOURS.index(name), 5:-5]


def sine(hertz, seconds=1.0):
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


def test_mel_bands_are_librosas():
    expected = librosa.filters.mel(
        sr=RATE, n_fft=FFT, n_mels=BANDS, fmin=LOWEST, htk=True, norm=None
    )
    np.testing.assert_allclose(module._mel_matrix(), expected, atol=1e-4)
    assert (expected.max(axis=1) > 0).all()  # no band is empty


def test_frames_are_centred_and_padded_with_zeros():
    frames = framed(np.arange(1, 6), 4, 2, 3)
    np.testing.assert_array_equal(frames, [[0, 0, 1, 2], [1, 2, 3, 4], [3, 4, 5, 0]])


@pytest.mark.parametrize("hertz", [300, 1000, 3500])
def test_a_sine_is_where_it_is(hertz):
    for name in ("centroid", "rolloff50"):
        assert contour(sine(hertz), name) == pytest.approx(hertz, abs=RATE / FFT)
    assert contour(sine(hertz), "level") == pytest.approx(-3.0, abs=0.1)
    assert contour(sine(hertz), "zero_crossings") == pytest.approx(2 * hertz / RATE, rel=0.05)
    mel = spectra(sine(hertz).astype(np.float32)).values[:BANDS, 50]
    assert mel.max() == pytest.approx(0, abs=3)  # a full-scale sine
    assert mel.argmax() == module._mel_matrix()[:, round(hertz * FFT / RATE)].argmax()


def test_noise_is_flat_and_a_sine_is_not():
    noise = np.random.default_rng(0).normal(size=RATE) / 10
    assert contour(noise, "flatness").mean() == pytest.approx(-2.5, abs=0.5)  # of any white noise
    assert contour(noise, "entropy").mean() == pytest.approx(np.log2(FFT / 2), abs=0.8)
    assert contour(noise, "alpha_ratio").mean() == pytest.approx(10 * np.log10(950 / 4000), abs=0.5)
    assert contour(noise, "slope_0_500").mean() == pytest.approx(0, abs=3)
    assert contour(sine(700), "flatness").mean() < -40
    assert contour(sine(700), "flatness_500_1000").mean() < -20
    assert contour(sine(700), "entropy").mean() < 2


def test_the_quiet_after_a_sound_does_not_sound():
    wave = np.concatenate([sine(300), np.zeros(RATE)])
    sounding = spectra(wave.astype(np.float32)).sounding
    assert sounding[5:95].all()
    assert not sounding[105:].any()


def test_silence_sounds_rather_than_leaving_nothing_to_count():
    assert spectra(np.zeros(RATE, np.float32)).sounding.all()
