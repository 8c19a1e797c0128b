"""Set torch's threads, precision and random state inside a block."""

import contextlib
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

Precision = Literal["float32", "bfloat16"]

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
"""The `precisions` of a model that can train in both; see `serbench.contracts.Model`."""


def autocast(device: str, precision: str) -> torch.autocast:
    """Return the context in which a forward pass computes in `precision`."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")


def moved(tensor: Tensor, device: str | torch.device) -> Tensor:
    """Copy a CPU tensor to a device without waiting for the copy."""
    place = torch.device(device)
    if place.type == "cuda":  # copies from pageable memory would wait
        tensor = tensor.pin_memory()
    return tensor.to(place, non_blocking=True)


@contextlib.contextmanager
def arithmetic(threads: int) -> Iterator[None]:
    """Compute with `threads` threads in the block, and float32 products in float32, not TF32."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.get_num_threads(), products.allow_tf32, convolutions.allow_tf32
    torch.set_num_threads(threads)
    products.allow_tf32 = convolutions.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        products.allow_tf32, convolutions.allow_tf32 = before[1:]


@contextlib.contextmanager
def private_randomness(device: str) -> Iterator[None]:
    """Leave torch's random state as it was before the block.

    Inside the block, convolutions on CUDA use algorithms that repeat bit for bit.
    """
    if device != "cuda":
        with torch.random.fork_rng(devices=[]):
            yield
        return
    cudnn = torch.backends.cudnn
    repeatable = cudnn.flags(enabled=cudnn.enabled, deterministic=True, allow_tf32=cudnn.allow_tf32)
    with torch.random.fork_rng(devices=[torch.cuda.current_device()]), repeatable:
        yield


def seed_randomness(device: str, seed: int) -> None:
    """Seed only the generators that `private_randomness` restores."""
    torch.default_generator.manual_seed(seed)
    if device == "cuda":
        torch.cuda.manual_seed(seed)
