"""Networks count their own operations."""

import numpy as np
import pytest

from serbench_transformers.checkpoints import checkpoint as checkpoints
from serbench_transformers.checkpoints import loading
from serbench_transformers.finetuning import flops
from serbench_transformers.finetuning.network import Network

WAVE = np.zeros(8000, np.float32)


def _network(folder, frozen):
    found = checkpoints.resolve(str(folder))
    model = loading.classifier(found, ("a", "b"), head="linear")
    model.projector.requires_grad_(False)
    return Network(model, loading.encoder_of(model, found.folder), frozen).eval()


def _of_layer(frames, width=16, inside=24):
    """Projections of attention, attention itself, feed-forward."""
    return 2 * frames * (4 * width**2 + 2 * width * inside) + 4 * frames**2 * width


def test_operations_of_the_layers_are_those_of_the_formula(folders):
    network = _network(folders("whisper"), 1)  # one of two layers is no part of training
    frames = 25
    one, all_ = (flops.flops(network, [WAVE], training=training) for training in (True, False))
    head = 2 * 16 * 2
    convolutions = 2 * 2 * frames * 16 * 80 * 3 + 2 * frames * 16 * 16 * 3
    assert all_ == pytest.approx(convolutions + 2 * _of_layer(frames) + head, rel=0.02)
    # a gradient of weights and one of inputs, but for those of what is frozen
    assert 2 * _of_layer(frames) < one < 3.3 * (_of_layer(frames) + head)


@pytest.mark.parametrize("kind", ["wav2vec2-group-norm", "wavlm"])
def test_training_what_was_frozen_costs_more_and_two_utterances_twice_as_much(folders, kind):
    whole, above = (
        flops.flops(_network(folders(kind), frozen), [WAVE], training=True) for frozen in (-1, 0)
    )
    assert whole > above or kind == "wavlm"  # it is computed as a whole
    network = _network(folders(kind), 0)
    assert flops.flops(network, [WAVE, WAVE], training=True) == 2 * above
    assert not any(each.is_meta for each in network.parameters())
