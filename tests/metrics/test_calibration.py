"""Links give probabilities, and scores of probabilities agree with references and slow loops."""

import doctest

import numpy as np
import pytest

from serbench.errors import BadParameter, PluginError, SerbenchError, UnknownName
from serbench.metrics import calibration
from serbench.metrics.calibration import (
    brier,
    expected_calibration_error,
    nll,
    probabilities,
    reliability_curve,
    selective_accuracy,
)


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities of 300 utterances, four labels."""
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=300)
    return truth, probabilities(rng.normal(size=(300, 4)) + 2 * np.eye(4)[truth], "softmax")


def test_the_examples_in_the_docstrings_hold():
    results = doctest.testmod(calibration)
    assert results.failed == 0
    assert results.attempted >= 6


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_extreme_activations_give_probabilities(link: str):
    extreme = np.array([[1e4, -1e4], [-1e4, -2e4], [-1e4, -1e4], [0, 0]], np.float32)
    rows = probabilities(extreme, link)
    assert rows.dtype == np.float64
    assert rows.tolist() == [[1, 0], [1, 0], [0.5, 0.5], [0.5, 0.5]]


def test_sigmoids_are_normalised_to_sum_to_one():
    sigmoids = 1 / (1 + np.exp([-1.0, 2.0, 0.5]))
    expected = sigmoids / sigmoids.sum()
    assert probabilities(np.array([1.0, -2.0, -0.5]), "sigmoid") == pytest.approx(expected)


def test_identity_keeps_probabilities_and_mends_their_rounding():
    half = np.array([[0.3333, 0.6665]], np.float16)
    rows = probabilities(half, "identity")
    assert rows.sum() == pytest.approx(1, abs=1e-15)
    assert rows == pytest.approx(half, abs=1e-3)


@pytest.mark.parametrize("row", [[1.2, 0.3], [1.5, -0.5]])
def test_what_is_no_probability_needs_another_link(row: list[float]):
    with pytest.raises(PluginError, match=r"1 of 2 utterances are negative .* softmax or sigmoid"):
        probabilities(np.array([[0.5, 0.5], row]), "identity")


def test_activations_that_are_not_finite_are_refused():
    with pytest.raises(
        PluginError, match=r"2 of 3 utterances .* not finite: the training diverged"
    ):
        probabilities(np.array([[0, np.nan], [0, 1], [np.inf, 0]]), "softmax")


def test_an_unknown_link_is_refused_with_the_known_ones():
    with pytest.raises(UnknownName, match="no link 'sofmax'; did you mean softmax"):
        probabilities(np.zeros((1, 2)), "sofmax")


def test_likelihood_and_brier_equal_scikit_learns(scored: tuple[np.ndarray, np.ndarray]):
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, rows = scored
    assert nll(truth, rows) == pytest.approx(sklearn.log_loss(truth, rows, labels=range(4)))
    assert brier(truth, rows) == pytest.approx(((rows - np.eye(4)[truth]) ** 2).sum(1).mean())


def test_a_true_label_held_impossible_costs_much_but_not_everything():
    assert nll(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(36.04, abs=0.01)
    assert brier(np.array([1]), np.array([[1.0, 0.0]])) == 2


def test_calibration_error_equals_a_slow_loop(scored: tuple[np.ndarray, np.ndarray]):
    truth, rows = scored
    confidence, correct = rows.max(axis=1), rows.argmax(axis=1) == truth
    error = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            error += abs(correct[inside].sum() - confidence[inside].sum()) / len(truth)
    assert expected_calibration_error(truth, rows) == pytest.approx(error)


def test_a_calibrated_model_has_a_small_calibration_error_and_a_sure_one_a_large():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet([1, 1, 1], size=20_000)
    truth = (rng.random(len(rows))[:, None] > np.cumsum(rows, axis=1)).sum(axis=1)
    assert expected_calibration_error(truth, rows) < 0.02
    assert expected_calibration_error(truth, np.eye(3)[rows.argmax(axis=1)]) > 0.3


def test_a_reliability_curve_counts_every_utterance(scored: tuple[np.ndarray, np.ndarray]):
    curve = reliability_curve(*scored, bins=10)
    assert curve.utterances.sum() == 300
    assert np.isnan(curve.accuracy[:2]).all()  # with four labels confidence is at least 0.25
    edges = np.arange(11) / 10
    filled = curve.utterances > 0
    assert (curve.confidence[filled] > edges[:-1][filled]).all()
    assert (curve.confidence[filled] <= edges[1:][filled]).all()


def test_certainty_falls_into_the_last_bin():
    curve = reliability_curve(np.array([0]), np.array([[1.0, 0.0]]))
    assert curve.utterances[-1] == 1


def test_the_surest_utterances_are_more_often_right(scored: tuple[np.ndarray, np.ndarray]):
    truth, rows = scored
    surest = np.argsort(-rows.max(axis=1))[:30]
    expected = (rows[surest].argmax(axis=1) == truth[surest]).mean()
    assert selective_accuracy(truth, rows, 0.1) == pytest.approx(expected)
    everything = (rows.argmax(axis=1) == truth).mean()
    assert selective_accuracy(truth, rows, 1.0) == pytest.approx(everything)
    assert expected > everything


def test_equally_sure_utterances_count_alike_in_any_order():
    truth, rows = np.array([0, 0, 1, 1]), np.tile([0.7, 0.3], (4, 1))
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        assert selective_accuracy(truth[order], rows, 0.5) == 0.5


@pytest.mark.parametrize("coverage", [0, 1.5, float("nan")])
def test_a_coverage_out_of_range_is_refused(coverage: float):
    with pytest.raises(BadParameter, match="above 0 and at most 1"):
        selective_accuracy(np.array([0]), np.array([[1.0, 0.0]]), coverage)


def test_no_bins_are_refused():
    with pytest.raises(BadParameter, match="bins is 0, but must be at least 1"):
        reliability_curve(np.array([0]), np.array([[1.0, 0.0]]), bins=0)


def test_probabilities_of_other_utterances_are_refused():
    with pytest.raises(SerbenchError, match=r"2 true labels need .* \(2, labels\), not \(1, 2\)"):
        nll(np.array([0, 1]), np.array([[1.0, 0.0]]))
