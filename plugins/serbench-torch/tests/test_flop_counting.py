"""Arithmetic is counted as the formulas have it, and a machine's peak is measured."""

import pytest
import torch
from torch import nn

from serbench_torch import flop_counting


def test_a_multiply_add_is_two_operations():
    left, right = torch.ones(3, 5), torch.ones(5, 7)
    assert flop_counting.flops(lambda: left @ right, training=False) == 2 * 3 * 5 * 7


@pytest.mark.parametrize("groups", [1, 4])
def test_a_convolution_is_three_of_its_products_in_training_whatever_its_groups(groups):
    with torch.device("meta"):
        convolution = nn.Conv1d(8, 8, 3, padding=1, groups=groups)
        inputs = torch.empty(2, 8, 50, requires_grad=True)
    forward = 2 * (2 * 8 * 50) * (8 // groups * 3)
    assert flop_counting.flops(lambda: convolution(inputs), training=False) == forward
    assert flop_counting.flops(lambda: convolution(inputs), training=True) == 3 * forward


def test_no_gradient_is_counted_that_nobody_wants():
    with torch.device("meta"):
        convolution, inputs = nn.Conv1d(8, 8, 3, padding=1), torch.empty(2, 8, 50)
    forward = flop_counting.flops(lambda: convolution(inputs), training=False)
    assert flop_counting.flops(lambda: convolution(inputs), training=True) == 2 * forward


def test_a_machine_multiplies_at_some_speed(monkeypatch):
    monkeypatch.setattr(flop_counting, "SECONDS", 0.05)
    before = torch.get_num_threads()
    assert flop_counting.peak("cpu", "float32", 1) > 1e8
    assert torch.get_num_threads() == before
