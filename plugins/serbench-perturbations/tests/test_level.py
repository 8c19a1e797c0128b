import numpy as np
import pytest

from serbench import BadParameter
from serbench_perturbations.level import Clipping, Gain, Padding


@pytest.mark.parametrize("db", [-20.0, 6.0])
def test_gain_changes_the_level_and_nothing_else(random, tone, level, db):
    wave = tone()
    louder = Gain(db=db)(wave, random)
    assert level(louder) - level(wave) == pytest.approx(db, abs=0.001)
    np.testing.assert_allclose(louder, wave * 10 ** (db / 20), rtol=1e-5)


@pytest.mark.parametrize("percent", [0.5, 10.0, 50.0])
def test_the_share_of_clipped_samples_is_the_one_asked_for(random, percent):
    wave = random.standard_normal(20_000).astype(np.float32)
    clipped = Clipping(percent=percent)(wave, random)
    assert np.mean(clipped != wave) == pytest.approx(percent / 100, abs=1e-4)
    limit = np.abs(clipped).max()
    assert np.all(np.abs(wave[clipped != wave]) > limit)
    assert set(np.abs(clipped[clipped != wave])) == {limit}


def test_clipping_by_hand(random):
    wave = np.array([0.1, -0.9, 0.3, 0.2, -0.4, 0.8, 0.0, 0.1, 0.2, -0.3], np.float32)
    expected = wave.copy()
    expected[[1, 5]] = -0.4, 0.4  # the two loudest of ten, at the level of the third
    np.testing.assert_array_equal(Clipping(percent=20)(wave, random), expected)


@pytest.mark.parametrize(
    ("side", "before", "after"), [("both", 4000, 4000), ("before", 4000, 0), ("after", 0, 4000)]
)
def test_padding_adds_silence(random, tone, side, before, after):
    wave = tone()
    padded = Padding(seconds=0.25, side=side)(wave, random)
    assert len(padded) == len(wave) + before + after
    assert not padded[:before].any()
    np.testing.assert_array_equal(padded[before : before + len(wave)], wave)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Gain(db=101), "db is 101, but must be from -100 to 100"),
        (lambda: Clipping(percent=0), "percent is 0, but must be from 0.01 to 90"),
        (lambda: Padding(seconds=31), "seconds is 31, but must be from 0.001 to 30"),
    ],
)
def test_values_out_of_range_are_refused(make, words):
    with pytest.raises(BadParameter, match=words):
        make()
