"""The agreement of a model with itself on takes of a sentence, and the ceiling that it implies."""

import itertools

import numpy as np
import pytest

from serbench.metrics.retest import retest


def measured(truth, prediction, groups, speakers=None):
    return retest(np.array(truth), np.array(prediction), speakers or ["s"] * len(truth), groups)


def test_pairs_that_agree_are_counted_right_or_wrong():
    found = measured([0, 0, 1, 1, 2], [1, 1, 1, 0, 2], ["a", "a", "b", "b", None])
    assert (found.takes, found.pairs, found.agreement, found.accuracy) == (4, 2, 0.5, 0.25)
    assert found.ceiling == 0.75  # both of the first pair, one of the second


def test_three_takes_are_three_pairs():
    found = measured([0, 0, 0], [0, 0, 1], ["a"] * 3)
    assert (found.pairs, found.agreement) == (3, pytest.approx(1 / 3))
    assert found.ceiling == pytest.approx(2 / 3)


def test_no_takes_are_no_result():
    assert measured([0, 1], [0, 1], ["a", "b"]) is None
    assert measured([0, 1], [0, 1], [None, None]) is None


def test_no_truth_gives_an_accuracy_above_the_ceiling():
    rng = np.random.default_rng(0)
    prediction = rng.integers(3, size=6)
    groups = ["a", "a", "a", "b", "b", "c"]
    best = max(
        measured([first] * 3 + [second] * 2 + [0], prediction, groups).accuracy
        for first, second in itertools.product(range(3), repeat=2)
    )
    assert best == measured([0] * 6, prediction, groups).ceiling


def test_the_interval_is_over_speakers():
    speakers = [f"s{at // 4}" for at in range(40)]
    groups = [at // 2 for at in range(40)]
    truth = np.zeros(40, int)
    agreeing = np.where(np.arange(40) < 20, 0, np.arange(40) % 2)
    found = retest(truth, agreeing, speakers, groups)
    assert found.agreement == 0.5
    low, high = found.interval
    assert low < 0.25
    assert high > 0.75
    alike = retest(truth, truth, speakers, groups)
    assert tuple(alike.interval) == (1.0, 1.0)
