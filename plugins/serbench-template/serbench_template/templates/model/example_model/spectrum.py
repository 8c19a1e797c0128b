"""Compute the model's input: how loud the bands of an utterance are, and how much this varies."""

import numpy as np
from serbench import Array, Wave

RATE = 16_000  # Hz, what serbench reads
FRAME, HOP = 400, 160  # samples: 25 ms, every 10 ms
QUIET = 1e-6  # added to every energy, so that silence has a logarithm


def summary(wave: Wave, bands: int) -> Array:
    """Compute mean and standard deviation over time of the log energy of each band.

    Args:
        wave: (samples,) at 16 kHz; a wave shorter than a frame is padded with zeros.
        bands: the number of bands, equally wide in mel, from 0 to 8 kHz.

    Returns:
        (2 * bands,) float64.
    """
    padded = np.pad(wave, (0, max(0, FRAME - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME))) ** 2  # (frames, frequencies)
    level = np.log(np.add.reduceat(power, edges(bands), axis=1) + QUIET)  # (frames, bands)
    return np.concatenate([level.mean(axis=0), level.std(axis=0)])


def edges(bands: int) -> Array:
    """Return the first frequency of each band, as its position in a frame's spectrum."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)  # mel
    hertz = 700 * (10 ** (np.arange(bands) * highest / bands / 2595) - 1)
    return np.asarray(hertz * FRAME / RATE, dtype=int)
