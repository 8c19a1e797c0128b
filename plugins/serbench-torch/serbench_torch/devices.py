"""What the processor at hand does well: its threads, its precision, its random numbers."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

Precision = Literal["float32", "bfloat16"]

# the names under which x86 and ARM processors announce bfloat16 products in hardware
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


def precision(device: str, wanted: Literal["auto", "float32"] = "auto") -> Precision:
    """The precision to compute in: bfloat16 only where `device` multiplies it in hardware.

    Emulated bfloat16 is slower than float32 by more than an order of magnitude, and nothing
    but the clock tells, so the processor is asked before anything runs.

    Args:
        device: "cpu" or "cuda".
        wanted: "float32" computes in float32 everywhere, whatever the processor could do.
    """
    if wanted == "auto" and _multiplies_bfloat16(device):
        return "bfloat16"
    return "float32"


def _multiplies_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return any(_capabilities().get(name, False) for name in _BFLOAT16)


def _capabilities() -> Mapping[str, Any]:
    ask = getattr(torch.cpu, "get_capabilities", None)  # not in every torch that will do
    return ask() if ask is not None else {}


def autocast(device: str, chosen: Precision) -> torch.autocast:
    """The context in which a forward pass computes in `chosen`."""
    return torch.autocast(device, torch.bfloat16, enabled=chosen == "bfloat16")


def moved(tensor: Tensor, device: str | torch.device) -> Tensor:
    """A tensor of the CPU on a device; nobody waits for the copy."""
    place = torch.device(device)
    if place.type == "cuda":  # from memory that the system may page out, a copy is waited for
        tensor = tensor.pin_memory()
    return tensor.to(place, non_blocking=True)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Give torch `count` threads inside the block, and what it had before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def private_randomness(device: str) -> Iterator[None]:
    """Leave torch's random state as it was before the block.

    On CUDA convolutions use algorithms that repeat bit for bit, inside the block only.
    """
    if device != "cuda":
        with torch.random.fork_rng(devices=[]):
            yield
        return
    with torch.random.fork_rng(devices=[torch.cuda.current_device()]), _repeatable_convolutions():
        yield


def seed_randomness(device: str, seed: int) -> None:
    """Seed the generators that `private_randomness` restores, and no other device's."""
    torch.default_generator.manual_seed(seed)
    if device == "cuda":
        torch.cuda.manual_seed(seed)


def _repeatable_convolutions() -> contextlib.AbstractContextManager[None]:
    cudnn = torch.backends.cudnn
    context: contextlib.AbstractContextManager[None] = cudnn.flags(
        enabled=cudnn.enabled, deterministic=True, allow_tf32=cudnn.allow_tf32
    )
    return context
