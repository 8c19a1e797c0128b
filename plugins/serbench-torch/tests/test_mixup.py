import numpy as np
import pytest
import torch
from torch.nn import functional

from serbench import BadParameter
from serbench_torch.mixup import Mixup
from serbench_torch.training import epoch_seed


def _batch(count=100, labels=4):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 1, 3, 5, generator=generator)
    return inputs, functional.one_hot(torch.arange(count) % labels, labels).float()


def _random(epoch=1):
    return np.random.default_rng(epoch_seed(0, epoch))


def test_inputs_and_targets_are_mixed_with_the_same_weights():
    inputs, targets = _batch()
    # the inputs are a linear function of the targets, and so must be their mixtures
    linear = targets @ torch.arange(20.0).reshape(4, 5)
    mixed, soft = Mixup()(linear, targets, _random())
    assert torch.allclose(mixed, soft @ torch.arange(20.0).reshape(4, 5), atol=1e-5)
    assert soft.sum(axis=1) == pytest.approx(1.0)
    assert not torch.equal(soft, targets)
    mixed, soft = Mixup()(inputs, targets, _random())
    assert mixed.shape == inputs.shape
    assert mixed.dtype == torch.float32


def test_weights_are_those_of_the_beta_distribution():
    count, alpha = 40_000, 0.4
    targets = torch.eye(2)[torch.arange(count) % 2]
    _, soft = Mixup(alpha)(targets, targets, _random())
    own = soft[torch.arange(count), torch.arange(count) % 2]
    others = own[own < 1]  # half of the partners have the other label
    assert len(others) / count == pytest.approx(0.5, abs=0.01)
    assert float(others.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(others.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=0.005)


def test_mixtures_depend_only_on_seed_and_epoch():
    first = Mixup()(*_batch(), _random())
    torch.rand(3)  # whatever was drawn before does not matter
    again, other = Mixup()(*_batch(), _random()), Mixup()(*_batch(), _random(epoch=2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_the_bits_do_not_depend_on_threads():
    inputs, targets = torch.randn(64, 1, 64, 300, generator=torch.Generator()), _batch(64)[1]
    before, mixed = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            mixed.append(Mixup()(inputs, targets, _random())[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*mixed)


def test_an_impossible_alpha_is_refused():
    with pytest.raises(BadParameter, match="alpha=0.0 of mixup must be greater than 0"):
        Mixup(0.0)
