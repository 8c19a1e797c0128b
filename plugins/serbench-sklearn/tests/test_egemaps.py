import importlib.util
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

if importlib.util.find_spec("opensmile") is None:
    pytest.skip("opensmile, an optional extra, is not installed", allow_module_level=True)

from serbench_sklearn.egemaps import Egemaps

RATE = 16_000


@pytest.fixture(scope="module")
def egemaps():
    return Egemaps()


@pytest.mark.parametrize("samples", [1, 100, 960, 1600, 2 * RATE])
@pytest.mark.parametrize("loudness", [0.0, 0.1])
def test_any_wave_makes_a_finite_vector_of_88(egemaps, samples, loudness):
    wave = loudness * np.random.default_rng(0).normal(size=samples)
    (vector,) = egemaps([wave.astype(np.float32)])
    assert vector.dtype == np.float32
    assert vector.shape == (88,) == (len(egemaps.names),)
    assert np.isfinite(vector).all()


def test_pitch_is_in_semitones_above_27_5_hertz(egemaps, tone):
    (vector,) = egemaps([0.3 * tone(np.full(RATE, 220.0))])
    pitch = vector[egemaps.names.index("F0semitoneFrom27.5Hz_sma3nz_amean")]
    assert pitch == pytest.approx(36, abs=0.2)


def test_a_full_scale_sample_does_not_wrap_round(egemaps):
    wave = np.ones(RATE, np.float32)
    wave[::2] = 0.5
    almost = np.minimum(wave, np.float32(32767 / 32768))
    np.testing.assert_array_equal(egemaps([wave])[0], egemaps([almost])[0])
    wrapped = egemaps._smile(wave, RATE).ravel()  # what openSMILE makes of it by itself
    assert np.abs(wrapped - egemaps([wave])[0]).max() > 1


def test_threads_do_not_disturb_each_other(egemaps, voice):
    waves = [voice("happy", 100 + 10 * i, i) for i in range(6)]
    with ThreadPoolExecutor(2) as pool:
        threaded = list(pool.map(lambda wave: egemaps([wave])[0], waves))
    np.testing.assert_array_equal(threaded, egemaps(waves))
