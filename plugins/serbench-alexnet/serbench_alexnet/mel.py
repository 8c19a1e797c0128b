"""Compute mel spectrograms in decibels, the input of AlexNet."""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from serbench import Array, BadParameter, Wave

RATE = 16_000  # Hz; the rate of every extractor's input

# Slaney, Auditory Toolbox, 1998: the mel scale
LINEAR = 200 / 3  # hertz per mel below the break
BREAK = 1000.0  # hertz; above it the scale is logarithmic
STEP = math.log(6.4) / 27  # of the logarithm, per mel

Filters = npt.NDArray[np.float32]


class Mel:
    """The magnitude STFT of a wave through a mel filterbank, in dB.

    The frame and the hop are the paper's (section III-A: STFT frame 256, 50 % overlap, magnitude
    to mel with librosa). The paper leaves open the rest: 64 bands, because at this frame's
    resolution librosa's default of 128 would leave 13 of them without a frequency bin; magnitudes
    rather than powers, following the paper's wording; librosa's absolute floor (amin = 1e-5 is
    -100 dB), and no reference level from the utterance, since loudness is a cue.

    Values are those of `librosa.feature.melspectrogram(power=1.0, pad_mode="constant")` and
    `librosa.amplitude_to_db(amin=1e-5, top_db=None)`, within 1e-3 dB, in a third of the time.

    Args:
        n_fft: samples per frame.
        hop: samples from one frame to the next.
        n_mels: number of mel bands.
        power: 1 for magnitudes, 2 for powers.
        floor_db: the lowest value, which silence and anything quieter get.
        fmin: where the lowest band begins, in Hz.
        fmax: where the highest band ends, in Hz.

    Raises:
        BadParameter: a band would be empty, or a value is out of range.
    """

    version = "1"
    added: ClassVar[Mapping[str, object]] = {"fmin": 0.0, "fmax": RATE / 2}
    time_axis = 1

    def __init__(
        self,
        *,
        n_fft: int = 256,
        hop: int = 128,
        n_mels: int = 64,
        power: float = 1.0,
        floor_db: float = -100.0,
        fmin: float = 0.0,
        fmax: float = RATE / 2,
    ) -> None:
        if min(n_fft, hop, n_mels) < 1 or power <= 0:
            raise BadParameter(
                f"n_fft={n_fft}, hop={hop}, n_mels={n_mels} and power={power} "
                "must all be greater than 0"
            )
        if not 0 <= fmin < fmax <= RATE / 2:
            raise BadParameter(
                f"fmin={fmin:g} and fmax={fmax:g} must be rising frequencies from 0 to "
                f"{RATE / 2:g} Hz"
            )
        self._hop = hop
        self._power = power
        self._filters = filterbank(n_fft, n_mels, (fmin, fmax))
        # periodic Hann, like librosa's
        self._window = np.hanning(n_fft + 1)[:-1]
        self._decibels = np.float32(20 / power)
        self._least = np.float32(10 ** (floor_db * power / 20))

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """Compute spectrograms of 16 kHz waves: float32, (n_mels, 1 + samples // hop) each."""
        return [self._spectrogram(wave) for wave in waves]

    def _spectrogram(self, wave: Wave) -> Array:
        n_fft = len(self._window)
        padded = np.pad(wave.astype(np.float32, copy=False), n_fft // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[:: self._hop]
        frames = frames * self._window  # (frames, n_fft)
        # in single precision, weak bands of loud frames would be noisy
        magnitudes = np.abs(np.fft.rfft(frames).astype(np.complex64))  # (frames, bins)
        if self._power != 1:
            magnitudes **= self._power
        bands: Array = self._filters @ magnitudes.T  # (n_mels, frames)
        np.log10(np.maximum(bands, self._least, out=bands), out=bands)
        bands *= self._decibels
        return bands


def filterbank(n_fft: int, n_mels: int, between: tuple[float, float] = (0, RATE / 2)) -> Filters:
    """Return Slaney's mel filters between two frequencies in Hz, (n_mels, 1 + n_fft // 2).

    Raises:
        BadParameter: a filter falls between two frequency bins, so its band would be constant.
    """
    filters = _filters(n_fft, n_mels, between)
    empty = _empty(filters)
    if empty:
        most = next(n for n in range(n_mels) if _empty(_filters(n_fft, n + 1, between)))
        raise BadParameter(
            f"n_mels={n_mels} with n_fft={n_fft} leaves {empty} of the {n_mels} mel bands without "
            f"a frequency bin: take n_mels={most} or fewer, or a longer n_fft"
        )
    return filters


def _filters(n_fft: int, n_mels: int, between: tuple[float, float]) -> Filters:
    """Return triangles evenly spaced on Slaney's mel scale, each of area 1: (n_mels, bins).

    The same as `librosa.filters.mel`, whose import takes seconds in every process.
    Source: Slaney, Auditory Toolbox, 1998.
    """
    hertz = np.arange(1 + n_fft // 2) * (RATE / n_fft)
    corners = _hertz(np.linspace(*map(_mels, between), n_mels + 2))
    left, peak, right = (corners[start : start + n_mels, None] for start in range(3))
    rising, falling = (hertz - left) / (peak - left), (right - hertz) / (right - peak)
    triangles = np.maximum(np.minimum(rising, falling), 0)  # (n_mels, bins)
    return (triangles * 2 / (right - left)).astype(np.float32)


def _mels(hertz: float) -> float:
    """Convert a frequency to Slaney's mels."""
    if hertz < BREAK:
        return hertz / LINEAR
    return BREAK / LINEAR + math.log(hertz / BREAK) / STEP


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert Slaney's mels to frequencies."""
    logarithmic = BREAK * np.exp(STEP * (mels - BREAK / LINEAR))
    return np.where(mels < BREAK / LINEAR, mels * LINEAR, logarithmic)


def _empty(filters: Filters) -> int:
    return int(np.sum(filters.max(axis=1) == 0))
