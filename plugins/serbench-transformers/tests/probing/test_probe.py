"""The probe: the validation speakers choose, its scores are its own, it can be kept."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from serbench import evaluate, predict
from serbench.contracts import DescribedModel, Examples, KeepableModel
from serbench.errors import BadParameter, SerbenchError
from serbench.evaluation.progress.listener import Listener
from serbench.metrics import classification
from serbench.metrics.calibration import nll, probabilities
from serbench.parameters import settable
from serbench.plugins import registry
from serbench.settings import settings
from serbench_transformers.checkpoints.checkpoint import resolve
from serbench_transformers.probing.heads import Problem
from serbench_transformers.probing.layers import Layers
from serbench_transformers.probing.probe import Probe
from serbench_transformers.probing.weighted_sum import Weighted

TINY = Path(__file__).parents[4] / "tests" / "tiny"
LABELS = ("angry", "happy", "sad", "calm")
LAYERS, WIDTH, INFORMATIVE = 5, 12, 3
HEADS = pytest.mark.parametrize("head", ["logistic", "weighted"])


@dataclass
class Desk:
    folder: Path
    threads: int = 1
    device: str = "cpu"
    points: list = field(default_factory=list)

    def report(self, epoch, epochs, **values):
        self.points.append((epoch, epochs, values))


def _examples(seed, count=80, labels=3, noise=1.0, informative=(INFORMATIVE,)):
    """Noise in every layer, and in the informative ones the label; layers of unlike size."""
    generator = np.random.default_rng(seed)
    truth = np.arange(count) % labels
    arrays = generator.normal(0, noise, (count, LAYERS, WIDTH))
    centres = np.random.default_rng(7).normal(size=(len(LABELS), WIDTH))
    for layer in informative:
        arrays[:, layer] += centres[truth]
    arrays = arrays * 10.0 ** np.arange(LAYERS)[:, None] + 5
    return Examples(list(arrays.astype(np.float32)), truth, ("speaker",) * count)


@pytest.fixture
def checkpoint(tmp_path) -> dict[str, object]:
    """A checkpoint as a run's parameters name it; a probe asks it for its licence only."""
    folder = tmp_path / "shape"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "whisper"}')
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    found = resolve(str(folder), weights=False)
    return {"checkpoint": found.name, "revision": found.revision, "weights": "random"}


@pytest.fixture
def fitted(checkpoint, tmp_path):
    """Fits a probe: `fitted(train, validation, **parameters)`."""

    def fit(train=None, validation=None, *, seed=0, labels=LABELS[:3], **params):
        model = Probe(labels, seed, **{**checkpoint, **params})
        desk = Desk(tmp_path)
        model.fit(train or _examples(1), validation or _examples(2, 60), desk)
        model.desk = desk
        return model

    return fit


def _scores(model, examples):
    return model.predict(examples.inputs).activations


def _accuracy(model, examples):
    return float((_scores(model, examples).argmax(axis=1) == examples.truth).mean())


def test_last_bits_of_layers_stay_last_bits_of_scores(folders, fitted):
    found = resolve(str(folders("whisper")))
    waves, truth = _tones_in_noise(108)
    exact, random = Layers(found.name, found.revision)(waves), np.random.default_rng(0)
    other = [each * (1 + 2e-7 * random.standard_normal(each.shape)) for each in exact]
    scores = []
    for arrays in (exact, [each.astype(np.float32) for each in other]):
        parts = [Examples(arrays[s::3], truth[s::3], ("speaker",) * 36) for s in range(3)]
        scores.append(_scores(fitted(parts[0], parts[1]), parts[2]))
    assert (scores[0].argmax(axis=1) == truth[2::3]).mean() > 0.8
    assert not np.array_equal(*scores)
    assert np.abs(scores[1] - scores[0]).max() < 1e-4  # as other processors round otherwise


def _tones_in_noise(count):
    """Waves of unlike lengths whose pitch is the label."""
    generator = np.random.default_rng(0)
    truth = np.arange(count) // 3 % 3
    waves = []
    for label in truth:
        time = np.arange(generator.integers(1600, 4000)) / 16000
        noise = generator.normal(0, 0.03, len(time))
        tone = 0.3 * np.sin(2 * np.pi * (200, 900, 3000)[label] * time)
        waves.append((tone + noise).astype(np.float32))
    return waves, truth.astype(np.int64)


