"""AlexNet counts its own operations, for `serbench bench`."""

import numpy as np
import pytest
import torch

from serbench_alexnet.alexnet import AlexNetMel
from serbench_alexnet.network import AlexNet
from serbench_alexnet.scoring import Scorer
from serbench_alexnet.spectrograms import Scale


@pytest.fixture
def model():
    made = AlexNetMel(("a", "b", "c"), 0, width=1.0)
    scale = Scale(torch.zeros(64), torch.ones(64))
    made._facts = {"threads": 1}
    made._scorer = Scorer(AlexNet(3, width=0.05), scale, 460, -100.0, "cpu")
    return made


def _forward(frames, labels):
    """By the formula: 2 x channels in x out x kernel x positions, and 2 x in x out of layers."""
    rows, columns, total, convolutions = 64, frames, 0, []
    for inside, outside, kernel, stride, padding, pooled in (
        (1, 64, 11, 4, 2, True),
        (64, 192, 5, 1, 2, True),
        (192, 384, 3, 1, 1, False),
        (384, 256, 3, 1, 1, False),
        (256, 256, 3, 1, 1, True),
    ):
        rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (rows, columns))
        convolutions.append(2 * inside * outside * kernel**2 * rows * columns)
        if pooled:
            rows, columns = ((side - 3) // 2 + 1 for side in (rows, columns))
    total = sum(convolutions) + 2 * (9216 * 4096 + 4096 * 4096 + 4096 * labels)
    return total, convolutions[0]


def test_operations_are_those_of_the_formulas(model):
    inputs = [np.zeros((64, 300), np.float32)] * 3
    forward, first = _forward(460, 3)
    assert model.flops(inputs, False) == 3 * forward
    # nobody wants the gradient of the spectrograms
    assert model.flops(inputs, True) == 3 * (3 * forward - first)


def test_a_long_utterance_is_learned_from_one_window_and_scored_in_several(model):
    long = [np.zeros((64, 900), np.float32)]
    assert model.flops(long, False) == 2 * _forward(460, 3)[0]
    assert model.flops(long, True) == model.flops([np.zeros((64, 10), np.float32)], True)
