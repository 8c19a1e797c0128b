"""The fine-tuned model: it learns, repeats itself, can be kept, used again and handed over."""

import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from serbench.contracts import (
    DescribedModel,
    Examples,
    ExportableModel,
    KeepableModel,
    MovableModel,
    ResolvesParams,
)
from serbench.errors import BadParameter, SerbenchError
from serbench.metrics.calibration import probabilities
from serbench_transformers.finetuning.learning import criterion, split
from serbench_transformers.finetuning.recipes import RECIPES, factor
from serbench_transformers.finetuning.transformer import Transformer

LABELS = ("angry", "happy", "sad")
QUICK = {"epochs": 3, "lr": 3e-3, "batch": 4}


@dataclass
class Desk:
    folder: Path
    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"
    points: list = field(default_factory=list)

    def report(self, epoch, epochs, **values):
        self.points.append(values)


def _examples(count, seed):
    """Tones whose pitch is the label, of unlike lengths, in noise."""
    generator = np.random.default_rng(seed)
    truth = np.arange(count) % len(LABELS)
    waves = []
    for label in truth:
        time = np.arange(generator.integers(1600, 4000)) / 16000
        tone = np.sin(2 * np.pi * (200, 900, 3000)[label] * time)
        waves.append((0.3 * tone + generator.normal(0, 0.03, len(time))).astype(np.float32))
    return Examples(waves, truth.astype(np.int64), ("speaker",) * count)


def _model(folder, seed=0, **params):
    given = {**{name: value for name, value in _defaults().items()}, **QUICK, **params}
    return Transformer(LABELS, seed, **Transformer.resolved({**given, "checkpoint": str(folder)}))


def _defaults():
    import dataclasses

    fields = [each for each in dataclasses.fields(Transformer) if each.kw_only and each.init]
    return {each.name: each.default for each in fields}


def _fitted(folder, tmp_path, seed=0, **params):
    model, desk = _model(folder, seed, **params), Desk(tmp_path)
    model.fit(_examples(24, 1), _examples(6, 2), desk)
    return model, desk


@pytest.fixture(scope="module")
def test_set():
    return _examples(9, 3)


def _scores(model, test_set):
    return model.predict(test_set.inputs).activations


def test_it_meets_the_contracts(folders):
    model = _model(folders("whisper"))
    for contract in (DescribedModel, KeepableModel, ExportableModel, MovableModel):
        assert isinstance(model, contract)
    assert isinstance(Transformer, ResolvesParams)


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2-layer-norm", "wavlm"])
@pytest.mark.parametrize("recipe", ["tuned", "paper"])
def test_it_learns_what_can_be_learned(folders, tmp_path, test_set, kind, recipe):
    model, desk = _fitted(
        folders(kind), tmp_path, recipe=recipe, schedule="linear", frozen=0.0, epochs=8
    )
    assert desk.points[-1]["train_loss"] < desk.points[0]["train_loss"]
    assert (_scores(model, test_set).argmax(axis=1) == test_set.truth).mean() > 0.6


def test_the_same_seed_gives_the_same_scores_and_another_gives_others(folders, tmp_path, test_set):
    one, same, other = (
        _scores(_fitted(folders("whisper"), tmp_path, seed)[0], test_set) for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.allclose(one, other, atol=1e-3)


def test_random_state_is_left_as_it_was(folders, tmp_path):
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    _fitted(folders("wav2vec2-layer-norm"), tmp_path, epochs=1)
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert torch.equal(torch.get_rng_state(), before[2])


def test_half_of_the_layers_is_frozen_by_the_tuned_recipe(folders, tmp_path):
    free, half = (
        _fitted(folders("whisper"), tmp_path, frozen=share, epochs=1)[0].describe()
        for share in (0.0, 0.5)
    )
    assert (free["frozen_layers"], half["frozen_layers"]) == (0, 1)
    assert half["trained_parameters"] < free["trained_parameters"]
    assert RECIPES["tuned"].frozen == 0.5


def test_encoders_that_go_one_by_one_train_all_their_layers(folders, tmp_path):
    facts = _fitted(folders("wavlm"), tmp_path, epochs=1)[0].describe()
    assert (facts["frozen_layers"], facts["batching"]) == (0, "one by one")
    assert facts["padded_fraction"] == 0.0


def test_however_batches_are_laid_the_same_is_learned(save_checkpoint, tmp_path, test_set):
    none = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0}
    none |= {"feat_proj_dropout": 0.0, "layerdrop": 0.0}
    folder = save_checkpoint(tmp_path / "certain", "wav2vec2-layer-norm", **none)
    packed, padded, by_length = (
        _fitted(folder, tmp_path, batching=each, mask_time=0.0)[0]
        for each in ("packed", "padded", "sorted")
    )
    expected = _scores(packed, test_set)
    np.testing.assert_allclose(_scores(padded, test_set), expected, rtol=1e-3, atol=1e-4)
    assert not np.allclose(_scores(by_length, test_set), expected, rtol=1e-3, atol=1e-4)
    shares = [each.describe()["padded_fraction"] for each in (packed, by_length, padded)]
    assert shares[0] == 0.0
    assert 0 < shares[1] < shares[2] < 1
    assert [each.describe()["batching"] for each in (packed, by_length, padded)] == [
        "packed",
        "sorted",
        "padded",
    ]


