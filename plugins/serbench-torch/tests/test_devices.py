import numpy as np
import pytest
import torch

from serbench_torch import devices


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({"avx512_f": True, "avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_bfloat16_only_where_the_processor_announces_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert devices.precision("cpu") == expected


def test_float32_can_be_had_everywhere(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    assert devices.precision("cpu", "float32") == "float32"


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert devices.precision("cpu") == "float32"


def test_this_processor_gets_what_it_announces():
    announced = torch.cpu.get_capabilities()
    native = any(announced.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    assert devices.precision("cpu") == ("bfloat16" if native else "float32")


@pytest.mark.parametrize("chosen", ["float32", "bfloat16"])
def test_autocast_computes_in_the_chosen_precision(chosen):
    weights = torch.ones(2, 2)
    with devices.autocast("cpu", chosen):
        assert (weights @ weights).dtype == getattr(torch, chosen)


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_a_moved_tensor_is_the_same(device):
    assert torch.equal(devices.moved(torch.arange(3), device), torch.arange(3))
    assert devices.moved(torch.arange(3), "meta").is_meta


def test_threads_are_given_back_even_after_an_error():
    before, inside = torch.get_num_threads(), 0

    def fail():
        nonlocal inside
        inside = torch.get_num_threads()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), devices.threads(before + 1):
        fail()
    assert (inside, torch.get_num_threads()) == (before + 1, before)


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
