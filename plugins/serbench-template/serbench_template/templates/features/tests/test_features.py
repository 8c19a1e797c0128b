import numpy as np
import pytest
from serbench import BadParameter

from example_features.features import RATE, ExampleFeatures, statistics


def tone(hertz, loudness):
    return (loudness * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.float32)


def test_louder_has_more_energy_and_higher_crosses_zero_more_often():
    soft, loud, high = ExampleFeatures()([tone(200, 0.1), tone(200, 0.5), tone(800, 0.1)])
    assert loud[0] - soft[0] == pytest.approx(2 * np.log(5), abs=0.01)
    assert high[7] == pytest.approx(4 * soft[7], rel=0.05)


def test_statistics_of_a_ramp_are_known():
    mean, low, middle, high, spread, move, jerk = statistics(np.arange(11.0))
    assert (mean, low, middle, high) == (5, 1, 5, 9)
    assert spread == pytest.approx(np.sqrt(10))
    assert move == pytest.approx(10 / 11)
    assert jerk == pytest.approx(np.sqrt(10) / 11)


def test_a_wave_shorter_than_a_frame_has_features():
    (vector,) = ExampleFeatures()([np.zeros(1, np.float32)])
    assert vector.shape == (14,)
    assert np.isfinite(vector).all()


def test_impossible_values_are_refused():
    with pytest.raises(BadParameter, match="from 5 to 500 milliseconds"):
        ExampleFeatures(frame=0)
