import json
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from serbench.contracts import DescribedModel, Examples, KeepableModel, MovableModel
from serbench.errors import BadParameter, SerbenchError
from serbench_alexnet.alexnet import AlexNetMel
from serbench_alexnet.network import SMALLEST

LABELS = ("angry", "happy", "sad")
TINY = {"width": 0.04, "epochs": 3, "lr": 1e-3, "dropout": 0.1}


@dataclass
class Desk:
    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))
    points: list = field(default_factory=list)

    def report(self, epoch, epochs, **values):
        self.points.append(values)


def _examples(count, seed, frames=(60, 100)):
    """Noise, 30 dB louder in the third of the bands that the label names."""
    generator = np.random.default_rng(seed)
    truth = np.arange(count) % len(LABELS)
    inputs = []
    for label in truth:
        decibels = generator.normal(-70, 5, (64, generator.integers(*frames, endpoint=True)))
        decibels[21 * label : 21 * (label + 1)] += 30
        inputs.append(decibels.astype(np.float32))
    return Examples(inputs, truth.astype(np.int64), ("speaker",) * count)


def _fitted(seed=0, train=None, desk=None, **params):
    model = AlexNetMel(LABELS, seed, **{**TINY, **params})
    model.fit(train or _examples(48, 1), _examples(12, 2), desk or Desk())
    return model


@pytest.fixture(scope="module")
def fitted():
    return _fitted(epochs=8)


@pytest.fixture(scope="module")
def test_set():
    return _examples(25, 3, frames=(20, 260))


def test_it_learns_what_can_be_learned(fitted, test_set):
    predictions = fitted.predict(test_set.inputs)
    assert (predictions.activations.argmax(axis=1) == test_set.truth).mean() > 0.9


def test_predictions_are_softmax_outputs(fitted, test_set):
    predictions = fitted.predict(test_set.inputs)
    assert predictions.link == "identity"
    assert predictions.activations.dtype == np.float32
    assert predictions.activations.shape == (25, 3)
    assert (predictions.activations >= 0).all()
    np.testing.assert_allclose(predictions.activations.sum(axis=1), 1, atol=1e-6)


def test_scores_do_not_depend_on_the_other_utterances(fitted, test_set):
    together = fitted.predict(test_set.inputs).activations
    alone = [fitted.predict([wave]).activations[0] for wave in test_set.inputs]
    turned = fitted.predict(test_set.inputs[::-1]).activations[::-1]
    assert np.array_equal(together, alone)
    assert np.array_equal(together, turned)


