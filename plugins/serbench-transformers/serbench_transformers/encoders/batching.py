"""Which utterances share a step of training, and how they are laid into one tensor."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from serbench_transformers.encoders.layout import Layout
from serbench_transformers.encoders.packing import Packed, Padded

Batching = Literal["packed", "sorted", "padded"]
Batch = npt.NDArray[np.int64]
"""Positions of utterances."""

LAYOUTS: Mapping[Batching, type[Layout]] = {"packed": Packed, "sorted": Padded, "padded": Padded}
MEGA = 50  # batches whose utterances are sorted together


def shuffled(count: int, size: int, random: np.random.Generator) -> list[Batch]:
    """One epoch: every utterance once, in random batches.

    Args:
        count: how many utterances there are.
        size: utterances in a batch; the last may have fewer.
        random: where chance comes from.
    """
    return cut(random.permutation(count), size)


def by_length(
    lengths: npt.NDArray[np.int64], size: int, random: np.random.Generator
) -> list[Batch]:
    """One epoch: every utterance once, in batches of like lengths, these in random order.

    Sorted are the utterances of 50 random batches at a time, so that each epoch has others.

    Args:
        lengths: of the utterances, in whatever unit.
        size: utterances in a batch; one of them may have fewer.
        random: where chance comes from.
    """
    together = shuffled(len(lengths), MEGA * size, random)
    made = [
        batch
        for each in together
        for batch in cut(each[np.argsort(lengths[each], kind="stable")], size)
    ]
    return [made[place] for place in random.permutation(len(made))]


def cut(order: Batch, size: int) -> list[Batch]:
    """Parts of so many utterances; the last may have fewer."""
    return [order[start : start + size] for start in range(0, len(order), size)]