@pytest.mark.parametrize("batching", ["sorted", "padded"])
def test_scores_of_a_padded_batch_come_in_the_order_of_the_utterances(folders, tmp_path, batching):
    model, _ = _fitted(folders("whisper"), tmp_path, epochs=1, batching=batching)
    inputs = _examples(20, 3).inputs
    alone = [model.predict([wave]).activations[0] for wave in inputs]
    np.testing.assert_allclose(model.predict(inputs).activations, alone, rtol=1e-4, atol=1e-5)


def test_an_encoder_that_goes_one_by_one_can_be_padded_where_that_changes_nothing(
    folders, tmp_path
):
    facts = _fitted(folders("wavlm-layer-norm"), tmp_path, epochs=1, batching="sorted")[
        0
    ].describe()
    assert facts["batching"] == "sorted"
    assert facts["padded_fraction"] > 0


@pytest.mark.parametrize("kind", ["wavlm", "sew", "wav2vec2-conformer"])
def test_padding_that_would_change_numbers_is_refused_at_planning(folders, kind):
    with pytest.raises(
        BadParameter, match=f"cannot pad for {kind} .{kind}. without changing its out"
    ):
        _model(folders(kind), batching="padded")


def test_it_says_what_it_was_made_of(folders, tmp_path):
    facts = _fitted(folders("whisper"), tmp_path)[0].describe()
    assert facts["checkpoint"] == "whisper"
    assert re.fullmatch("sha256:[0-9a-f]{16}", facts["revision"])
    assert (facts["licence"], facts["pretrained"]) == ("unknown", True)
    assert (facts["steps"], facts["warm_up_steps"]) == (18, 2)
    assert (facts["batching"], facts["padded_fraction"]) == ("packed", 0.0)
    assert facts["precision"] in ("float32", "bfloat16")
    assert (facts["device"], facts["threads"]) == ("cpu", 1)


def test_the_paper_s_warm_up_never_ends(folders, tmp_path):
    facts = _fitted(folders("whisper"), tmp_path, recipe="paper", lr=1e-4)[0].describe()
    assert (facts["steps"], facts["warm_up_steps"]) == (18, 1000)
    assert facts["highest_lr"] == pytest.approx(18e-7)


@pytest.mark.parametrize(
    ("utterances", "epochs", "peak"), [(960, 2, 0.12), (5800, 2, 0.726), (4400, 3, 0.825)]
)
def test_on_none_of_the_corpora_does_the_paper_s_rate_reach_its_peak(utterances, epochs, peak):
    steps = epochs * -(-utterances // 16)
    assert max(factor("paper", step, steps) for step in range(steps)) == pytest.approx(peak)


def test_random_weights_say_that_nothing_was_pretrained(folders, tmp_path):
    facts = _fitted(folders("whisper"), tmp_path, weights="random", epochs=1)[0].describe()
    assert facts["pretrained"] is False


def test_checkpointing_changes_no_score(folders, tmp_path, test_set):
    plain, sparing = (
        _scores(_fitted(folders(kind), tmp_path, checkpointing=flag, frozen=0.0)[0], test_set)
        for kind in ("wav2vec2-layer-norm",)
        for flag in (False, True)
    )
    np.testing.assert_allclose(plain, sparing, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2-group-norm", "wavlm"])
@pytest.mark.parametrize("head", ["linear", "projector"])
def test_a_saved_model_gives_the_same_scores(folders, tmp_path, test_set, kind, head):
    model, _ = _fitted(folders(kind), tmp_path, head=head, epochs=1)
    model.save(tmp_path / "kept")
    again = Transformer.load(tmp_path / "kept")
    np.testing.assert_allclose(
        _scores(again, test_set), _scores(model, test_set), rtol=1e-5, atol=1e-6
    )
    assert again.describe() == model.describe()
    again.to("cpu")
    assert again.predict(test_set.inputs).link == model.predict(test_set.inputs).link


@pytest.mark.parametrize(
    ("kind", "head", "recipe"),
    [
        ("whisper", "linear", "paper"),
        ("whisper", "projector", "tuned"),
        ("wav2vec2-layer-norm", "linear", "paper"),
        ("wav2vec2-group-norm", "projector", "tuned"),
        ("wav2vec2-bert", "linear", "tuned"),
        ("wavlm", "projector", "paper"),
    ],
)
def test_plain_transformers_gives_the_same_scores_as_an_exported_page_says(
    folders, tmp_path, test_set, kind, head, recipe
):
    model, _ = _fitted(folders(kind), tmp_path, head=head, recipe=recipe, epochs=1)
    folder = tmp_path / "exported"
    model.export(folder)
    assert not (folder / "serbench.json").exists()
    (code,) = re.findall("```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    predictions = model.predict(test_set.inputs)
    expected = probabilities(predictions.activations, predictions.link)
    known = {"folder": folder, "wave": test_set.inputs[0]}
    exec(code, known)
    assert known["label"] == LABELS[int(expected[0].argmax())]
    for wave, shares in zip(test_set.inputs, expected, strict=True):
        np.testing.assert_allclose(known["probabilities"](wave), shares, rtol=1e-4, atol=1e-5)


def test_a_model_that_was_kept_before_batching_was_a_parameter_can_be_used(
    folders, tmp_path, test_set
):
    model, _ = _fitted(folders("whisper"), tmp_path, epochs=1)
    model.save(tmp_path / "kept")
    words = tmp_path / "kept" / "serbench.json"
    kept = json.loads(words.read_text())
    del kept["params"]["batching"], kept["facts"]["padded_fraction"]
    words.write_text(json.dumps(kept))
    again = Transformer.load(tmp_path / "kept")
    np.testing.assert_array_equal(_scores(again, test_set), _scores(model, test_set))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(SerbenchError, match="holds no kept model: it has no serbench.json"):
        Transformer.load(tmp_path)


def test_a_model_of_another_version_is_refused(folders, tmp_path):
    model, _ = _fitted(folders("whisper"), tmp_path, epochs=1)
    model.save(tmp_path / "kept")
    words = tmp_path / "kept" / "serbench.json"
    words.write_text(words.read_text().replace('"version": "1"', '"version": "0"'))
    with pytest.raises(SerbenchError, match="version 0, but schema 1 and version 1 are installed"):
        Transformer.load(tmp_path / "kept")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"epochs": 0}, "epochs, batch and patience must be at least 1"),
        ({"lr": 0.0}, "lr=0.0 must be greater than 0"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1 must be 0 or more"),
        ({"mask_time": 1.0}, r"mask_time=1.0 must be in \[0, 1\)"),
        ({"frozen": -0.5}, r"frozen=-0.5 must be in \[0, 1\)"),
        ({"freeze_convolutions": False}, "frozen=0.5 must be 0 if the convolutions"),
    ],
)
def test_values_that_cannot_be_are_refused(folders, params, words):
    with pytest.raises(BadParameter, match=words):
        _model(folders("whisper"), **params)