@HEADS
def test_it_learns_what_one_layer_holds_and_finds_that_layer(fitted, head):
    train, validation, test = (_examples(seed, noise=0.7) for seed in (1, 2, 3))
    model = fitted(train, validation, head=head, lr=0.01)
    facts = model.describe()
    assert _accuracy(model, test) > 0.9
    if head == "logistic":
        assert facts["layer"] == INFORMATIVE
        assert [one["layer"] for one in facts["layers"]] == list(range(LAYERS))
        uars = [one["validation_uar"] for one in facts["layers"]]
        assert uars[INFORMATIVE] == facts["validation_uar"] > 0.9
        assert max(uars[:INFORMATIVE]) < 0.6
        assert [values["validation_uar"] for _, _, values in model.desk.points] == uars
    else:
        assert np.argmax(facts["layer_weights"]) == INFORMATIVE
        assert np.isclose(sum(facts["layer_weights"]), 1)


def test_a_hidden_layer_learns_what_is_not_linear(fitted):
    def crossed(seed, count=240):
        """The label is whether two numbers have the same sign."""
        arrays = np.random.default_rng(seed).normal(size=(count, 2, 2)).astype(np.float32)
        truth = (arrays[:, 0].prod(axis=1) > 0).astype(np.int64)
        return Examples(list(arrays), truth, ("speaker",) * count)

    given = {"head": "weighted", "lr": 0.01, "labels": LABELS[:2]}
    straight, bent = (fitted(crossed(1), crossed(2), hidden=units, **given) for units in (0, 16))
    assert _accuracy(straight, crossed(3)) < 0.65 < 0.8 < _accuracy(bent, crossed(3))


@HEADS
def test_what_is_described_is_plain_and_says_whose_weights(fitted, checkpoint, head):
    facts = fitted(head=head, epochs=3).describe()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["checkpoint"] == "shape"
    assert facts["revision"] == checkpoint["revision"]
    assert (facts["licence"], facts["pretrained"], facts["head"]) == ("mit", False, head)
    linear = WIDTH * 3 + 3
    assert facts["trained_parameters"] == linear + (LAYERS if head == "weighted" else 0)


def test_weights_of_the_checkpoint_are_called_pretrained(fitted):
    assert fitted(weights="pretrained", layer=0, c=0.1).describe()["pretrained"] is True


def test_the_validation_speakers_choose_the_layer(fitted):
    """Two layers hold the labels of training; which of them is chosen is up to validation."""
    train = _examples(1, informative=(1, 4))
    for layer in (1, 4):
        model = fitted(train, _examples(2, informative=(layer,)))
        assert model.describe()["layer"] == layer


def test_the_validation_speakers_choose_the_strength(fitted):
    """Labels that only a weak, or only a strong, classifier gets right choose that one."""
    train, held_out = _examples(1, noise=3.0), _examples(2, 300, noise=3.0)
    for c in (0.0001, 0.1):
        own = _scores(fitted(train, layer=INFORMATIVE, c=c), held_out).argmax(axis=1)
        chooser = fitted(train, Examples(held_out.inputs, own, held_out.speakers))
        assert (chooser.describe()["layer"], chooser.describe()["c"]) == (INFORMATIVE, c)


def test_only_the_choice_depends_on_validation(fitted):
    """With layer and strength given, other validation labels change the temperature at most."""
    validation = _examples(2, 60)
    shuffled = Examples(validation.inputs, validation.truth[::-1].copy(), validation.speakers)
    models = [fitted(None, one, layer=INFORMATIVE, c=0.01) for one in (validation, shuffled)]
    temperatures = [model.describe()["temperature"] for model in models]
    scores = [
        _scores(model, _examples(3)) * one for model, one in zip(models, temperatures, strict=True)
    ]
    np.testing.assert_allclose(*scores, atol=1e-9)
    assert temperatures[0] != temperatures[1]


def test_what_is_chosen_is_what_the_same_values_given_would_be(fitted):
    train, held_out = _examples(1, noise=3.0), _examples(2, 300, noise=3.0)
    own = _scores(fitted(train, layer=INFORMATIVE, c=0.1), held_out).argmax(axis=1)
    validation = Examples(held_out.inputs, own, held_out.speakers)
    chosen, inputs = fitted(train, validation), _examples(3)
    for layer in (INFORMATIVE, INFORMATIVE - LAYERS):
        given = fitted(train, validation, layer=layer, c=0.1)
        for name in ("layer", "c", "validation_uar"):
            assert given.describe()[name] == chosen.describe()[name]
        np.testing.assert_array_equal(_scores(given, inputs), _scores(chosen, inputs))


