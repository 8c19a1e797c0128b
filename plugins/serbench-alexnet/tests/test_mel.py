from concurrent.futures import ThreadPoolExecutor

import librosa
import numpy as np
import pytest

from serbench.errors import BadParameter
from serbench.plugins.registry import complete, identifying
from serbench_alexnet.mel import Mel, filterbank


def _wave(samples, seed=0, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def _librosa(wave, n_fft=256, hop=128, n_mels=64, power=1.0):
    mel = librosa.feature.melspectrogram(
        y=wave,
        sr=16000,
        n_fft=n_fft,
        hop_length=hop,
        n_mels=n_mels,
        power=power,
        center=True,
        pad_mode="constant",
    )
    to_db = librosa.amplitude_to_db if power == 1 else librosa.power_to_db
    return to_db(mel, ref=1.0, amin=1e-5 if power == 1 else 1e-10, top_db=None)


@pytest.mark.parametrize("samples", [1600, 16000, 47321])
@pytest.mark.parametrize("level", [1e-5, 1e-2, 0.5])
def test_the_numbers_are_librosas(samples, level):
    wave = _wave(samples, level=level)
    (ours,) = Mel()([wave])
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, _librosa(wave), atol=1e-3)


def test_weak_bands_beside_a_loud_one_are_librosas_too():
    seconds = np.arange(16000) / 16000
    wave = (0.5 * np.sin(2 * np.pi * 300 * seconds)).astype(np.float32) + _wave(16000, level=1e-5)
    (ours,) = Mel()([wave])
    np.testing.assert_allclose(ours, _librosa(wave), atol=1e-3)


@pytest.mark.parametrize(
    "params", [{"n_fft": 512, "hop": 160, "n_mels": 80}, {"power": 2.0}, {"n_mels": 40}]
)
def test_the_numbers_are_librosas_with_other_parameters(params):
    wave = _wave(8000)
    np.testing.assert_allclose(Mel(**params)([wave])[0], _librosa(wave, **params), atol=1e-3)


@pytest.mark.parametrize("samples", [1, 100, 127, 128, 255])
def test_a_wave_shorter_than_a_frame_has_frames(samples):
    (ours,) = Mel()([_wave(samples)])
    assert ours.shape == (64, 1 + samples // 128)
    assert np.isfinite(ours).all()


def test_silence_is_the_floor():
    silence = np.zeros(1600, np.float32)
    np.testing.assert_allclose(Mel()([silence])[0], -100.0, atol=1e-4)
    np.testing.assert_allclose(Mel(floor_db=-80.0)([silence])[0], -80.0, atol=1e-4)
    np.testing.assert_allclose(Mel(floor_db=-80.0, power=2.0)([silence])[0], -80.0, atol=1e-4)


def test_loudness_is_kept():
    quiet, loud = Mel(floor_db=-200.0)([_wave(4000, level=0.01), _wave(4000, level=0.1)])
    np.testing.assert_allclose(loud - quiet, 20.0, atol=1e-2)


def test_a_wave_is_the_same_alone_and_among_others():
    waves = [_wave(samples, seed=samples) for samples in (900, 16000, 5000)]
    mel = Mel()
    together, alone = mel(waves), [mel([wave])[0] for wave in waves]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


def test_several_threads_may_use_one_extractor():
    waves = [_wave(3000 + 7 * seed, seed=seed) for seed in range(60)]
    mel = Mel()
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(lambda wave: mel([wave])[0], waves))
    assert all(np.array_equal(a, b) for a, b in zip(parallel, mel(waves), strict=True))


@pytest.mark.parametrize("n_mels", [64, 80, 95])
def test_no_band_is_empty(n_mels):
    assert (filterbank(256, n_mels).max(axis=1) > 0).all()


def test_empty_bands_are_refused_with_a_remedy():
    with pytest.raises(BadParameter) as error:
        Mel(n_mels=128)
    assert str(error.value) == (
        "n_mels=128 with n_fft=256 leaves 13 of the 128 mel bands without a frequency bin: "
        "take n_mels=95 or fewer, or a longer n_fft"
    )


def test_numbers_that_cannot_be_are_refused():
    with pytest.raises(BadParameter, match="must all be greater than 0"):
        Mel(hop=0)


def test_bands_between_two_frequencies_are_librosas():
    expected = librosa.filters.mel(sr=16000, n_fft=512, n_mels=64, fmin=50, fmax=7000)
    np.testing.assert_allclose(filterbank(512, 64, (50, 7000)), expected, atol=1e-7)
    wave = _wave(8000)
    narrow = {"fmin": 50.0, "fmax": 7000.0}
    assert not np.array_equal(Mel(**narrow)([wave])[0], Mel()([wave])[0])


@pytest.mark.parametrize(("fmin", "fmax"), [(-1.0, 8000.0), (500.0, 500.0), (0.0, 8001.0)])
def test_frequencies_that_cannot_be_are_refused(fmin, fmax):
    with pytest.raises(BadParameter, match="must be rising frequencies from 0 to 8000 Hz"):
        Mel(fmin=fmin, fmax=fmax)


def test_published_runs_keep_their_identity():
    given = {"n_fft": 256, "hop": 128, "n_mels": 64, "power": 1.0, "floor_db": -100.0}
    assert identifying(Mel, complete(Mel, given)) == given
    assert identifying(Mel, {**given, "fmin": 50.0, "fmax": 8000.0}) == {**given, "fmin": 50.0}
