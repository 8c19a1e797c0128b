"""Compute melody, voice quality, rhythm and modulation of an utterance."""

import numpy as np

from serbench_sklearn.pitch import Pitch
from serbench_sklearn.spectra import Floats, Mask, Spectra
from serbench_sklearn.summaries import FRAMES_A_SECOND, percentiles, run_lengths, slope

Values = dict[str, float]

PERCENTILES = (5, 25, 50, 75, 95)
MODULATIONS = ((0.5, 2), (2, 4), (4, 8), (8, 16), (16, 32))  # Hz; the rate of syllables is 4 to 8
MODULATION_FFT = 512  # frames: 5.12 s, a bin is 0.2 Hz
GROUPS = {"low": slice(0, 10), "middle": slice(10, 20), "high": slice(20, 30), "top": slice(30, 40)}


def melody(pitch: Pitch) -> Values:
    """Describe the pitch contour over voiced frames, in semitones; zeros without voiced frames."""
    at = np.flatnonzero(pitch.voiced)
    tones = pitch.semitones[at] if len(at) else np.zeros(1)
    seconds = at / FRAMES_A_SECOND if len(at) else np.zeros(1)
    marks = dict(zip(PERCENTILES, percentiles(tones[None], PERCENTILES)[0], strict=True))
    third = max(len(tones) // 3, 1)
    # from frame to frame within voiced stretches, in semitones per frame
    steps = np.diff(pitch.semitones)[pitch.voiced[1:] & pitch.voiced[:-1]]
    steps = steps if len(steps) else np.zeros(1)
    return {
        "pitch.mean": tones.mean(),
        "pitch.std": tones.std(),
        **{f"pitch.p{percent:02d}": mark for percent, mark in marks.items()},
        "pitch.range": marks[95] - marks[5],
        "pitch.slope": slope((tones - tones.mean())[None], seconds)[0],
        "pitch.first_third": tones[:third].mean() - tones.mean(),
        "pitch.last_third": tones[-third:].mean() - tones.mean(),
        "pitch.step_abs": np.abs(steps).mean(),
        "pitch.step_std": steps.std(),
        "pitch.step_p50": percentiles(np.abs(steps)[None], (50,))[0, 0],
        "pitch.rising": np.maximum(steps, 0).mean(),
        "pitch.falling": np.minimum(steps, 0).mean(),
    }


def voice(pitch: Pitch, level: Floats) -> Values:
    """Measure how periodic and regular voiced frames are: harmonics-to-noise, jitter, shimmer."""
    strength = np.clip(pitch.strength[pitch.voiced], 0.01, 0.999)
    strength = strength if len(strength) else np.full(1, 0.01)
    harmonicity = 10 * np.log10(strength / (1 - strength))  # Boersma 1993
    low, high = percentiles(harmonicity[None], (10, 90))[0]
    # where a frame and both its neighbours are voiced
    inner = pitch.voiced[1:-1] & pitch.voiced[:-2] & pitch.voiced[2:]
    bends = np.diff(pitch.semitones, 2)[inner]
    shimmer = np.diff(level, 2)[inner]
    return {
        "voice.harmonicity_mean": harmonicity.mean(),
        "voice.harmonicity_std": harmonicity.std(),
        "voice.harmonicity_p10": low,
        "voice.harmonicity_p90": high,
        "voice.jitter": np.abs(bends).mean() if len(bends) else 0.0,
        "voice.shimmer": np.abs(shimmer).mean() if len(shimmer) else 0.0,
    }


def rhythm(spectra: Spectra, voiced: Mask, seconds: float) -> Values:
    """Measure duration, pauses, voiced stretches and syllable-like peaks."""
    heard = np.flatnonzero(spectra.sounding)
    span = (heard[-1] - heard[0] + 1) / FRAMES_A_SECOND
    pauses = run_lengths(~spectra.sounding[heard[0] : heard[-1] + 1])
    stretches = run_lengths(voiced)
    return {
        "rhythm.log_duration": np.log(max(seconds, 0.01)),
        "rhythm.log_span": np.log(span),
        "rhythm.voiced_share": voiced[spectra.sounding].mean(),
        "rhythm.pause_share": pauses.sum() / span,
        "rhythm.pauses": len(pauses) / span,
        "rhythm.pause_mean": pauses.mean() if len(pauses) else 0.0,
        "rhythm.stretches": len(stretches) / span,
        "rhythm.stretch_mean": stretches.mean() if len(stretches) else 0.0,
        "rhythm.stretch_std": stretches.std() if len(stretches) else 0.0,
        "rhythm.stretch_max": stretches.max(initial=0.0),
        "rhythm.level_peaks": _peaks(spectra.level, spectra.sounding) / span,
        "rhythm.onsets": _peaks(spectra.flux, spectra.flux > 2 * spectra.flux.mean()) / span,
    }


def _peaks(contour: Floats, where: Mask) -> int:
    """Count the local maxima of the contour, smoothed over 70 ms, where the mask is true."""
    smooth = np.convolve(contour, np.full(7, 1 / 7), mode="same")
    smooth = smooth[: len(contour)]
    higher = (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:])
    return int((higher & where[1:-1]).sum())


def modulation(spectra: Spectra) -> Values:
    """Measure how strongly level and four groups of mel bands fluctuate at five rates, in dB."""
    rows = [spectra.level, *(spectra.values[bands].mean(axis=0) for bands in GROUPS.values())]
    contours = np.stack([np.maximum(row, row.max() - 60) for row in rows])
    contours = contours - contours.mean(axis=1, keepdims=True)
    length = max(MODULATION_FFT, contours.shape[1])
    power = np.abs(np.fft.rfft(contours, length, axis=1)) ** 2 / contours.shape[1]
    hertz = np.fft.rfftfreq(length, 1 / FRAMES_A_SECOND)
    values = {}
    for low, high in MODULATIONS:
        inside = (hertz >= low) & (hertz < high)
        strengths = 10 * np.log10(power[:, inside].mean(axis=1) + 1e-3)
        for name, strength in zip(("level", *GROUPS), strengths, strict=True):
            values[f"modulation.{name}_{low:g}_{high:g}"] = strength
    return values
