"""What a report shows of a run is what numpy, the calibration module and slow loops say."""

import math

import numpy as np
import pytest

from serbench.errors import SerbenchError
from serbench.metrics import calibration, classification
from serbench.report import analysis, groups, speakers


@pytest.fixture(scope="module")
def run(invented):
    return invented(folds=3, speakers=6, utterances=180)


def test_components_are_the_eigenvectors_of_the_covariance(run):
    for position, fold in enumerate(run.folds):
        projection = analysis.pca(run, position)
        rows = fold.test.activations.astype(np.float64)
        values = np.linalg.eigvalsh(np.cov(rows.T))[::-1]
        assert projection.explained == pytest.approx(values[:2] / values.sum())
        assert np.cov(projection.points.T) == pytest.approx(np.diag(values[:2]), abs=1e-9)
        assert projection.points.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)


def test_a_components_sign_does_not_depend_on_the_order_of_utterances(run):
    rows = run.folds[0].test.activations.astype(np.float64)
    order = np.random.default_rng(1).permutation(len(rows))
    points, _ = analysis.principal(rows)
    shuffled, _ = analysis.principal(rows[order])
    assert shuffled == pytest.approx(points[order])


def test_equal_activations_have_no_variance_to_explain():
    points, explained = analysis.principal(np.full((5, 3), 0.1))
    assert not points.any()
    assert all(math.isnan(share) for share in explained)


def test_one_label_has_one_component():
    points, explained = analysis.principal(np.array([[1.0], [3.0]]))
    assert explained == (1.0, 0.0)
    assert points.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def test_activations_that_are_not_finite_are_refused(invented):
    run = invented()
    run.folds[1].test.activations[0, 0] = np.nan
    with pytest.raises(SerbenchError, match="fold 2: not all activations are finite"):
        analysis.pca(run, 1)


def test_shares_of_a_row_sum_to_one(run):
    shares = analysis.row_shares(run.confusions)
    assert shares.sum(axis=-1) == pytest.approx(np.ones(shares.shape[:2]))
    assert np.isnan(analysis.row_shares(np.array([[0, 0], [1, 1]]))[0]).all()


def test_calibration_is_that_of_all_utterances_and_of_each_fold(run):
    measured = analysis.reliability(run)
    shares = [calibration.probabilities(fold.test.activations, "softmax") for fold in run.folds]
    truth = [fold.test.truth for fold in run.folds]
    pooled = np.concatenate(truth), np.concatenate(shares)
    assert measured.ece == calibration.expected_calibration_error(*pooled)
    assert measured.brier == calibration.brier(*pooled)
    assert measured.nll == calibration.nll(*pooled)
    assert measured.curve.utterances.sum() == 180
    for row, labels, probabilities in zip(measured.folds, truth, shares, strict=True):
        assert row[0] == calibration.expected_calibration_error(labels, probabilities)
        assert row[2] == calibration.nll(labels, probabilities)


def test_mistakes_are_those_of_a_loop_the_most_confident_first(run):
    expected = []
    for fold in run.folds:
        for at, name in enumerate(fold.test.ids):
            shares = np.exp(fold.test.activations[at].astype(float))
            shares /= shares.sum()
            best, second = sorted(shares)[::-1][:2]
            truth = fold.test.truth[at]
            if shares[truth] != best:
                expected.append((-best, name, best - second, shares[truth]))
    mistakes = analysis.mistakes(run)
    assert [mistake.utterance for mistake in mistakes] == [row[1] for row in sorted(expected)]
    for mistake, row in zip(mistakes, sorted(expected), strict=True):
        assert mistake.confidence == pytest.approx(-row[0])
        assert mistake.margin == pytest.approx(row[2])
        assert mistake.likelihood == pytest.approx(row[3])
        assert mistake.speaker == mistake.utterance.partition("-")[0]
        assert mistake.truth != mistake.prediction


def test_a_speakers_score_is_over_their_own_utterances(run):
    for row in speakers.speaker_scores(run, "uar"):
        (fold,) = (fold for fold in run.folds if row.speaker in fold.test.speakers)
        own = np.array(fold.test.speakers) == row.speaker
        matrix = classification.confusion(
            fold.test.truth[own], fold.test.activations[own].argmax(axis=1), len(fold.facts.labels)
        )
        assert row.score == classification.uar(matrix)
        assert row.utterances == own.sum() == 30


def test_selective_accuracy_ends_at_accuracy(run):
    curve = analysis.selective(run, points=10)
    assert curve.coverage.tolist() == pytest.approx([0.1 * step for step in range(1, 11)])
    assert curve.accuracy[-1] == run.pooled("accuracy")
    given = analysis.predictions(run)
    surest = np.argsort(-given.confidence)[:90]
    assert curve.accuracy[4] == (given.truth == given.prediction)[surest].mean()


def test_what_reports_no_loss_tries_settings(invented):
    (epochs, _) = analysis.learning_curves(invented())
    assert epochs.epochs
    assert epochs.values["train_loss"].tolist() == [2.0, 1.0, 2.0 / 3]
    assert epochs.best == 2
    grid = [{"epoch": 1, "validation_uar": 0.5}, {"epoch": 2, "validation_uar": None}]
    (settings, _) = analysis.learning_curves(invented(curve=grid, model={}))
    assert not settings.epochs
    assert list(settings.values) == ["validation_uar"]
    assert np.isnan(settings.values["validation_uar"][1])
    assert analysis.learning_curves(invented(curve=[])) == []


def test_sexes_come_from_the_manifest(invented):
    pytest.importorskip("serbench_corpora")
    run = invented(speaker="{0:02d}", speakers=8, config={"dataset": "ravdess"})
    scores = groups.by_sex(run)  # speaker 00 is none of RAVDESS's
    assert [(each.group, each.speakers) for each in scores] == [("female", 3), ("male", 4)]
    women = run.speaker_confusions[[2, 4, 6]].sum(axis=0)
    assert scores[0].score == classification.uar(women)
    assert groups.sexes(run)["02"] == "female"


def test_sexes_are_left_out_with_a_note_where_nobody_knows_them(invented):
    run = invented(config={"dataset": "no-such-corpus"})
    assert groups.by_sex(run) == ()
    assert "there is no dataset 'no-such-corpus'" in groups.by_group(run).note
