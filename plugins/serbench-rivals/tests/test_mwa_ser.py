import numpy as np
import pytest

from serbench.errors import BadParameter, SerbenchError
from serbench_rivals.mwa_ser import MwaSer

LABELS = ("angry", "happy", "sad")


@pytest.fixture(scope="module")
def views(examples):
    """Utterances of two views, whose values are the label and noise."""

    def utterance(label, random):
        return random.normal(label, 0.5, (2, 6))

    return lambda count, seed: examples(count, seed, utterance)


@pytest.fixture(scope="module")
def fitted(views, desk):
    def fit(seed=0, train=None, **params):
        model = MwaSer(
            LABELS, seed, **{"epochs": 12, "width": 0.1, "lr": 0.01, "dropout": 0.0, **params}
        )
        model.fit(train or views(60, 1), views(15, 2), desk())
        return model

    return fit


def test_it_learns_keeps_and_repeats(fitted, views, tmp_path):
    tested = views(20, 3)
    model = fitted()
    scores = model.predict(tested.inputs).activations
    assert (scores.argmax(axis=1) == tested.truth).mean() > 0.8
    assert np.array_equal(fitted().predict(tested.inputs).activations, scores)
    assert not np.array_equal(fitted(1).predict(tested.inputs).activations, scores)
    alone = [model.predict([each]).activations[0] for each in tested.inputs]
    np.testing.assert_allclose(alone, scores, atol=1e-6)
    model.save(tmp_path)
    loaded = MwaSer.load(tmp_path)
    assert np.array_equal(loaded.predict(tested.inputs).activations, scores)
    assert loaded.describe() == model.describe()
    assert loaded.describe()["views"] == 2
    assert loaded.describe()["fidelity"] == "from the abstract"


def test_a_score_is_the_mean_over_the_views(fitted, views):
    model = fitted(epochs=1)
    (one,) = views(1, 4).inputs
    scores = model.predict([one]).activations[0]
    of_views = model.scorer.network(model.scorer.prepared([one])[0]).softmax(dim=1)  # (2, labels)
    np.testing.assert_allclose(scores, of_views.mean(dim=0).detach(), atol=1e-6)
    assert float((of_views[0] - of_views[1]).abs().max()) > 1e-3


def test_a_batch_of_one_sample_is_never_made(fitted, views):
    assert fitted(train=views(33, 1), batch=65, epochs=1).describe()["best_epoch"] == 1


def test_bad_values_and_folders_are_refused(tmp_path):
    for params, words in (
        ({"batch": 1}, "batch at least 2"),
        ({"width": 0.0}, "lr and width of mwa-ser must be greater than 0"),
        ({"dropout": 1.0}, r"dropout=1.0 of mwa-ser must be in \[0, 1\)"),
    ):
        with pytest.raises(BadParameter, match=words):
            MwaSer(LABELS, 0, **params)
    with pytest.raises(SerbenchError, match="holds no kept model"):
        MwaSer.load(tmp_path)
