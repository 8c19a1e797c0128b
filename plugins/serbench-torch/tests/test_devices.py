import numpy as np
import pytest
import torch

from serbench_torch import devices


@pytest.mark.parametrize("chosen", ["float32", "bfloat16"])
def test_autocast_computes_in_the_chosen_precision(chosen):
    weights = torch.ones(2, 2)
    with devices.autocast("cpu", chosen):
        assert (weights @ weights).dtype == getattr(torch, chosen)


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_a_moved_tensor_is_the_same(device):
    assert torch.equal(devices.moved(torch.arange(3), device), torch.arange(3))
    assert devices.moved(torch.arange(3), "meta").is_meta


def test_inside_the_block_threads_are_so_many_and_float32_is_exact():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    before, inside = torch.get_num_threads(), []

    def fail():
        inside.extend([torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32])
        inside.append(torch.backends.cudnn.allow_tf32)
        raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError), devices.arithmetic(before + 1):
            fail()
        assert inside == [before + 1, False, False]
        assert torch.get_num_threads() == before
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def test_private_randomness_leaves_the_global_state():
    torch.manual_seed(1)
    np.random.seed(1)
    expected, state = torch.rand(3), np.random.get_state()[1].copy()
    torch.manual_seed(1)
    with devices.private_randomness("cpu"):
        devices.seed_randomness("cpu", 99)
        torch.rand(5)
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(np.random.get_state()[1], state)


def test_a_seed_fixes_the_draws():
    draws = []
    for seed in (1, 1, 2):
        with devices.private_randomness("cpu"):
            devices.seed_randomness("cpu", seed)
            draws.append(torch.rand(4))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
