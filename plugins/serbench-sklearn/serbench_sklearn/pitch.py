"""Track the pitch of speech: the fundamental frequency and the periodicity of each frame.

The autocorrelation method of Boersma (1993), without its path search: instead, a second pass is
confined to the range of the utterance's pitches in the first pass (after De Looze and Hirst 2008),
which removes octave errors equally well in a fraction of the time.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from serbench_sklearn.spectra import HOP, RATE, Floats, Mask, frame_count, framed

LOWEST, HIGHEST = 60.0, 650.0  # Hz: a low man's voice, an acted scream
HALF_RATE = RATE // 2  # enough for a fundamental, half the work
FRAME = 512  # samples at 8 kHz, 64 ms: nearly four periods of the lowest pitch
LAGS = int(HALF_RATE / LOWEST) + 2
FFT = scipy.fft.next_fast_len(FRAME + LAGS, real=True)
VOICED = 0.45  # Boersma's voicing threshold
OCTAVE_COST = 0.01  # Boersma's: prefers the higher pitch of two equal peaks
SILENCE = 0.03  # Boersma's: share of the utterance's peak below which no frame is voiced
HARMONICS = 1000.0, 2000.0  # Hz; weights fall from 1 to 0 in between, since voices are noisy above
REFERENCE = 160.0  # Hz, 0 semitones: between men's and women's voices

Lags = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Pitch:
    """The pitch contour of one utterance."""

    semitones: Floats  # (frames,), relative to 160 Hz; 0 in unvoiced frames
    strength: Floats  # (frames,), the normalised autocorrelation at the pitch period, 0 to 1
    voiced: Mask  # (frames,)


def pitch(wave: Floats) -> Pitch:
    """Track the pitch of a wave without offset every 10 ms, in the same frames as `spectra`."""
    count = frame_count(wave)
    frames = framed(_halved(wave), FRAME, HOP // 2, count)
    peaks = np.maximum(frames.max(axis=1), -frames.min(axis=1))
    audible = np.flatnonzero(peaks > SILENCE * max(float(peaks.max()), 1e-6))
    contour = Pitch(np.zeros(count), np.zeros(count), np.zeros(count, np.bool_))
    if len(audible):
        correlation = _autocorrelation(frames[audible])
        scores = _scores(correlation)
        lags = scores.argmax(axis=1)
        voiced = _at(scores, lags) > VOICED
        if voiced.any():
            lags = _second_pass(scores, lags[voiced])
            voiced = _at(scores, lags) > VOICED
        semitones, strength = _refined(correlation, lags)
        contour.semitones[audible] = np.where(voiced, semitones, 0)
        contour.strength[audible] = np.where(voiced, strength, 0)
        contour.voiced[audible] = voiced
    return contour


def _halved(wave: Floats) -> Floats:
    """Return the wave at 8 kHz; only damped content above 6 kHz aliases below 2 kHz."""
    padded = np.pad(wave, 1)
    return (padded[1:-1] / 2 + (padded[:-2] + padded[2:]) / 4)[::2]


def _autocorrelation(frames: Floats) -> Floats:
    """Compute the normalised autocorrelation from lag 0 on, (frames, LAGS)."""
    cosines = _cosines()
    windowed = (frames - frames.mean(axis=1, keepdims=True)) * _window()
    spectrum = scipy.fft.rfft(windowed, FFT, axis=1)[:, : len(cosines)]
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    correlation = power @ cosines
    correlation /= np.maximum(correlation[:, :1], 1e-9)
    correlation *= _compensation()
    return correlation


@functools.cache
def _window() -> Floats:
    return np.hanning(FRAME + 1)[:-1]


@functools.cache
def _cosines() -> Floats:
    """Return the low-passed inverse transform of power spectra, (bins below 2 kHz, LAGS).

    Few bins and lags are needed, so that a matrix product is faster than a transform.
    """
    hertz = np.fft.rfftfreq(FFT, 1 / HALF_RATE)
    lowpass = np.interp(hertz, HARMONICS, (1, 0))
    lowpass[0] /= 2
    bins = np.flatnonzero(lowpass)
    angles = 2 * np.pi * bins[:, None] * np.arange(LAGS) / FFT
    return np.cos(angles) * lowpass[bins, None] / FFT


@functools.cache
def _compensation() -> Floats:
    """Return factors (LAGS,) that undo the window's decay with the lag (Boersma's)."""
    own = np.correlate(_window(), _window(), "full")[FRAME - 1 : FRAME - 1 + LAGS]
    return own[0] / own


def _scores(correlation: Floats) -> Floats:
    """Score peaks within the pitch range by correlation minus octave cost; -1 elsewhere."""
    before, middle, after = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    peak = (middle > before) & (middle >= after)
    height = middle - (before - after) ** 2 / np.minimum(8 * (before - 2 * middle + after), -1e-9)
    lags = np.arange(1, correlation.shape[1] - 1)
    cost = OCTAVE_COST * np.log2(LOWEST * lags / HALF_RATE)
    scores = np.full_like(correlation, -1)
    scores[:, 1:-1] = np.where(peak, height - cost, -1)
    scores[:, : int(HALF_RATE / HIGHEST)] = -1
    return scores


def _second_pass(scores: Floats, lags: Lags) -> Lags:
    """Return the best lags between 0.7 of the lower and 1.9 of the upper pitch quartile."""
    short, long = np.quantile(lags, (0.25, 0.75))
    allowed = np.arange(scores.shape[1])
    inside = (allowed >= short / 1.9) & (allowed <= long / 0.7)
    return np.where(inside, scores, -1).argmax(axis=1)


def _refined(correlation: Floats, lags: Lags) -> tuple[Floats, Floats]:
    """Return semitones and strength at the vertex of the parabola through three lags."""
    lags = np.clip(lags, 1, correlation.shape[1] - 2)
    before, at, after = (_at(correlation, lags + step) for step in (-1, 0, 1))
    curvature = before - 2 * at + after
    shift = np.clip((before - after) / np.minimum(2 * curvature, -1e-9), -0.5, 0.5)
    semitones = 12 * np.log2(HALF_RATE / (lags + shift) / REFERENCE)
    return semitones, np.clip(at - (before - after) * shift / 4, 0, 1)


def _at(rows: Floats, columns: Lags) -> Floats:
    return np.take_along_axis(rows, columns[:, None], axis=1)[:, 0]
