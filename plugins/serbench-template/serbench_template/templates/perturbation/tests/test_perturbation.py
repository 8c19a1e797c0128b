import numpy as np
import pytest
from serbench import BadParameter

from example_perturbation.perturbation import ExamplePerturbation

CLICK = np.eye(1, 100, dtype=np.float32)[0]  # one sample, then silence


def random():
    return np.random.default_rng(0)


def test_an_echo_follows_at_its_level():
    wave = ExamplePerturbation(db=20.0, longest=1.0)(CLICK, random())
    (first, second) = np.flatnonzero(wave)
    assert first == 0
    assert 1 <= second <= 16
    assert wave[second] == pytest.approx(0.1)


def test_the_delay_is_drawn_for_each_utterance():
    perturbation, source = ExamplePerturbation(), random()
    lengths = {len(perturbation(CLICK, source)) for _ in range(5)}
    assert len(lengths) > 1


@pytest.mark.parametrize("params", [{"db": -1.0}, {"longest": 0.0}])
def test_impossible_values_are_refused(params):
    with pytest.raises(BadParameter, match="but must be from"):
        ExamplePerturbation(**params)
