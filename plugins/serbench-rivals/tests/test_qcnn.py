import json

import numpy as np
import pytest
import torch

from serbench.errors import BadParameter
from serbench_rivals.qcnn import (
    COLOURS,
    LIMIT,
    Network,
    Qcnn,
    coloured,
    free_parameters,
    real_width,
    table,
)

LABELS = ("angry", "happy", "sad")
TINY = {"width": 0.25, "epochs": 10, "max_seconds": 0.3, "lr": 3e-3, "dropout": 0.0, "batch": 8}


@pytest.fixture(scope="module")
def fitted(mels, desk):
    """A function that returns a model fitted with parameters."""

    def fit(seed=0, **params):
        model = Qcnn(LABELS, seed, **{**TINY, **params})
        model.fit(mels(24, 1), mels(9, 2), desk())
        return model

    return fit


@pytest.fixture(scope="module")
def learned(fitted):
    return fitted()


@pytest.fixture(scope="module")
def tested(mels):
    return mels(12, 3)


def test_it_learns_what_can_be_learned(learned, tested):
    predictions = learned.predict(tested.inputs)
    assert (predictions.activations.argmax(axis=1) == tested.truth).mean() > 0.8


def test_one_seed_gives_one_result_bit_for_bit_and_leaves_global_randomness(
    fitted, learned, tested
):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    again = fitted()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    scores = [each.predict(tested.inputs).activations for each in (learned, again, fitted(1))]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


@pytest.mark.parametrize("algebra", ["quaternion", "real"])
def test_a_saved_model_scores_as_before(fitted, algebra, tested, tmp_path):
    model = fitted(epochs=1, algebra=algebra)
    model.save(tmp_path)
    loaded = Qcnn.load(tmp_path)
    together = model.predict(tested.inputs).activations
    assert np.array_equal(loaded.predict(tested.inputs).activations, together)
    assert loaded.describe() == model.describe()
    alone = [loaded.predict([each]).activations[0] for each in tested.inputs]
    assert np.array_equal(together, alone)


def test_it_says_both_counts_and_its_fidelity(learned):
    facts = learned.describe()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["fidelity"] == "from the abstract"
    assert len(facts["our_choices"]) > 3
    assert facts["parameters"] == facts["quaternion_parameters"]
    assert facts["real_parameters"] == free_parameters(3, "real", real_width(3, 2))


@pytest.mark.parametrize("first", [2, 8, 16])
def test_the_control_has_nearly_as_many_free_parameters(first):
    quaternion, real = (
        free_parameters(8, "quaternion", first),
        free_parameters(8, "real", real_width(8, first)),
    )
    assert abs(real - quaternion) < 0.03 * quaternion


def test_the_quaternion_network_gets_three_colours_and_no_real_part():
    network = Network(3, "quaternion", 1, 0.0)
    seen = []
    network.blocks[0].register_forward_hook(lambda _, given, __: seen.append(given[0]))
    network.colours.copy_(table())
    network.eval()(torch.zeros(1, 1, 16, 16))
    assert seen[0].shape == (1, 4, 16, 16)
    assert not seen[0][:, 0].any()
    assert torch.equal(seen[0][0, 1:, 0, 0], table()[COLOURS // 2])


def test_colours_tell_all_values_between_the_limits_apart_and_no_others():
    colours = table()
    assert colours.shape == (256, 3)
    assert ((colours >= 0) & (colours <= 1)).all()
    brightness = colours @ torch.tensor([0.299, 0.587, 0.114])
    assert (brightness.diff() > 0).all()
    values = torch.tensor([-9.0, -LIMIT, 0.0, LIMIT, 9.0]).reshape(1, 1, 1, 5)
    picture = coloured(values, colours)[0, :, 0].T
    assert torch.equal(picture[0], picture[1])
    assert torch.equal(picture[3], picture[4])
    assert torch.equal(picture[0], colours[0])
    assert torch.equal(picture[3], colours[-1])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"epochs": 0}, "epochs, batch and patience of qcnn must be at least 1"),
        ({"dropout": 1.0}, r"dropout=1.0 of qcnn must be in \[0, 1\)"),
        ({"n_mels": 8}, "n_mels=8 is too small for qcnn: its poolings need at least 16 mel bands"),
    ],
)
def test_values_that_cannot_be_are_refused(params, words):
    with pytest.raises(BadParameter, match=words):
        Qcnn(LABELS, 0, **params)
