import pytest
import torch
from torch import nn

from serbench_alexnet.dense import Dense


@pytest.fixture
def pair():
    """A `Dense` and an `nn.Linear` with the same weights."""
    torch.manual_seed(0)
    ours, theirs = Dense(30, 20), nn.Linear(30, 20)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def _backward(layer, inputs):
    inputs = inputs.clone().requires_grad_()
    layer(inputs).relu().square().sum().backward()
    return inputs.grad


def test_outputs_and_gradients_are_those_of_a_linear_layer(pair):
    ours, theirs = pair
    inputs = torch.randn(16, 30)
    torch.testing.assert_close(ours(inputs), theirs(inputs))
    torch.testing.assert_close(_backward(ours, inputs), _backward(theirs, inputs))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_gradients_of_several_batches_add_up(pair):
    ours, theirs = pair
    for _ in range(3):
        inputs = torch.randn(4, 30)
        _backward(ours, inputs)
        _backward(theirs, inputs)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


def test_the_gradients_memory_is_used_again(pair):
    ours, _ = pair
    places = set()
    for _ in range(3):
        ours.zero_grad(set_to_none=True)
        _backward(ours, torch.randn(4, 30))
        places.add(ours.weight.grad.data_ptr())
    assert len(places) == 1


def test_a_forgotten_gradient_is_not_added_to(pair):
    ours, theirs = pair
    _backward(ours, torch.randn(4, 30))
    ours.zero_grad(set_to_none=True)
    inputs = torch.randn(4, 30)
    _backward(ours, inputs)
    _backward(theirs, inputs)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


def test_bfloat16_is_left_to_the_linear_layer(pair):
    ours, theirs = pair
    inputs = torch.randn(4, 30)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(inputs), theirs(inputs))
