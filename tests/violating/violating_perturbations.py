"""A perturbation that keeps its contract, and one for each check that breaks just that demand."""

from typing import Any

import numpy as np


class CleanPerturbation:
    """Adds faint noise."""

    version: Any = "1"

    def __init__(self, *, level: float = 0.01) -> None:
        self.level = level

    def __call__(self, wave: Any, random: Any) -> Any:
        """The wave and the noise."""
        return (wave + self.level * random.standard_normal(len(wave))).astype(np.float32)


class UnversionedPerturbation(CleanPerturbation):
    """Violates is_made."""

    version = None


class UnannotatedPerturbation(CleanPerturbation):
    """Violates parameters_are_annotated."""

    def __init__(self, *, level=0.01) -> None:
        super().__init__(level=level)


class DoublePerturbation(CleanPerturbation):
    """Violates waves: it gives float64."""

    def __call__(self, wave: Any, random: Any) -> Any:
        """Twice as wide."""
        return super().__call__(wave, random).astype(np.float64)


class IdlePerturbation(CleanPerturbation):
    """Violates waves in another way: nothing changes."""

    def __call__(self, wave: Any, random: Any) -> Any:
        """The wave itself."""
        return wave


class CountingPerturbation(CleanPerturbation):
    """Violates repeats_itself."""

    calls = 0

    def __call__(self, wave: Any, random: Any) -> Any:
        """A little louder with each call."""
        CountingPerturbation.calls += 1
        return wave * np.float32(1 + 0.001 * CountingPerturbation.calls)


class SeedingPerturbation(CleanPerturbation):
    """Violates random_state."""

    def __call__(self, wave: Any, random: Any) -> Any:
        """With noise that is always the same."""
        np.random.seed(0)
        return (wave + np.random.normal(0, self.level, len(wave))).astype(np.float32)


class PickyPerturbation(CleanPerturbation):
    """Violates one of the four checks of unusual inputs, by the parameter `dislikes`."""

    def __init__(self, *, dislikes: str = "") -> None:
        super().__init__()
        self.dislikes = dislikes

    def __call__(self, wave: Any, random: Any) -> Any:
        """An error or nonsense where there should be a wave."""
        if self.dislikes == "short" and len(wave) < 2000:
            raise ValueError("window is longer than the wave")
        if self.dislikes == "long" and len(wave) > 100_000:
            return wave[:0]
        if self.dislikes == "silent" and not wave.any():
            return wave * np.float32(np.nan)
        if self.dislikes == "constant" and wave.any() and not np.ptp(wave):
            return wave * np.float32(np.inf)
        return super().__call__(wave, random)


class WritingPerturbation(CleanPerturbation):
    """Violates leaves_waves_alone."""

    def __call__(self, wave: Any, random: Any) -> Any:
        """Quieter, in its place."""
        wave *= 0.5
        return wave


class MutePerturbation:
    """Cannot be called."""

    version = "1"
