"""The shape of a preset's checkpoint, with which its speed is measured without its weights."""

import json

import numpy as np
import pytest
import torch

from serbench_transformers.checkpoints import checkpoint as checkpoints
from serbench_transformers.checkpoints import loading, presets
from serbench_transformers.encoders.preprocessor import Preprocessor
from serbench_transformers.finetuning.transformer import Transformer
from serbench_transformers.probing.layers import Layers

WAVE = np.zeros(8000, np.float32)


def test_a_preset_is_rehearsed_without_its_checkpoint(tmp_path):
    given = {"checkpoint": "openai/whisper-base", "recipe": "tuned"}
    replaced = Transformer.rehearsed(given, tmp_path)
    assert replaced["weights"] == "random"
    exact = loading.exact({**given, **replaced})
    assert exact["checkpoint"] == "whisper-base"
    assert Layers.rehearsed(given, tmp_path) == replaced


@pytest.mark.parametrize("checkpoint", ["", "somebody/unknown", "/some/folder"])
def test_what_is_no_preset_stays_as_it_is(tmp_path, checkpoint):
    assert presets.without_weights({"checkpoint": checkpoint}, tmp_path) == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda one: one.name)
def test_the_shape_of_a_preset_has_as_many_parameters(tmp_path, preset):
    from transformers import AutoConfig, AutoModelForAudioClassification

    replaced = presets.without_weights({"checkpoint": preset.checkpoint}, tmp_path)
    config = AutoConfig.from_pretrained(replaced["checkpoint"])
    with torch.device("meta"):
        model = AutoModelForAudioClassification.from_config(config)
    encoder = model.encoder if config.model_type == "whisper" else model.base_model
    size = sum(one.numel() for one in encoder.parameters()) / 1e6
    assert size == pytest.approx(preset.parameters, rel=0.01)


def test_the_shape_of_a_preset_reads_waves(tmp_path):
    for name, shape in (("openai/whisper-tiny.en", (80, 50)), ("facebook/wav2vec2-base", (8000,))):
        replaced = presets.without_weights({"checkpoint": name}, tmp_path)
        folder = checkpoints.resolve(replaced["checkpoint"], weights=False).folder
        assert Preprocessor(folder)(WAVE).shape == shape
        assert json.loads((folder / "config.json").read_text())["model_type"]
