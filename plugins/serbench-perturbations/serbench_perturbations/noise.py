"""Additive noise at a signal-to-noise ratio over the active part of the utterance."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.fft import next_fast_len
from scipy.signal import lfilter

from serbench import Wave
from serbench_perturbations import babble
from serbench_perturbations.ranges import require

Floats = npt.NDArray[np.float64]

RATE = 16_000
LOWEST = 20.0  # Hz; pink noise is flat below

# ITU-T P.56, section 8 (method B)
TIME_CONSTANT = 0.03  # seconds, of each of the two poles of the envelope
HANGOVER = 0.2  # seconds for which speech counts as active after the envelope has fallen
MARGIN = 15.9  # dB between the active level and the threshold of activity
THRESHOLDS = 2.0 ** np.arange(-24, 1)  # full scale is 1


class Noise:
    """Add noise at a signal-to-noise ratio.

    The signal's level is the active speech level of ITU-T P.56 (method B): pauses longer than 0.2 s
    do not count. The noise's level is its mean power over the utterance. A silent utterance gets no
    noise. Nothing is clipped.

    Babble is eight synthetic voices at a time. They say meaningless words in a neutral manner; no
    voice and no word is from a corpus.

    Args:
        snr: signal-to-noise ratio in dB, from -30 to 60.
        kind: the spectrum of the noise: white, pink (3 dB less per octave), or babble.
    """

    version = "1"

    def __init__(self, *, snr: float = 20.0, kind: Literal["white", "pink", "babble"] = "white"):
        require("snr", snr, -30, 60)
        self._snr, self._kind = snr, kind

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the wave with noise."""
        level = active_power(wave)
        if not level:
            return wave.copy()
        makers = {"white": white, "pink": pink, "babble": babble.babble}
        noise = makers[self._kind](len(wave), random)
        scale = np.sqrt(level / np.mean(noise**2) / 10 ** (self._snr / 10))
        return np.asarray(wave + scale * noise, dtype=np.float32)


def white(samples: int, random: np.random.Generator) -> Floats:
    """Draw normal noise with a flat spectrum."""
    return random.standard_normal(samples)


def pink(samples: int, random: np.random.Generator) -> Floats:
    """Draw normal noise whose power falls by 3 dB per octave."""
    length = next_fast_len(samples, real=True)
    spectrum = np.fft.rfft(random.standard_normal(length))
    frequencies = np.maximum(np.fft.rfftfreq(length, 1 / RATE), LOWEST)
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(frequencies), length)[:samples])


def active_power(wave: Wave) -> float:
    """Return the mean power of the active part of speech; 0 for silence.

    Source: ITU-T P.56 (12/2011), method B. The envelope is the rectified signal, smoothed twice.
    For each threshold, a sample is active if the envelope reached the threshold within the last
    0.2 s. The result is the energy over the active time of the threshold that is 15.9 dB below it,
    interpolated between thresholds that are 6 dB apart.
    """
    energy = float(np.sum(wave.astype(np.float64) ** 2))
    decay = np.exp(-1 / (RATE * TIME_CONSTANT))
    once = lfilter([1 - decay], [1, -decay], np.abs(wave).astype(np.float64))
    envelope = lfilter([1 - decay], [1, -decay], once)
    places = np.arange(len(wave))
    hangover = round(HANGOVER * RATE)
    before: tuple[float, float] | None = None  # level and excess at the lower threshold, in dB
    for threshold in THRESHOLDS:
        last = np.maximum.accumulate(np.where(envelope >= threshold, places, -hangover - 1))
        active = int(np.count_nonzero(places - last <= hangover))
        if not active:
            break
        level = 10 * np.log10(energy / active)
        excess = level - 20 * np.log10(threshold) - MARGIN
        if excess <= 0:
            if before is not None:  # the excess falls as the threshold rises
                share = before[1] / (before[1] - excess)
                level = before[0] + share * (level - before[0])
            return float(10 ** (level / 10))
        before = (level, excess)
    return energy / len(wave)  # too short or too faint for a threshold
