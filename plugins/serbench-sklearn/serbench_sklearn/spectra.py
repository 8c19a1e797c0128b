"""Compute spectral contours of a wave, sampled every 10 ms."""

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

RATE = 16_000  # Hz, the rate of every extractor's input
HOP = 160  # samples: 10 ms
FRAME = 400  # samples: 25 ms, the field's usual frame
FFT = 512
BANDS = 40
LOWEST = 50.0  # Hz; hum and handling noise lie below
CEPSTRA = 20
TINY = 1e-10  # power, -100 dB: gives digital silence a logarithm
MEL_RANGE = 60.0  # dB below the loudest band; excludes room noise from the statistics
SOUNDING_RANGE = 40.0  # dB below the loudest frame
OCTAVES = (250, 500, 1000, 2000, 4000, 8000)  # Hz, edges of the bands whose flatness is measured

DESCRIPTORS = (
    "level", "zero_crossings", "centroid", "spread", "rolloff50", "rolloff85", "flatness",
    "entropy", "alpha_ratio", "hammarberg", "slope_0_500", "slope_500_1500", "flux",
    *(f"flatness_{low}_{high}" for low, high in itertools.pairwise(OCTAVES)),
)  # fmt: skip
CONTOURS = (
    *(f"mel{band:02d}" for band in range(BANDS)),
    *(f"mfcc{index:02d}" for index in range(1, CEPSTRA + 1)),
    *DESCRIPTORS,
)


@dataclass(frozen=True)
class Spectra:
    """The contours of one utterance."""

    values: Floats  # (contours, frames), in the order of `CONTOURS`
    level: Floats  # (frames,), dB relative to full scale
    sounding: Mask  # (frames,), within 40 dB of the loudest frame; never all false
    flux: Floats  # (frames,), how much the spectrum rises, in mean dB per band


def frame_count(wave: Floats) -> int:
    """Count the frames of a wave, centred every 10 ms; at least one."""
    return 1 + len(wave) // HOP


