"""The global random states of this process: whether something touched them, and as they were."""

import contextlib
import random
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


@contextlib.contextmanager
def watched(draws: int = 1) -> Iterator[list[str]]:
    """Yield a list that says, when the block is over, which global random states it changed.

    They are put back as they were before. Torch's counts only where torch is loaded already.

    Args:
        draws: numbers drawn from each before the block. Whoever uses them gets others, and
            whoever seeds them as an earlier block did leaves them changed all the same.
    """
    before = _states()
    for _ in range(draws):
        _draw()
    started = _words()
    touched: list[str] = []
    try:
        yield touched
    finally:
        now = _words()
        touched += [name for name, words in started.items() if now[name] != words]
        _restore(before)


def _torch() -> Any:
    return sys.modules.get("torch")


def _states() -> Mapping[str, Any]:
    states: dict[str, Any] = {"random": random.getstate(), "numpy.random": np.random.get_state()}
    if (torch := _torch()) is not None:
        states["torch"] = torch.get_rng_state()
    return states


def _words() -> Mapping[str, bytes]:
    """The states as something that can be compared."""
    states = dict(_states())
    words = {"random": repr(states["random"]).encode()}
    name, keys, *rest = states["numpy.random"]
    words["numpy.random"] = repr((name, rest)).encode() + keys.tobytes()
    if "torch" in states:
        words["torch"] = states["torch"].numpy().tobytes()
    return words


def _draw() -> None:
    random.random()
    np.random.random()
    if (torch := _torch()) is not None:
        torch.rand(1)


def _restore(states: Mapping[str, Any]) -> None:
    random.setstate(states["random"])
    np.random.set_state(states["numpy.random"])
    if "torch" in states:
        _torch().set_rng_state(states["torch"])
