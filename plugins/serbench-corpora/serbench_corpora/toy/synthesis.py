"""Turn a gesture and a take into sound: a source (pulses and noise) through a filter (formants).

Each closing of the vocal folds adds an impulse response of the vocal tract's current shape at its
exact time, which avoids aliasing; noise is filtered frame by frame.
"""

import numpy as np
import numpy.typing as npt

from serbench_corpora.toy.articulation import FRAME_SECONDS, Floats, Gesture
from serbench_corpora.toy.voices import Take, spread

Spectra = npt.NDArray[np.complex128]

RATE = 16_000
HOP = round(RATE * FRAME_SECONDS)
LENGTH = 512  # of an impulse response, in samples: 32 ms
LEVEL = -35.0  # of an average take, in dB below full scale
PEAK = 0.9  # of full scale; louder utterances are turned down as a whole
CUT_OFF, LOWEST, HIGHEST = 700.0, 120.0, 6000.0  # of the vocal folds, in Hz: at rest, and bounds
BREATH, ROOM = -24.0, -34.0  # in dB below the voice
TREMOR = 6.0  # Hz
_HIGHER = np.array([3500.0, 4500.0, 5500.0, 6500.0])  # formants that all vowels share
_FREQUENCIES = np.fft.rfftfreq(LENGTH, 1 / RATE)
_DELAY = np.exp(-2j * np.pi * _FREQUENCIES / RATE)  # by one sample
_PARTS = 32  # pulses are placed at multiples of this fraction of a sample
_DELAYS = _DELAY ** (np.arange(_PARTS)[:, np.newaxis] / _PARTS)


def speak(gesture: Gesture, take: Take, random: np.random.Generator) -> npt.NDArray[np.int16]:
    """Synthesise a gesture, (samples,) at 16 kHz."""
    tract = _tract(gesture, take)  # (frames, bins)
    voiced = _voiced(gesture, take, tract * _folds(take), random)
    wave = voiced / np.sqrt(np.mean(voiced**2)) + _unvoiced(gesture, take, tract, random)
    level = _gain(LEVEL + take.traits["loudness"])
    wave *= min(level / np.sqrt(np.mean(wave**2)), PEAK / np.abs(wave).max())
    return np.asarray(np.rint(wave * 32767), dtype=np.int16)


def _gain(decibels: float) -> float:
    return float(10 ** (decibels / 20))


# ---- filters ----


def _tract(gesture: Gesture, take: Take) -> Spectra:
    """Return the vocal tract's coloured response, (frames, bins): two poles for each formant."""
    jaw, lips = np.exp(take.traits["jaw"]), np.exp(take.traits["lips"])
    vowel = gesture.formants * np.array([jaw, lips, lips])
    higher = np.broadcast_to(_HIGHER, (len(vowel), len(_HIGHER)))
    centres = np.minimum(np.concatenate([vowel, higher], axis=1) * take.tract, 0.49 * RATE)
    radii = np.exp(-np.pi * (50 + 0.06 * centres) / RATE)  # bandwidths grow with frequency
    turns = -2 * radii * np.cos(2 * np.pi * centres / RATE)
    poles = np.zeros((len(centres), 2 * centres.shape[1] + 1))  # a polynomial per frame
    poles[:, 0] = 1
    for turn, radius in zip(turns.T, radii.T, strict=True):
        before = poles.copy()
        poles[:, 1:] += turn[:, np.newaxis] * before[:, :-1]
        poles[:, 2:] += radius[:, np.newaxis] ** 2 * before[:, :-2]
    response = _colour(take) / np.fft.rfft(poles, LENGTH, axis=1)
    return np.asarray(response / np.sqrt(np.mean(np.abs(response) ** 2)))


def _colour(take: Take) -> Floats:
    """Return the spectrum's shape, (bins,): a cosine series over logarithmic frequency."""
    position = np.log(np.maximum(_FREQUENCIES, 80.0) / 80.0) / np.log(RATE / 2 / 80.0)
    waves = np.cos(np.pi * np.outer(np.arange(1, len(take.colour) + 1), position))
    return np.asarray(10 ** (take.colour @ waves / 20))


