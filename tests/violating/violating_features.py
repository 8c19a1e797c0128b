"""A feature that keeps its contract, and one for each check that breaks just that demand."""

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

HOP = 160  # samples


class CleanFeature:
    """How loud each hundredth of a second is, in decibels, and how it changes: (2, frames)."""

    version: Any = "1"

    def __init__(self, *, floor: float = -80.0) -> None:
        self.floor = floor

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """One array a wave."""
        return [self.of(wave) for wave in waves]

    def of(self, wave: Any) -> Any:
        """The array of one wave."""
        frames = np.pad(wave, (0, -len(wave) % HOP)).reshape(-1, HOP)
        level = 10 * np.log10(np.square(frames).mean(axis=1) + 10 ** (self.floor / 10))
        return np.stack([level, np.gradient(level)]).astype(np.float32)


class UnversionedFeature(CleanFeature):
    """Violates is_made."""

    version = None


class MisreadingFeature(CleanFeature):
    """Violates is_made."""

    reads = "text"


class UnannotatedFeature(CleanFeature):
    """Violates parameters_are_annotated."""

    def __init__(self, *, floor=-80.0) -> None:
        super().__init__(floor=floor)


class DoubleFeature(CleanFeature):
    """Violates arrays: it gives float64."""

    def of(self, wave: Any) -> Any:
        """Twice as wide."""
        return super().of(wave).astype(np.float64)


class CountingFeature(CleanFeature):
    """Violates repeats_itself."""

    calls = 0

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """A little more with each call."""
        CountingFeature.calls += 1
        return [
            array + np.float32(0.001 * CountingFeature.calls) for array in super().__call__(waves)
        ]


class SeedingFeature(CleanFeature):
    """Violates random_state."""

    def of(self, wave: Any) -> Any:
        """With dither that is always the same."""
        np.random.seed(0)
        return super().of(wave + np.random.normal(0, 1e-6, len(wave)))


class SocialFeature(CleanFeature):
    """Violates neighbours: it normalises over the batch."""

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """Less the mean of all, worked out in an order that does not matter."""
        arrays = super().__call__(waves)
        mean = np.float32(np.mean(sorted(float(array.mean()) for array in arrays)))
        return [array - mean for array in arrays]


class PaddedFeature(CleanFeature):
    """Violates neighbours in another way: arrays are as long as the longest."""

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """Of waves continued with zeros."""
        longest = max(map(len, waves))
        return super().__call__([np.pad(wave, (0, longest - len(wave))) for wave in waves])


class SortedFeature(CleanFeature):
    """Violates place: it sorts by length, and returns them so; of one wave there is one order."""

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """Where there are several, two that follow each other change places if the first is odd."""
        arrays = super().__call__(waves)
        if len(arrays) > 2 and len(waves[0]) > len(waves[-1]):
            arrays[0], arrays[1] = arrays[1], arrays[0]
        return arrays


class RaggedFeature(CleanFeature):
    """Violates shapes: the longer the wave, the more rows."""

    def of(self, wave: Any) -> Any:
        """Another row from 0.7 s on."""
        array = super().of(wave)
        return np.vstack([array, array[:1]]) if len(wave) > 11_200 else array


class PickyFeature(CleanFeature):
    """Violates one of the four checks of unusual inputs, by the parameter `dislikes`."""

    def __init__(self, *, dislikes: str = "") -> None:
        super().__init__()
        self.dislikes = dislikes

    def of(self, wave: Any) -> Any:
        """An error or nonsense where there should be an array."""
        array = super().of(wave)
        if self.dislikes == "short" and len(wave) < 2000:
            raise ValueError("window is longer than the wave")
        if self.dislikes == "long" and len(wave) > 100_000:
            return array.ravel()
        if self.dislikes == "silent" and not wave.any():
            return array * np.float32(np.nan)
        if self.dislikes == "constant" and wave.any() and not np.ptp(wave):
            return array * np.float32(np.inf)
        return array


class WritingFeature(CleanFeature):
    """Violates leaves_waves_alone."""

    def of(self, wave: Any) -> Any:
        """Of the wave without its mean, taken away in its place."""
        wave -= wave.mean()
        return super().of(wave)


class SharedFeature(CleanFeature):
    """Violates threads: what it works on is kept in the object."""

    def of(self, wave: Any) -> Any:
        """Of whatever wave is the current one when it comes to that."""
        self.current = wave
        time.sleep(0.002)
        return super().of(self.current)


class FlatteningFeature(CleanFeature):
    """Violates shapes in another way: from 0.7 s on it is a vector."""

    def of(self, wave: Any) -> Any:
        """Flat, where it is long."""
        array = super().of(wave)
        return array.ravel() if 11_200 < len(wave) < 100_000 else array


class MuteFeature:
    """Violates is_made in another way: it cannot be called."""

    version = "1"


class Both(CleanFeature):
    """Has the name of a model."""


class PerilousFeature(CleanFeature):
    """Never ends where a wave is short, ends its process where one is silent, and writes."""

    def of(self, wave: Any) -> Any:
        """Wait for ever, die, or take the mean away in its place."""
        while len(wave) < 2000:
            time.sleep(1)
        if not wave.any():
            os._exit(7)
        wave -= wave.mean()
        return super().of(wave)
