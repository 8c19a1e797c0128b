"""The feature `recording`: how an utterance was recorded, without what is heard in it."""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serbench import Recording

EDGES = (0, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000, 24_000)  # Hz, of the bands of noise
QUIETEST = 0.05  # share of the frames that are taken for noise
FRAME = 0.02  # seconds
FLOOR = 1e-12  # power of digital silence: -120 dB
QUIET = 1e-6  # power relative to the loudest frame, -60 dB: silence before and after speech


class RecordingChain:
    """Rate, channels, bits, length, silence, offset and noise of a file, float32, (17,).

    Noise is what remains in the quietest 5 % of frames of 20 ms: its level, and that of nine bands,
    in dB relative to full scale. The level of the speech itself is left out, since it tells anger
    from sadness. The length does so too, a little: short of pauses, angry speech is faster.
    `names` lists the values in order. Computed in double precision.
    """

    version = "1"
    time_axis = None
    reads = "recording"

    names = (
        *("rate", "channels", "bits", "seconds", "before", "after", "offset", "noise"),
        *(f"noise.{low}-{high}" for low, high in itertools.pairwise(EDGES)),
    )

    def __call__(self, recordings: Sequence[Recording]) -> list[npt.NDArray[np.float32]]:
        """Compute one vector, shape (len(names),), for each recording."""
        return [np.array(_values(each.samples, each.rate), np.float32) for each in recordings]


def _values(samples: npt.NDArray[np.number], rate: int) -> list[float]:
    waves = samples / 32768 if samples.dtype == np.int16 else samples.astype(np.float64)
    size = min(len(waves), max(1, round(FRAME * rate)))
    frames = waves[: len(waves) // size * size].reshape(-1, size, waves.shape[1])
    frames = frames - frames.mean(axis=1, keepdims=True)
    power = np.square(frames).mean(axis=(1, 2))  # (frames,)
    loud = np.flatnonzero(power >= QUIET * power.max())
    noise = frames[np.argsort(power, kind="stable")[: max(1, int(QUIETEST * len(power)))]]
    spectrum = np.square(np.abs(np.fft.rfft(noise, axis=1))).mean(axis=(0, 2)) / size**2
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    bands = np.histogram(frequencies, EDGES, weights=spectrum)[0]
    return [
        float(np.log2(rate / 16_000)),
        waves.shape[1],
        _bits(samples),
        float(np.log2(len(waves) / rate)),
        loud[0] * FRAME,
        (len(power) - 1 - loud[-1]) * FRAME,
        float(np.abs(waves.mean())),
        *_decibels(np.append(np.square(noise).mean(), bands)),
    ]


def _bits(samples: npt.NDArray[np.number]) -> int:
    """Return how many bits of the samples are used: 16 that are stored as 24 remain 16."""
    most = 16
    if samples.dtype != np.int16:
        most, samples = 32, np.asarray(samples, np.float64) * 2**31
        samples = np.round(samples).astype(np.int64)
    used = int(np.bitwise_or.reduce(samples.astype(np.int64), axis=None))
    return most - ((used & -used).bit_length() - 1) if used else 0


def _decibels(power: npt.NDArray[np.float64]) -> list[float]:
    return [float(each) for each in 10 * np.log10(np.maximum(power, FLOOR))]
