"""Detect changes of this process's global random states, and restore the states."""

import contextlib
import random
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


@contextlib.contextmanager
def watched(draws: int = 1) -> Iterator[list[str]]:
    """Yield an empty list; after the block it names the global random states that have changed.

    All states are restored. Torch's is included only if torch is already imported.

    Args:
        draws: how many numbers to draw from each state before the block, so that code that uses a
            state gets other numbers than usual, and seeding it like an earlier block is a change.
    """
    torch, before = sys.modules.get("torch"), _states()
    for _ in range(draws):
        random.random()
        np.random.random()
        if torch is not None:
            torch.rand(1)
    started = _contents(_states())
    touched: list[str] = []
    try:
        yield touched
    finally:
        now = _contents(_states())
        touched += [name for name, content in started.items() if now[name] != content]
        random.setstate(before["random"])
        np.random.set_state(before["numpy.random"])
        if torch is not None:
            torch.set_rng_state(before["torch"])


def _states() -> Mapping[str, Any]:
    states: dict[str, Any] = {"random": random.getstate(), "numpy.random": np.random.get_state()}
    if (torch := sys.modules.get("torch")) is not None:
        states["torch"] = torch.get_rng_state()
    return states


def _contents(states: Mapping[str, Any]) -> Mapping[str, object]:
    """Return the states as values that == can compare."""
    name, keys, *rest = states["numpy.random"]
    contents = {**states, "numpy.random": (name, keys.tobytes(), *rest)}
    if "torch" in states:
        contents["torch"] = states["torch"].numpy().tobytes()
    return contents
