from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serbench_sklearn.functionals import Functionals, named

RATE = 16_000
AWKWARD = {
    "a single sample": np.full(1, 0.3),
    "shorter than a frame": np.sin(np.arange(100) / 5),
    "a tenth of a second": np.random.default_rng(1).normal(size=1600) / 10,
    "silent": np.zeros(RATE),
    "constant": np.full(RATE, 0.7),
    "one click": np.eye(1, RATE, 8000)[0],
    "full scale": np.sign(np.sin(np.arange(RATE) / 20)),
    "35 seconds": np.random.default_rng(2).normal(size=35 * RATE) / 10,
}


@pytest.mark.parametrize("wave", AWKWARD.values(), ids=AWKWARD.keys())
def test_any_wave_makes_a_finite_vector_of_one_length(wave):
    functionals = Functionals()
    (vector,) = functionals([wave.astype(np.float32)])
    assert vector.dtype == np.float32
    assert vector.shape == (len(functionals.names),)
    assert np.isfinite(vector).all()


def test_names_are_unique_and_fit_any_wave(voice):
    names = Functionals().names
    assert len(set(names)) == len(names) == 995
    assert tuple(named(voice("angry", 120, 0))) == names


def test_a_vector_depends_on_its_own_wave_only(voice):
    waves = [voice("sad", 110, 1), np.zeros(300, np.float32), voice("angry", 200, 2)]
    together = Functionals()(waves)
    alone = [Functionals()([wave])[0] for wave in reversed(waves)][::-1]
    np.testing.assert_array_equal(together, alone)


def test_the_wave_itself_is_left_as_it_was(voice):
    wave = voice("happy", 150, 3)
    before = wave.copy()
    Functionals()([wave])
    np.testing.assert_array_equal(wave, before)


def test_threads_do_not_disturb_each_other(voice):
    waves = [voice("happy", 100 + 10 * i, i) for i in range(12)]
    functionals = Functionals()
    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(lambda wave: functionals([wave])[0], waves))
    np.testing.assert_array_equal(threaded, functionals(waves))


def test_an_offset_changes_nothing_that_is_heard(voice):
    wave = voice("happy", 150, 3)
    plain, shifted = Functionals()([wave, wave + np.float32(0.25)])
    np.testing.assert_allclose(shifted, plain, rtol=0.02, atol=0.1)


def test_twice_the_loudness_is_six_decibels_and_nothing_else(tone):
    wave = 0.2 * tone(np.full(RATE, 140.0))
    soft, loud = named(wave), named(2 * wave)
    for name in ("level.mean", "level.p90", "mel05.mean"):
        assert loud[name] - soft[name] == pytest.approx(6.02, abs=0.1)
    for name in ("pitch.mean", "mfcc03.mean", "centroid.mean", "rhythm.voiced_share"):
        assert loud[name] == pytest.approx(soft[name], rel=0.02, abs=0.02)


def test_names_mean_what_they_say(tone):
    seconds = np.arange(2 * RATE) / RATE
    rising = named(0.2 * tone(100 * 2 ** (seconds / 2)))
    assert rising["pitch.slope"] == pytest.approx(6, abs=0.3)  # an octave in two seconds
    assert rising["pitch.rising"] == pytest.approx(0.06, abs=0.01)  # semitones a frame
    assert rising["pitch.falling"] == pytest.approx(0, abs=0.005)
    assert rising["rhythm.log_duration"] == pytest.approx(np.log(2), abs=0.01)
    dark, bright = (named(0.2 * tone(np.full(RATE, 140.0), brightness=b)) for b in (2.0, 0.5))
    assert bright["centroid.mean"] > dark["centroid.mean"] + 500
    assert bright["alpha_ratio.mean"] < dark["alpha_ratio.mean"] - 10


def test_pauses_and_syllables_are_counted(tone):
    syllable = 0.3 * tone(np.full(RATE // 5, 140.0)) * np.hanning(RATE // 5)
    pause = np.zeros(RATE // 5, np.float32)
    values = named(np.concatenate([syllable, pause] * 5 + [syllable]).astype(np.float32))
    assert values["rhythm.pauses"] == pytest.approx(5 / 2.2, rel=0.1)
    assert values["rhythm.pause_mean"] == pytest.approx(0.2, abs=0.04)
    assert values["rhythm.level_peaks"] == pytest.approx(6 / 2.2, rel=0.1)
    assert (
        max(
            ("modulation.level_0.5_2", "modulation.level_2_4", "modulation.level_8_16"),
            key=values.get,
        )
        == "modulation.level_2_4"
    )  # 2.5 syllables a second


def test_noise_is_not_voiced():
    values = named((np.random.default_rng(0).normal(size=RATE) / 10).astype(np.float32))
    assert values["rhythm.voiced_share"] < 0.02
    assert values["flatness.mean"] > -4
