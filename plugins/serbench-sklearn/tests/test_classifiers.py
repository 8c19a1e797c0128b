import json

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from serbench.contracts import Examples
from serbench.errors import BadParameter, SerbenchError
from serbench_sklearn.classifiers import Linear, Svm
from serbench_sklearn.functionals import Functionals
from serbench_sklearn.tuned import Problem, Tuned

LABELS = ("a", "b", "c")
MODELS = pytest.mark.parametrize("target", [Linear, Svm])
GIVEN = {Linear: {"c": 0.1}, Svm: {"c": 3.0, "gamma": 0.3}}  # where choosing is not the subject


def fitted(target, clouds, workspace, **parameters):
    model = target(labels=LABELS, seed=0, **parameters)
    model.fit(clouds(1), clouds(2), workspace)
    return model


def accuracy(model, examples):
    guesses = model.predict(examples.inputs).activations.argmax(axis=1)
    return float((guesses == examples.truth).mean())


@MODELS
def test_it_learns_what_can_be_learnt(target, clouds, workspace):
    assert accuracy(fitted(target, clouds, workspace), clouds(3)) > 0.9


@pytest.fixture(scope="module")
def moods(voices):
    """Training, validation and test set of voices, each of its own speakers."""
    sets = (voices(speakers) for speakers in (range(5), range(5, 7), range(7, 10)))
    return [Examples(Functionals()(waves), truth, names) for waves, truth, names in sets]


@MODELS
def test_moods_of_unknown_speakers_are_heard(target, moods, workspace):
    train, validation, test = moods
    model = target(labels=("calm", "angry", "sad", "happy"), seed=0)
    model.fit(train, validation, workspace)
    assert accuracy(model, test) > 0.8


@MODELS
def test_scores_are_the_same_whenever_and_with_whomever(target, clouds, workspace):
    inputs = clouds(3).inputs
    model = fitted(target, clouds, workspace, **GIVEN[target])
    together = model.predict(inputs).activations
    alone = np.concatenate([model.predict([vector]).activations for vector in inputs])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    again = target(labels=LABELS, seed=9, **GIVEN[target])
    again.fit(clouds(1), clouds(2), workspace)
    np.testing.assert_array_equal(again.predict(inputs).activations, together)


@MODELS
def test_the_validation_speakers_choose(target, clouds, workspace):
    """Labels that only a weak, or only a strong, machine gets right choose that machine."""
    train = clouds(1, noise=2.0)
    held_out = clouds(2, count=300, noise=2.0).inputs
    grid = target.grid["c"]
    extremes = {c: target(labels=LABELS, seed=0, c=c) for c in (grid[0], grid[-1])}
    for c, extreme in extremes.items():
        extreme.fit(train, clouds(2), workspace)
        own = extreme.predict(held_out).activations.argmax(axis=1)
        chooser = target(labels=LABELS, seed=0)
        chooser.fit(train, Examples(held_out, own, ("x",) * 300), workspace)
        assert chooser.describe()["c"] == c
        assert chooser.describe()["grid"] != extreme.describe()["grid"]


@MODELS
def test_what_is_learnt_does_not_depend_on_the_validation_speakers(target, clouds, workspace):
    """With its strength given, other validation labels change the temperature at most."""
    models = [target(labels=LABELS, seed=0, **GIVEN[target]) for _ in range(2)]
    train, validation, test = clouds(1), clouds(2), clouds(3)
    shuffled = Examples(validation.inputs, validation.truth[::-1].copy(), validation.speakers)
    models[0].fit(train, validation, workspace)
    models[1].fit(train, shuffled, workspace)
    scores = [
        model.predict(test.inputs).activations * model.describe()["temperature"] for model in models
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-9)
    assert models[0].describe()["temperature"] != models[1].describe()["temperature"]


@MODELS
def test_every_strength_is_reported_and_described(target, clouds, workspace):
    facts = fitted(target, clouds, workspace).describe()
    count = np.prod([len(values) for values in target.grid.values()])
    assert [epoch for epoch, _, _ in workspace.reports] == list(range(1, count + 1))
    assert {epochs for _, epochs, _ in workspace.reports} == {count}
    reported = [values["validation_uar"] for _, _, values in workspace.reports]
    assert reported == [tried["validation_uar"] for tried in facts["grid"]]
    best = facts["grid"][reported.index(max(reported))]
    assert {name: facts[name] for name in target.grid} == {name: best[name] for name in target.grid}
    assert facts["features"] == 12
    assert json.loads(json.dumps(facts)) == facts


def test_the_fast_kernel_decides_as_the_classifier_does(clouds):
    train, held_out = (np.stack(clouds(seed).inputs).astype(float) for seed in (1, 2))
    problem = Problem(train, clouds(1).truth, held_out)
    model, strength = Svm(labels=LABELS, seed=0), {"c": 3.0, "gamma": 0.3}
    plain = Tuned.decision(model, strength, problem)
    np.testing.assert_allclose(model.decision(strength, problem), plain, atol=1e-3)


@MODELS
def test_a_label_that_training_lacks_is_never_guessed(target, clouds, workspace):
    train, test = clouds(1, labels=2), clouds(3)
    model = target(labels=LABELS, seed=0, **GIVEN[target])
    model.fit(train, clouds(2), workspace)
    activations = model.predict(test.inputs).activations
    assert activations.shape == (60, 3)
    assert np.isfinite(activations).all()
    assert set(activations.argmax(axis=1)) == {0, 1}


def test_two_labels_have_the_probabilities_of_logistic_regression(clouds, workspace):
    model = Linear(labels=("a", "b"), seed=0, c=0.01)
    train, test = clouds(1, labels=2), clouds(3, labels=2)
    model.fit(train, clouds(2, labels=2), workspace)
    kept = model._fitted()
    expected = kept.classifier.predict_proba(kept.scaler.transform(np.stack(test.inputs)))
    scores = model.predict(test.inputs).activations * kept.temperature
    odds = np.exp(scores)
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), expected, atol=1e-6)


def test_extreme_values_are_clipped(clouds, workspace):
    model = fitted(Linear, clouds, workspace, **GIVEN[Linear])
    far, farther = model.predict([np.full(12, 1e3), np.full(12, 1e30)]).activations
    np.testing.assert_array_equal(far, farther)


def test_no_more_threads_than_lent(clouds, workspace, monkeypatch):
    seen = []
    report = workspace.report

    def watching(*progress, **values):
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        report(*progress, **values)

    monkeypatch.setattr(workspace, "report", watching)
    fitted(Linear, clouds, workspace)
    assert set(seen) == {1}


def test_a_fold_without_validation_speakers_is_refused(clouds, workspace):
    nobody = Examples([], np.zeros(0, np.int64), ())
    with pytest.raises(SerbenchError, match=r"and the fold has none.*use a protocol with"):
        Linear(labels=LABELS, seed=0).fit(clouds(1), nobody, workspace)


def test_a_fold_with_one_training_label_is_refused(clouds, workspace):
    with pytest.raises(SerbenchError, match=r"have one label.*use the model dummy"):
        Linear(labels=LABELS, seed=0).fit(clouds(1, labels=1), clouds(2), workspace)


@pytest.mark.parametrize("c", [0.0, -1.0, float("nan")])
def test_a_strength_must_be_above_zero(c):
    with pytest.raises(BadParameter, match="parameter c is .* but must be above 0"):
        Svm(labels=LABELS, seed=0, c=c)
