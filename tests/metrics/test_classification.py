"""Numbers from confusion matrices agree with scikit-learn, and with arithmetic on paper."""

import doctest

import numpy as np
import pytest

from serbench.errors import SerbenchError
from serbench.metrics import classification
from serbench.metrics.classification import (
    METRICS,
    by_group,
    chance,
    confusion,
    per_class,
    predicted,
)

LABELS = 5
SCIKIT_LEARN = {
    "uar": ("recall_score", "macro"),
    "precision": ("precision_score", "macro"),
    "recall": ("recall_score", "macro"),
    "f1": ("f1_score", "macro"),
    "weighted_f1": ("f1_score", "weighted"),
}


def utterances(seed: int, true_labels: int = LABELS, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Truth over the first labels only, predictions over all but label 1."""
    rng = np.random.default_rng(seed)
    prediction = rng.choice([0, 2, 3, 4], n)
    guesses = rng.integers(true_labels, size=n)
    return np.where(rng.random(n) < 0.5, prediction % true_labels, guesses), prediction


def test_the_examples_in_the_docstrings_hold():
    results = doctest.testmod(classification)
    assert results.failed == 0
    assert results.attempted >= 10


@pytest.mark.parametrize("true_labels", [LABELS, 3], ids=["all labels", "two labels absent"])
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_equals_scikit_learns(name: str, true_labels: int):
    sklearn = pytest.importorskip("sklearn.metrics")
    for seed in range(5):
        truth, prediction = utterances(seed, true_labels)
        if name == "accuracy":
            expected = sklearn.accuracy_score(truth, prediction)
        else:
            function, average = SCIKIT_LEARN[name]
            expected = getattr(sklearn, function)(
                truth, prediction, labels=np.unique(truth), average=average, zero_division=0
            )
        matrix = confusion(truth, prediction, LABELS)
        assert METRICS[name].compute(matrix) == pytest.approx(expected, abs=1e-12)


def test_a_confusion_matrix_equals_scikit_learns():
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, prediction = utterances(0, 3)
    expected = sklearn.confusion_matrix(truth, prediction, labels=range(LABELS))
    np.testing.assert_array_equal(confusion(truth, prediction, LABELS), expected)


@pytest.mark.parametrize("name", METRICS)
def test_many_matrices_at_once_give_what_each_gives_alone(name: str):
    compute = METRICS[name].compute
    matrices = np.stack([confusion(*utterances(seed, 3), LABELS) for seed in range(6)])
    together = compute(matrices.reshape(2, 3, LABELS, LABELS))
    assert together.shape == (2, 3)
    np.testing.assert_array_equal(together.ravel(), [compute(matrix) for matrix in matrices])


@pytest.mark.parametrize("name", METRICS)
def test_weights_may_be_fractions(name: str):
    matrix = confusion(*utterances(1), LABELS)
    compute = METRICS[name].compute
    assert compute(matrix * 0.25) == pytest.approx(compute(matrix))


@pytest.mark.parametrize("name", METRICS)
def test_without_utterances_there_is_no_score(name: str):
    assert np.isnan(METRICS[name].compute(np.zeros((LABELS, LABELS))))


@pytest.mark.parametrize("name", METRICS)
def test_perfect_predictions_score_one(name: str):
    assert METRICS[name].compute(np.diag([3, 0, 5])) == 1


def test_recall_is_the_uar_and_every_metric_tells_its_formula():
    assert METRICS["recall"].compute is METRICS["uar"].compute
    for name, metric in METRICS.items():
        assert (metric.name, bool(metric.title), "C[k,k]" in metric.formula) == (name, True, True)


def test_a_label_absent_from_the_truth_has_no_scores_of_its_own():
    scores = per_class(np.array([[3, 0, 1], [2, 2, 0], [0, 0, 0]]))
    assert scores.precision[:2].tolist() == [0.6, 1.0]
    assert scores.recall[:2].tolist() == [0.75, 0.5]
    assert scores.f1[:2] == pytest.approx([2 / 3, 2 / 3])
    assert np.isnan([scores.precision[2], scores.recall[2], scores.f1[2]]).all()


def test_a_label_never_predicted_has_precision_zero():
    scores = per_class(np.array([[3, 0], [2, 0]]))
    assert (scores.precision[1], scores.recall[1], scores.f1[1]) == (0, 0, 0)


def test_macro_f1_never_exceeds_the_mean_of_precision_and_recall():
    matrices = np.random.default_rng(0).multinomial(90, np.full(36, 1 / 36), 500).reshape(-1, 6, 6)
    mean = (classification.macro_precision(matrices) + classification.uar(matrices)) / 2
    assert (classification.macro_f1(matrices) <= mean + 1e-12).all()


def test_groups_add_up_to_the_whole():
    truth, prediction = utterances(2)
    sexes = ["female", "", "male"] * 20
    parts = by_group(truth, prediction, sexes, LABELS)
    assert list(parts) == ["", "female", "male"]
    np.testing.assert_array_equal(sum(parts.values()), confusion(truth, prediction, LABELS))
    women = np.array(sexes) == "female"
    np.testing.assert_array_equal(
        parts["female"], confusion(truth[women], prediction[women], LABELS)
    )


def test_equal_scores_decide_for_the_first_label():
    assert predicted(np.array([[0.2, 0.4, 0.4], [1.0, 1.0, 1.0]])).tolist() == [1, 0]


def test_lengths_that_differ_are_refused():
    with pytest.raises(SerbenchError, match=r"2 true labels, 1 predictions .* one of each"):
        confusion(np.array([0, 1]), np.array([0]), 2)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_refused(label: int):
    with pytest.raises(SerbenchError, match="labels are positions from 0 to 1, but these run from"):
        confusion(np.array([0, 1]), np.array([0, label]), 2)


def test_chance_is_what_guessing_gives_in_the_long_run():
    truth = np.repeat([0, 1, 2], [50, 30, 20])
    majority, stratified = chance(np.bincount(truth))
    np.testing.assert_array_equal(majority, confusion(truth, np.zeros_like(truth), 3))
    rng = np.random.default_rng(0)
    simulated = np.stack([confusion(truth, rng.permutation(truth), 3) for _ in range(2000)])
    np.testing.assert_allclose(stratified, simulated.mean(axis=0), atol=0.3)
    assert classification.accuracy(stratified) == pytest.approx(0.5**2 + 0.3**2 + 0.2**2)
    assert classification.uar(stratified) == pytest.approx(1 / 3)
    assert classification.uar(majority) == pytest.approx(1 / 3)


def test_chance_takes_many_corpora_at_once_and_the_first_of_equally_common_labels():
    majority, stratified = chance(np.array([[2, 2], [1, 3]]))
    assert majority.tolist() == [[[2, 0], [2, 0]], [[0, 1], [0, 3]]]
    assert stratified.tolist() == [[[1, 1], [1, 1]], [[0.25, 0.75], [0.75, 2.25]]]