def test_the_validation_uar_is_that_of_its_predictions(fitted):
    for head in ("logistic", "weighted"):
        validation = _examples(2, 60, noise=2.0)
        model = fitted(None, validation, head=head, epochs=5)
        decisions = classification.predicted(_scores(model, validation))
        reached = classification.uar(classification.confusion(validation.truth, decisions, 3))
        assert model.describe()["validation_uar"] == pytest.approx(float(reached))


@HEADS
def test_scores_do_not_depend_on_the_batch(fitted, head):
    model, examples = fitted(head=head, epochs=3), _examples(3)
    together = _scores(model, examples)
    alone = np.concatenate([model.predict([one]).activations for one in examples.inputs])
    np.testing.assert_allclose(alone, together, atol=1e-9)


def test_the_same_seed_gives_the_same_scores(fitted):
    test = _examples(3)
    one, same, other = (
        _scores(fitted(seed=seed, head="weighted", hidden=4, epochs=3), test) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    plain = [_scores(fitted(seed=seed), test) for seed in (1, 2)]
    np.testing.assert_array_equal(*plain)


@HEADS
def test_the_state_of_random_numbers_stays(fitted, head):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    fitted(head=head, epochs=2)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


@pytest.mark.parametrize("params", [{}, {"head": "weighted", "hidden": 4, "epochs": 2}])
def test_a_kept_probe_predicts_the_same(fitted, tmp_path, params):
    model, inputs = fitted(**params), _examples(3).inputs
    assert isinstance(model, KeepableModel)
    assert isinstance(model, DescribedModel)
    model.save(tmp_path / "kept")
    kept = Probe.load(tmp_path / "kept")
    np.testing.assert_array_equal(
        kept.predict(inputs).activations, model.predict(inputs).activations
    )
    assert kept.describe() == model.describe()
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {
        "probe.json",
        "probe.safetensors",
    }


def test_what_is_no_kept_probe_is_refused(fitted, tmp_path):
    with pytest.raises(SerbenchError, match="holds no kept model.*no probe.json"):
        Probe.load(tmp_path)
    fitted(layer=0, c=0.1).save(tmp_path)
    words = json.loads((tmp_path / "probe.json").read_text())
    (tmp_path / "probe.json").write_text(json.dumps(words | {"version": "0"}))
    with pytest.raises(
        SerbenchError, match="schema 1 and version 0, but schema 1 and version 2 are installed"
    ):
        Probe.load(tmp_path)


def test_the_kept_arrays_score_as_the_trained_module_does():
    problem = Problem.of(_examples(1), _examples(2))
    with torch.random.fork_rng(devices=[]):
        module = Weighted(LAYERS, WIDTH, 6, 3)
        torch.nn.init.normal_(module.mix)
    with torch.inference_mode():
        expected = module(torch.from_numpy(problem.held_out)).numpy()
    head = module.head(problem)
    np.testing.assert_allclose(head.scores(problem.held_out), expected, atol=1e-5)
    np.testing.assert_allclose(head.activations(_examples(2).inputs, 3), expected, atol=1e-5)


@HEADS
def test_the_temperature_makes_the_validation_speakers_likelier(fitted, head):
    validation = _examples(2, 300, noise=3.0)
    model = fitted(_examples(1, 30, noise=3.0), validation, head=head, epochs=5)
    scores, temperature = _scores(model, validation), model.describe()["temperature"]
    assert temperature != 1
    honest, raw = (
        nll(validation.truth, probabilities(each, "softmax"))
        for each in (scores, scores * temperature)
    )
    assert honest < raw


@HEADS
def test_a_label_that_training_lacks_is_never_guessed(fitted, head):
    model = fitted(_examples(1), _examples(2, labels=4), labels=LABELS, head=head, epochs=3)
    scores = _scores(model, _examples(3, labels=4))
    assert scores.shape == (80, 4)
    assert np.isfinite(scores).all()
    assert set(scores.argmax(axis=1)) <= {0, 1, 2}
    assert probabilities(scores, "softmax")[:, 3].max() < 1e-9


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("c", [0.001, 0.1])
def test_it_is_the_logistic_regression_of_scikit_learn(fitted, labels, c):
    from sklearn.linear_model import LogisticRegression

    train, test = _examples(1, 70, labels=labels), _examples(3, labels=labels)
    problem = Problem.of(train, test)
    rows, held_out = problem.train[:, INFORMATIVE], problem.held_out[:, INFORMATIVE]
    plain = LogisticRegression(C=c, class_weight="balanced", tol=1e-6).fit(rows, train.truth)
    model = fitted(train, test, labels=LABELS[:labels], layer=INFORMATIVE, c=c)
    scores = _scores(model, test) * model.describe()["temperature"]
    expected = plain.predict_proba(held_out)
    np.testing.assert_allclose(probabilities(scores, "softmax"), expected, atol=2e-3)


def test_extreme_values_are_clipped(fitted):
    model = fitted(layer=1, c=0.1)
    far, farther = (np.full((LAYERS, WIDTH), value, np.float32) for value in (1e6, 1e30))
    scores = model.predict([far, farther]).activations
    np.testing.assert_array_equal(scores[0], scores[1])


def test_numbers_that_never_vary_do_no_harm(fitted):
    def stuck(seed):
        examples = _examples(seed)
        inputs = [
            np.concatenate([one, np.full((LAYERS, 1), 3.0)], axis=1) for one in examples.inputs
        ]
        return Examples([one.astype(np.float32) for one in inputs], examples.truth, ())

    assert _accuracy(fitted(stuck(1), stuck(2), layer=INFORMATIVE), stuck(3)) > 0.9


@HEADS
def test_a_fold_without_validation_is_refused(fitted, head):
    with pytest.raises(SerbenchError, match="no validation utterances.*protocol that has"):
        fitted(None, Examples([], np.array([], np.int64), ()), head=head)


@HEADS
def test_a_fold_with_one_label_is_refused(fitted, head):
    with pytest.raises(SerbenchError, match="all training utterances of the fold have one label"):
        fitted(_examples(1, labels=1), _examples(2, labels=1), head=head)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"c": 0.0}, "c=0.0 must be greater than 0"),
        ({"head": "weighted", "hidden": -1}, "hidden=-1 must be 0 or more"),
        ({"lr": 0.0}, "lr=0.0 must be greater than 0"),
        ({"epochs": 0}, "epochs and patience must be at least 1"),
        ({"hidden": 8}, "the head logistic does not use hidden=8.*head=weighted"),
        ({"head": "weighted", "layer": 0}, "the head weighted does not use layer=0"),
        ({"head": "weighted", "c": 0.1}, "the head weighted does not use c=0.1.*head=logistic"),
    ],
)
def test_what_cannot_be_is_refused_at_once(params, words):
    with pytest.raises(BadParameter, match=words):
        Probe(LABELS, 0, **params)