def test_one_seed_gives_one_result_bit_for_bit_and_another_another(test_set):
    scores = []
    for seed in (5, 5, 6):
        torch.rand(3)  # whatever was drawn before does not matter
        scores.append(_fitted(seed).predict(test_set.inputs).activations)
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_global_random_states_are_untouched():
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    _fitted(epochs=1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_a_long_utterance_is_the_mean_over_its_windows():
    model = _fitted(epochs=1, max_seconds=0.6)
    frames = model.describe()["frames"]
    assert frames == 76  # 1 + 9600 // 128
    (long,) = _examples(1, 4, frames=(2 * frames, 2 * frames)).inputs
    halves = model.predict([long[:, :frames], long[:, frames:]]).activations
    np.testing.assert_allclose(model.predict([long]).activations[0], halves.mean(axis=0), atol=1e-6)


def test_the_width_is_the_longest_training_utterances():
    assert _fitted(epochs=1, train=_examples(6, 1, frames=(90, 90))).describe()["frames"] == 90
    assert _fitted(epochs=1, train=_examples(6, 1, frames=(5, 9))).describe()["frames"] == SMALLEST


def test_what_is_learned_does_not_depend_on_what_is_scored(fitted, test_set):
    before = fitted.predict(test_set.inputs).activations
    fitted.predict(_examples(5, 9, frames=(900, 900)).inputs)
    assert np.array_equal(fitted.predict(test_set.inputs).activations, before)


def test_the_normalisation_comes_from_training_alone():
    train = _examples(12, 1)
    scores = []
    for shift in (0.0, 40.0):
        validation = _examples(12, 2)
        louder = Examples(
            [wave + np.float32(shift) for wave in validation.inputs], validation.truth, ()
        )
        model = AlexNetMel(LABELS, 0, **{**TINY, "epochs": 1})
        model.fit(train, louder, Desk())
        scores.append(model.predict(train.inputs).activations)
    assert np.array_equal(scores[0], scores[1])


def test_the_best_epoch_is_the_one_that_is_kept():
    desk, validation = Desk(), _examples(12, 2)
    # so large a learning rate that the validation loss goes up and down
    model = _fitted(desk=desk, epochs=6, lr=0.02)
    losses = [point["validation_loss"] for point in desk.points]
    assert model.describe()["best_epoch"] == 1 + int(np.argmin(losses))
    right = model.predict(validation.inputs).activations[np.arange(12), validation.truth]
    assert -np.log(right).mean() == pytest.approx(min(losses), rel=1e-4)
    assert desk.points[0].keys() == {"train_loss", "validation_loss", "validation_uar"}


@pytest.mark.parametrize(
    "odd",
    [
        np.full((64, 13), -100.0, np.float32),  # 0.1 s of silence
        np.full((64, 1), -30.0, np.float32),
        np.full((64, 700), -100.0, np.float32),
    ],
)
def test_silent_constant_and_tiny_utterances_have_scores(fitted, odd):
    assert np.isfinite(fitted.predict([odd]).activations).all()


def test_a_training_set_of_silence_gives_finite_scores():
    silence = [np.full((64, 20), -100.0, np.float32)] * 6
    train = Examples(silence, np.arange(6) % 3, ("speaker",) * 6)
    model = _fitted(train=train, epochs=1)
    assert np.isfinite(model.predict(silence[:1]).activations).all()


def test_it_describes_itself(fitted):
    assert isinstance(fitted, DescribedModel)
    facts = fitted.describe()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["parameters"] == sum(each.numel() for each in fitted._scorer.network.parameters())
    assert facts.keys() >= {"best_epoch", "epochs", "precision", "threads", "frames", "device"}


def test_a_saved_model_scores_as_before(fitted, test_set, tmp_path):
    assert isinstance(fitted, KeepableModel)
    fitted.save(tmp_path / "model")
    loaded = AlexNetMel.load(tmp_path / "model")
    assert np.array_equal(
        loaded.predict(test_set.inputs).activations, fitted.predict(test_set.inputs).activations
    )
    assert (loaded.labels, loaded.width) == (fitted.labels, fitted.width)
    assert loaded.describe() == fitted.describe()
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "model.json",
        "model.safetensors",
    }


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(SerbenchError, match="holds no kept model: it has no model.json"):
        AlexNetMel.load(tmp_path)


def test_a_model_of_another_version_is_an_error(fitted, tmp_path):
    fitted.save(tmp_path)
    words = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**words, "version": "0"}))
    with pytest.raises(SerbenchError, match="version 0, but schema 1 and version 1 are installed"):
        AlexNetMel.load(tmp_path)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"epochs": 0}, "epochs, batch and patience of alexnet-mel must be at least 1"),
        ({"lr": 0.0}, "lr, width and max_seconds of alexnet-mel must be greater than 0"),
        ({"dropout": 1.0}, r"dropout=1.0 of alexnet-mel must be in \[0, 1\)"),
        ({"n_mels": 40}, "n_mels=40 is too small for alexnet-mel: .* at least 63 mel bands"),
    ],
)
def test_values_that_cannot_be_are_refused(params, words):
    with pytest.raises(BadParameter, match=words):
        AlexNetMel(LABELS, 0, **params)


@pytest.mark.parametrize("normalise", ["bands", "all", "none"])
@pytest.mark.parametrize("initialisation", ["kaiming", "torch"])
def test_every_choice_trains(normalise, initialisation):
    model = _fitted(epochs=1, normalise=normalise, initialisation=initialisation)
    assert model.describe()["best_epoch"] == 1


def test_it_can_be_moved(fitted, test_set, tmp_path):
    fitted.save(tmp_path)
    again = AlexNetMel.load(tmp_path)
    assert isinstance(again, MovableModel)
    again.to("cpu")
    assert np.array_equal(
        again.predict(test_set.inputs).activations, fitted.predict(test_set.inputs).activations
    )
