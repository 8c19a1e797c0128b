import numpy as np
import pytest

from serbench.contracts import Examples
from serbench.errors import SerbenchError
from serbench_sklearn.dummy import Dummy

LABELS = ("a", "b", "c")


def fitted(truth, workspace, **parameters):
    examples = Examples([np.zeros(1)] * len(truth), np.array(truth), ("x",) * len(truth))
    model = Dummy(labels=LABELS, **{"seed": 0, **parameters})
    model.fit(examples, examples, workspace)
    return model


def noises(count):
    rng = np.random.default_rng(0)
    return [rng.normal(size=50).astype(np.float32) for _ in range(count)]


def test_majority_says_the_most_frequent_training_label(workspace):
    predicted = fitted([0, 1, 1, 2], workspace).predict(noises(4))
    np.testing.assert_array_equal(predicted.activations, [[0, 1, 0]] * 4)
    assert predicted.link == "identity"


def test_of_equally_frequent_labels_majority_says_the_first(workspace):
    predicted = fitted([2, 1, 2, 1], workspace).predict(noises(1))
    np.testing.assert_array_equal(predicted.activations, [[0, 1, 0]])


def test_stratified_draws_with_the_training_frequencies(workspace):
    model = fitted([0, 0, 0, 0, 0, 0, 2, 2, 2, 2], workspace, strategy="stratified")
    shares = model.predict(noises(2000)).activations.mean(axis=0)
    np.testing.assert_allclose(shares, [0.6, 0, 0.4], atol=0.04)


def test_a_draw_depends_on_the_seed_and_the_utterance_not_on_its_place(workspace):
    inputs = noises(40)
    model = fitted([0, 1, 2], workspace, strategy="stratified")
    together = model.predict(inputs).activations
    backwards = model.predict(inputs[::-1]).activations[::-1]
    alone = np.concatenate([model.predict([wave]).activations for wave in inputs])
    np.testing.assert_array_equal(together, backwards)
    np.testing.assert_array_equal(together, alone)
    other = fitted([0, 1, 2], workspace, strategy="stratified", seed=1)
    assert (other.predict(inputs).activations != together).any()


@pytest.mark.parametrize("strategy", ["majority", "stratified"])
def test_a_kept_model_predicts_the_same(workspace, tmp_path, strategy):
    model = fitted([0, 1, 1, 2], workspace, strategy=strategy)
    model.save(tmp_path)
    kept = Dummy.load(tmp_path)
    inputs = noises(10)
    np.testing.assert_array_equal(
        kept.predict(inputs).activations, model.predict(inputs).activations
    )
    assert kept.describe() == model.describe()
    assert model.describe()["training_labels"] == {"a": 1, "b": 2, "c": 1}


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(SerbenchError, match="holds no kept model: it has no dummy.json"):
        Dummy.load(tmp_path)


def test_a_model_of_another_version_is_refused(workspace, tmp_path):
    fitted([0], workspace).save(tmp_path)
    file = tmp_path / "dummy.json"
    file.write_text(file.read_text().replace('"schema": 1', '"schema": 9'))
    with pytest.raises(
        SerbenchError, match="has schema 9 and version .*, but schema 1 and version"
    ):
        Dummy.load(tmp_path)
