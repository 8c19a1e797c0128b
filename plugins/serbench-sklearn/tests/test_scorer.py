import numpy as np
import pytest

from serbench_sklearn.scorer import best_temperature, spread, uar


def test_spread_puts_a_single_column_on_both_sides():
    scores = spread(np.array([2.0, -4.0]), np.array([0, 2]), 3)
    np.testing.assert_allclose(scores, [[-1, -31, 1], [2, -32, -2]])


def test_the_temperature_is_that_of_the_probabilities_that_were_drawn_from():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3))
    truth = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert best_temperature(truth, 5 * logits) == pytest.approx(5, rel=0.1)
    assert best_temperature(truth[:0], logits[:0]) == 1


def test_recall_counts_labels_equally():
    assert uar(np.array([0, 0, 0, 2]), np.eye(3)[[0, 0, 1, 2]]) == pytest.approx((2 / 3 + 1) / 2)
