"""Watch the global random states of this process, and restore them."""

import contextlib
import random
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


@contextlib.contextmanager
def watched(draws: int = 1) -> Iterator[list[str]]:
    """Yield a list that names, after the block, the global random states that the block changed.

    All are restored. Torch's is watched only if torch is loaded already.

    Args:
        draws: numbers drawn from each before the block. Code that uses a state then gets other
            numbers, and code that seeds it as an earlier block did is noticed all the same.
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
    """Return the states as values that can be compared."""
    name, keys, *rest = states["numpy.random"]
    contents = {**states, "numpy.random": (name, keys.tobytes(), *rest)}
    if "torch" in states:
        contents["torch"] = states["torch"].numpy().tobytes()
    return contents
