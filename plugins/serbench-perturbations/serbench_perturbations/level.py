"""Perturbations of level and silence: gain, clipping, padding."""

from typing import Literal

import numpy as np

from serbench import Wave
from serbench_perturbations.ranges import require

RATE = 16_000


class Gain:
    """Change the level of the wave; nothing is clipped.

    Args:
        db: gain in dB, from -100 to 100.
    """

    version = "1"

    def __init__(self, *, db: float = -20.0):
        require("db", db, -100, 100)
        self._factor = np.float32(10 ** (db / 20))

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the wave times a factor."""
        return wave * self._factor


class Clipping:
    """Clip the loudest samples, as an overloaded recorder does.

    Args:
        percent: share of samples to clip, from 0.01 to 90; samples of equal level are clipped
            together or not at all.
    """

    version = "1"

    def __init__(self, *, percent: float = 10.0):
        require("percent", percent, 0.01, 90)
        self._share = percent / 100

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the clipped wave."""
        levels = np.abs(wave)
        kept = len(wave) - 1 - round(self._share * len(wave))  # position of the loudest other one
        limit = np.partition(levels, kept)[kept]
        return np.clip(wave, -limit, limit)


class Padding:
    """Add digital silence.

    With the default `--trim-db 60`, serbench trims it off again, so only models that read audio
    with `--trim-db none` receive it.

    Args:
        seconds: length of the silence on each side, from 0.001 to 30.
        side: where the silence is.
    """

    version = "1"

    def __init__(self, *, seconds: float = 1.0, side: Literal["both", "before", "after"] = "both"):
        require("seconds", seconds, 0.001, 30)
        samples = round(seconds * RATE)
        self._padding = (samples * (side != "after"), samples * (side != "before"))

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the longer wave."""
        return np.pad(wave, self._padding)