def _folds(take: Take) -> Spectra:
    """Return the spectrum of one pulse of the vocal folds, radiated from the lips, (bins,)."""
    cut_off = np.clip(CUT_OFF * 2 ** take.traits["edge"], LOWEST, HIGHEST)
    pole = np.exp(-2 * np.pi * cut_off / RATE)  # used twice: 12 dB per octave
    return np.asarray((1 - 0.97 * _DELAY) * ((1 - pole) / (1 - pole * _DELAY)) ** 2)


# ---- sources ----


def _voiced(gesture: Gesture, take: Take, filters: Spectra, random: np.random.Generator) -> Floats:
    """Send the vocal folds' pulses through the filters, (samples,)."""
    cycles = np.cumsum(_pitch(gesture, take)) * FRAME_SECONDS
    numbers = np.arange(1, int(cycles[-1]))
    rough = float(np.clip(take.traits["rough"], 0.0, 1.5))
    jitter, shimmer = spread(random, 2, len(numbers))
    numbered = numbers + (0.005 + 0.02 * rough) * jitter
    instants = np.interp(numbered, cycles, np.arange(len(cycles)))  # in frames
    every_other = 1 - 0.5 * min(rough, 1.0) * (numbers % 2)
    frames = np.rint(instants).astype(np.int64)
    strength = _strength(gesture, take)[frames] * every_other
    strength *= np.maximum(1 + (0.05 + 0.3 * rough) * shimmer, 0.0)
    ticks = np.rint(instants * HOP * _PARTS).astype(np.int64)
    spectra = filters[frames] * _DELAYS[ticks % _PARTS] * strength[:, np.newaxis]
    return _overlaid(spectra, ticks // _PARTS, len(gesture.voice) * HOP)


def _pitch(gesture: Gesture, take: Take) -> Floats:
    """Return the fundamental frequency in Hz, (frames,)."""
    traits = take.traits
    semitones = (
        traits["pitch"]
        + (2.5 + traits["accent"]) * gesture.accent
        + (traits["slope"] - 2.0) * (gesture.place - 0.5)  # speakers run out of breath
        + _tremor(gesture, take)
    )
    return np.clip(take.resting * 2 ** (semitones / 12), 60.0, 500.0)


def _strength(gesture: Gesture, take: Take) -> Floats:
    """Return the strength of pulses, (frames,)."""
    contrast = max(1.2 + take.traits["crisp"], 0.3)
    return np.asarray(gesture.voice**contrast * (1 + 0.4 * _tremor(gesture, take)))


def _tremor(gesture: Gesture, take: Take) -> Floats:
    """Return the shaking of the voice, (frames,), between -1 and 1."""
    seconds = np.arange(len(gesture.voice)) * FRAME_SECONDS
    depth = np.clip(take.traits["tremor"], 0.0, 1.0)
    return np.asarray(depth * np.sin(2 * np.pi * TREMOR * seconds))


def _unvoiced(gesture: Gesture, take: Take, tract: Spectra, random: np.random.Generator) -> Floats:
    """Synthesise breath, the mouth's noises and the room, (samples,)."""
    frames = len(gesture.voice)
    octaves = np.log2(np.maximum(_FREQUENCIES, 20.0) / gesture.centre[:, np.newaxis])
    friction = gesture.noise[:, np.newaxis] * np.exp(-((octaves / 0.4) ** 2)) * _colour(take)
    breath = _gain(BREATH + take.traits["breath"]) * gesture.voice[:, np.newaxis] * tract
    room = _gain(ROOM + take.traits["room"]) / (1 + _FREQUENCIES / 500)
    noise = np.sqrt(3) * (2 * random.random((frames + 1) * HOP) - 1)
    pieces = np.lib.stride_tricks.sliding_window_view(noise, 2 * HOP)[::HOP]  # (frames, 2 hops)
    spectra = np.fft.rfft(pieces * np.hanning(2 * HOP + 1)[:-1], LENGTH, axis=1)
    return _overlaid(spectra * (friction + breath + room), np.arange(frames) * HOP, frames * HOP)


def _overlaid(spectra: Spectra, starts: npt.NDArray[np.int64], samples: int) -> Floats:
    """Add up the impulse responses of the spectra, each at its start, (samples,)."""
    responses = np.fft.irfft(spectra, LENGTH, axis=1)
    places = starts[:, np.newaxis] + np.arange(LENGTH)
    total = np.bincount(places.ravel(), responses.ravel(), minlength=samples + LENGTH)
    return np.asarray(total[:samples], dtype=np.float64)