def framed(samples: Floats, length: int, hop: int, count: int) -> Floats:
    """Return overlapping frames, (count, length), as a read-only view of the zero-padded wave.

    Frame i is centred on sample i * hop.
    """
    padded = np.zeros((count - 1) * hop + length, dtype=samples.dtype)
    kept = samples[: len(padded) - length // 2]
    padded[length // 2 : length // 2 + len(kept)] = kept
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]


def spectra(wave: Floats) -> Spectra:
    """Compute all spectral contours of a wave without offset, from one STFT."""
    count = frame_count(wave)
    frames = framed(wave, FRAME, HOP, count)
    spectrum = scipy.fft.rfft(frames * _window(), FFT, axis=1, overwrite_x=True)
    power = np.square(spectrum.real)  # (frames, bins)
    power += np.square(spectrum.imag)
    np.maximum(power, TINY, out=power)
    mel = _decibels(_mel_matrix() @ power.T)  # (bands, frames)
    mel = np.maximum(mel, mel.max() - MEL_RANGE)
    cepstra = scipy.fft.dct(mel, axis=0, norm="ortho")[1 : CEPSTRA + 1]
    level = _decibels(np.einsum("ij,ij->i", frames, frames) / FRAME)
    flux = np.maximum(np.diff(mel, axis=1, prepend=mel[:, :1]), 0).mean(axis=0)
    decibels = _decibels(power)
    shape = [*_shape(power, decibels), *_balance(power, decibels), flux]
    rows = [level, _zero_crossings(wave, count), *shape, *_octave_flatness(power, decibels)]
    values = np.concatenate([mel, cepstra, np.stack(rows)])
    return Spectra(values, level, level >= level.max() - SOUNDING_RANGE, flux)


def _shape(power: Floats, decibels: Floats) -> list[Floats]:
    """Compute the descriptors from centroid to entropy, in the order of `DESCRIPTORS`."""
    hertz, total = _hertz(), power.sum(axis=1)
    centroid = power @ hertz / total
    spread = np.sqrt(np.maximum(power @ hertz**2 / total - centroid**2, 0))
    below = np.cumsum(power, axis=1)
    rolloffs = [hertz[1] * (below < share * total[:, None]).sum(axis=1) for share in (0.5, 0.85)]
    flatness = decibels.mean(axis=1) - _decibels(total / power.shape[1])
    # -sum p log2 p, from the logarithms already computed
    surprise = _decibels(total) - np.einsum("ij,ij->i", power, decibels) / total
    return [centroid, spread, *rolloffs, flatness, surprise / (10 * np.log10(2))]


def _balance(power: Floats, decibels: Floats) -> list[Floats]:
    """Compute GeMAPS's alpha ratio, Hammarberg index and two slopes (Eyben et al. 2016)."""
    low, high = _band(50, 1000), _band(1000, 5000)
    alpha = _decibels(power[:, low].sum(axis=1)) - _decibels(power[:, high].sum(axis=1))
    peaks = [decibels[:, _band(*edges)].max(axis=1) for edges in ((0, 2000), (2000, 5000))]
    slopes = [
        decibels[:, _band(*edges)] @ _slope_weights(*edges) for edges in ((0, 500), (500, 1500))
    ]
    return [alpha, peaks[0] - peaks[1], *slopes]


def _octave_flatness(power: Floats, decibels: Floats) -> Floats:
    """Measure how tonal (very negative) or noisy (near 0) octaves are, dB, (octaves, frames)."""
    averages = _octave_matrix()
    return (decibels @ averages - _decibels(power @ averages)).T


def _zero_crossings(wave: Floats, count: int) -> Floats:
    """Compute the share of samples at which the sign changes, (frames,)."""
    positive = wave >= 0
    crossings = np.zeros(len(wave))
    crossings[1:] = positive[1:] != positive[:-1]
    return framed(crossings, FRAME, HOP, count).mean(axis=1)


def _decibels(power: Floats) -> Floats:
    decibels = np.maximum(power, TINY)
    np.log10(decibels, out=decibels)
    decibels *= 10
    return decibels


def _band(low: float, high: float) -> slice:
    """Return the bins from `low` to `high` Hz."""
    return slice(round(low * FFT / RATE), round(high * FFT / RATE) + 1)


@functools.cache
def _window() -> Floats:
    """Return a Hann window under which a full-scale sine has 0 dB in its bin."""
    window = np.hanning(FRAME + 1)[:-1]
    return window * 2 / window.sum()


@functools.cache
def _hertz() -> Floats:
    return np.fft.rfftfreq(FFT, 1 / RATE)


@functools.cache
def _mel_matrix() -> Floats:
    """Return triangles evenly spaced on the mel scale, 1 at their peaks: (bands, bins).

    The same as librosa's `filters.mel(htk=True, norm=None)`, whose import takes seconds.
    """
    low, high = (float(2595 * np.log10(1 + hertz / 700)) for hertz in (LOWEST, RATE / 2))
    corners = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    left, peak, right = (corners[start : start + BANDS, None] for start in range(3))
    rising, falling = (_hertz() - left) / (peak - left), (right - _hertz()) / (right - peak)
    return np.maximum(np.minimum(rising, falling), 0)


@functools.cache
def _octave_matrix() -> Floats:
    """Return a matrix (bins, octaves) whose columns average over one octave each."""
    matrix = np.zeros((FFT // 2 + 1, len(OCTAVES) - 1))
    for column, edges in enumerate(itertools.pairwise(OCTAVES)):
        matrix[_band(*edges), column] = 1
    return matrix / matrix.sum(axis=0)


@functools.cache
def _slope_weights(low: float, high: float) -> Floats:
    """Return weights of the bins from `low` to `high` Hz that give their slope in dB per kHz."""
    kilohertz = _hertz()[_band(low, high)] / 1000
    centred = kilohertz - kilohertz.mean()
    return centred / (centred @ centred)
