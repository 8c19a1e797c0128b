"""Perturbations of time and pitch: speed, tempo, pitch."""

from typing import Any

import numpy as np

from serbench import BadParameter, Wave
from serbench_perturbations.channel import fitted
from serbench_perturbations.ranges import require

RATE = 16_000
# of the phase vocoder: frames of 32 ms, as usual for speech
FRAMES = {"n_fft": 512, "hop_length": 128}


class Speed:
    """Play the wave faster or slower by resampling: tempo and pitch change together.

    Source: Ko et al., Audio augmentation for speech recognition (2015).

    Args:
        factor: factor of the speed, from 0.5 to 2, not 1; 2 halves the duration.
    """

    version = "1"

    def __init__(self, *, factor: float = 1.1):
        _require_factor(factor)
        self._factor = factor

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the resampled wave."""
        import soxr

        return np.asarray(soxr.resample(wave, RATE * self._factor, RATE, quality="HQ"))


class Tempo:
    """Speak faster or slower at the same pitch, by librosa's phase vocoder.

    Args:
        factor: factor of the tempo, from 0.5 to 2, not 1; 2 halves the duration.
    """

    version = "1"

    def __init__(self, *, factor: float = 1.1):
        _require_factor(factor)
        self._factor = factor

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the stretched wave."""
        import librosa

        stretched = librosa.effects.time_stretch(_long(wave), rate=self._factor, **FRAMES)
        return fitted(stretched, max(1, round(len(wave) / self._factor)))


class Pitch:
    """Raise or lower the pitch, and with it the formants, at the same tempo.

    The method is librosa's: a phase vocoder stretches the wave, which is then resampled.

    Args:
        semitones: semitones to shift by, from -12 to 12, not 0.
    """

    version = "1"

    def __init__(self, *, semitones: float = 2.0):
        require("semitones", semitones, -12, 12)
        if not semitones:
            raise BadParameter("semitones is 0, which changes nothing")
        self._semitones = semitones

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the shifted wave, as long as before."""
        import librosa

        options: Any = {"sr": RATE, "n_steps": self._semitones, "res_type": "soxr_hq", **FRAMES}
        return fitted(librosa.effects.pitch_shift(_long(wave), **options), len(wave))


def _require_factor(factor: float) -> None:
    require("factor", factor, 0.5, 2)
    if factor == 1:
        raise BadParameter("factor is 1, which changes nothing")


def _long(wave: Wave) -> Wave:
    """Add silence to a wave that is shorter than a frame of the phase vocoder."""
    return fitted(wave, max(len(wave), FRAMES["n_fft"]))
