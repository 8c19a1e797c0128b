"""Choose the utterances that share a step of training."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from serbench_transformers.encoders.packing import Layout, Packed, Padded

Batching = Literal["packed", "sorted", "padded"]
Batch = npt.NDArray[np.int64]
"""Positions of utterances."""

LAYOUTS: Mapping[Batching, type[Layout]] = {"packed": Packed, "sorted": Padded, "padded": Padded}
MEGA = 50  # batches whose utterances are sorted together


def shuffled(count: int, size: int, random: np.random.Generator) -> list[Batch]:
    """Return one epoch of `count` utterances in random batches; the last may be smaller."""
    return cut(random.permutation(count), size)


def by_length(
    lengths: npt.NDArray[np.int64], size: int, random: np.random.Generator
) -> list[Batch]:
    """Return one epoch in batches of similar lengths, in random order; one may be smaller.

    The utterances of 50 random batches at a time are sorted, so the batches differ between epochs.
    """
    batches = [
        batch
        for mega in shuffled(len(lengths), MEGA * size, random)
        for batch in cut(mega[np.argsort(lengths[mega], kind="stable")], size)
    ]
    return [batches[place] for place in random.permutation(len(batches))]


def cut(order: Batch, size: int) -> list[Batch]:
    """Cut positions into batches of `size` utterances; the last may be smaller."""
    return [order[start : start + size] for start in range(0, len(order), size)]