@pytest.mark.parametrize("layer", [LAYERS, -LAYERS - 1])
def test_a_layer_that_is_not_there_is_refused(fitted, layer):
    with pytest.raises(BadParameter, match=f"layer={layer} does not exist: shape has the layers 0"):
        fitted(layer=layer)


# ---- the whole benchmark ----


def test_model_and_feature_agree_on_what_both_know():
    entry = registry.find("model", "transformer-probe")
    feature = settable(registry.load(registry.find("feature", entry.features)))
    model = settable(registry.load(entry))
    assert entry.feature_params == tuple(feature)
    assert {name: model[name] for name in feature} == feature


class Counting(Listener):
    """Counts the utterances that had to be decoded or extracted."""

    files = 0

    def extracting(self, done: int, total: int) -> None:
        self.files = done


@pytest.fixture
def tones(monkeypatch, tmp_path) -> Iterator[None]:
    """The corpus of the core's tests, found as an installed plugin's."""
    monkeypatch.setenv("SERBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.syspath_prepend(str(TINY))
    registry.installed.cache_clear()
    yield
    registry.installed.cache_clear()


def test_a_probe_is_evaluated_and_another_head_extracts_nothing(folders, tones, tmp_path):
    params, listeners = {"checkpoint": str(folders("whisper"))}, (Counting(), Counting())
    first = evaluate(
        "transformer-probe", "tones", params=params, jobs=0, listener=listeners[0], keep_models=True
    )
    (store,) = (settings().cache / "features").iterdir()
    stored = {path: path.stat().st_mtime_ns for path in store.glob("*.safetensors")}
    other = {**params, "head": "weighted", "lr": 0.01}
    second = evaluate("transformer-probe", "tones", params=other, jobs=0, listener=listeners[1])
    assert [listener.files for listener in listeners] == [72, 0]
    assert {path: path.stat().st_mtime_ns for path in store.glob("*.safetensors")} == stored
    for run in (first, second):
        assert run.ranked
        assert run.config.feature_params["checkpoint"] == "whisper"
        assert run.config.params["revision"].startswith("sha256:")
        assert str(tmp_path) not in json.dumps(run.config.stored())
        assert run.folds[0].facts.model["pretrained"] is True
    (wave, *_) = tmp_path.rglob("*.wav")
    said = predict(first.folder, [wave], fold="1")
    assert said.probabilities.shape == (1, 3)
