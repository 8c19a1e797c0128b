import numpy as np
import pytest
from serbench import BadParameter

from example_model.model import ExampleModel
from example_model.spectrum import RATE, edges, summary


def tone(hertz):
    return np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32)


@pytest.mark.parametrize("hertz", [100, 1000, 6000])
def test_a_tone_is_loudest_in_its_own_band(hertz):
    band = summary(tone(hertz), 20)[:20].argmax()
    lowest = edges(20)[band] * RATE / 400
    assert lowest <= hertz < 1.3 * lowest + 150


def test_a_wave_shorter_than_a_frame_has_a_summary():
    assert np.isfinite(summary(np.zeros(1, np.float32), 20)).all()


@pytest.mark.parametrize("params", [{"bands": 0}, {"bands": 41}, {"epochs": 0}])
def test_impossible_values_are_refused(params):
    with pytest.raises(BadParameter, match="must be"):
        ExampleModel(labels=("sad", "happy"), seed=0, **params)