def test_a_recipe_becomes_its_numbers_and_what_is_given_wins(folders):
    words = {**_defaults(), "checkpoint": str(folders("whisper")), "recipe": "paper", "epochs": 7}
    exact = Transformer.resolved(words)
    assert (exact["epochs"], exact["loss"], exact["schedule"]) == (7, "bce", "paper")
    assert exact["checkpoint"] == "whisper"
    assert None not in exact.values()
    assert Transformer.resolved(exact) == exact


def test_weights_that_are_not_there_are_missed_at_planning(tmp_path, save_checkpoint):
    folder = save_checkpoint(tmp_path / "shape", "whisper")
    (folder / "model.safetensors").unlink()
    words = {**_defaults(), "checkpoint": str(folder)}
    with pytest.raises(SerbenchError, match="has no model.safetensors.*weights=random"):
        Transformer.resolved(words)
    assert Transformer.resolved({**words, "weights": "random"})["checkpoint"] == "shape"


def test_a_checkpoint_that_was_fine_tuned_before_says_so(folders, tmp_path):
    first, _ = _fitted(folders("whisper"), tmp_path, epochs=1)
    assert first.describe()["fine_tuned_before"] == ""
    first.export(tmp_path / "exported")
    again, _ = _fitted(tmp_path / "exported", tmp_path, epochs=1)
    assert again.describe()["fine_tuned_before"] == "angry, happy, sad"


def test_a_checkpoint_that_weighs_its_layers_is_used_without(save_checkpoint, tmp_path, test_set):
    folder = save_checkpoint(tmp_path / "sum", "wav2vec2-layer-norm", use_weighted_layer_sum=True)
    model, _ = _fitted(folder, tmp_path, epochs=1)
    model.export(tmp_path / "exported")
    assert '"use_weighted_layer_sum": true' not in (tmp_path / "exported/config.json").read_text()


def test_a_kept_model_that_lacks_weights_is_refused(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    model, _ = _fitted(folders("whisper"), tmp_path, epochs=1)
    model.save(tmp_path / "kept")
    weights = load_file(tmp_path / "kept" / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tmp_path / "kept" / "model.safetensors", {"format": "pt"})
    with pytest.raises(SerbenchError, match="kept lacks 1 of the model's weights"):
        Transformer.load(tmp_path / "kept")


def test_label_smoothing_holds_for_both_losses():
    logits, truth = torch.tensor([[2.0, -1.0, 0.5, 0.0]]), torch.tensor([0])
    wanted = torch.tensor([[0.925, 0.025, 0.025, 0.025]])
    smoothed = criterion(logits, truth, "bce", 0.1)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted)
    torch.testing.assert_close(smoothed, expected)
    assert criterion(logits, truth, "cross-entropy", 0.1) > criterion(
        logits, truth, "cross-entropy"
    )


def test_a_batch_can_be_split():
    batch = np.arange(7)
    parts = split(batch, 3)
    assert [part.tolist() for part, _ in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [share for _, share in parts] == pytest.approx([3 / 7, 3 / 7, 1 / 7])
    assert len(split(batch, 16)) == 7
