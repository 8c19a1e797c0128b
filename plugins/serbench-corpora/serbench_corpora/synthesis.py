"""Turns a gesture and a take into sound: a source (pulses and noise) through a filter (formants).

Each closing of the vocal folds lays one impulse response of the vocal tract, as it is shaped at
that moment, at its exact instant; noise is filtered frame by frame. So nothing aliases, and
nothing is more regular than it is meant to be.
"""

import numpy as np
import numpy.typing as npt

from serbench_corpora.articulation import FRAME_SECONDS, Floats, Gesture
from serbench_corpora.voices import Take, spread

Spectra = npt.NDArray[np.complex128]

RATE = 16_000
HOP = round(RATE * FRAME_SECONDS)
LENGTH = 512  # of an impulse response, in samples: 32 ms
LEVEL = -30.0  # of an average take, in dB below full scale
PEAK = 0.9
TREMOR = 6.0  # Hz
CUT_OFF = 700.0  # of the vocal folds at ease, in Hz; above it they fall by 12 dB an octave
ROOM = -42.0
BREATH = -24.0  # of a clear voice, in dB below the voice
_HIGHER = np.array([3500.0, 4500.0, 5500.0, 6500.0])  # formants that tell no vowels apart
_FREQUENCIES = np.fft.rfftfreq(LENGTH, 1 / RATE)
_DELAY = np.exp(-2j * np.pi * _FREQUENCIES / RATE)  # by one sample
_PARTS = 32  # a pulse is placed to this part of a sample
_DELAYS = _DELAY ** (np.arange(_PARTS)[:, np.newaxis] / _PARTS)


def speak(gesture: Gesture, take: Take, random: np.random.Generator) -> npt.NDArray[np.int16]:
    """The utterance: (samples,) at 16 kHz."""
    tract = _tract(gesture, take)  # (frames, bins)
    voiced = _voiced(gesture, take, tract * _folds(take), random)
    wave = voiced / np.sqrt(np.mean(voiced**2)) + _unvoiced(gesture, take, tract, random)
    level = 10 ** ((LEVEL + take.traits["loudness"]) / 20)
    wave *= min(level / np.sqrt(np.mean(wave**2)), PEAK / np.abs(wave).max())
    return np.rint(wave * 32767).astype(np.int16)


def _tract(gesture: Gesture, take: Take) -> Spectra:
    """The vocal tract's response, coloured, (frames, bins): a pair of poles for each formant."""
    jaw, lips = np.exp(take.traits["jaw"]), np.exp(take.traits["lips"])
    vowel = gesture.formants * np.array([jaw, lips, lips])
    higher = np.broadcast_to(_HIGHER, (len(vowel), len(_HIGHER)))
    centres = np.minimum(np.concatenate([vowel, higher], axis=1) * take.tract, 0.49 * RATE)
    radii = np.exp(-np.pi * (50 + 0.06 * centres) / RATE)  # bandwidths grow with frequency
    turns = -2 * radii * np.cos(2 * np.pi * centres / RATE)
    denominator = np.ones((len(centres), 1))
    for turn, square in zip(turns.T, (radii**2).T, strict=True):
        once = np.pad(denominator, [(0, 0), (1, 1)]) * turn[:, np.newaxis]
        twice = np.pad(denominator, [(0, 0), (2, 0)]) * square[:, np.newaxis]
        denominator = np.pad(denominator, [(0, 0), (0, 2)]) + once + twice
    response = _colour(take) / np.fft.rfft(denominator, LENGTH, axis=1)
    return response / np.sqrt(np.mean(np.abs(response) ** 2))


def _colour(take: Take) -> Floats:
    """The spectrum's shape, (bins,): a cosine series over logarithmic frequency."""
    position = np.log(np.maximum(_FREQUENCIES, 80.0) / 80.0) / np.log(RATE / 2 / 80.0)
    waves = np.cos(np.pi * np.outer(np.arange(1, len(take.colour) + 1), position))
    return 10 ** (take.colour @ waves / 20)


def _folds(take: Take) -> Spectra:
    """The spectrum of one pulse of the vocal folds, radiated from the lips, (bins,)."""
    pole = np.exp(-2 * np.pi * CUT_OFF * 2 ** take.traits["edge"] / RATE)
    return (1 - 0.97 * _DELAY) * ((1 - pole) / (1 - pole * _DELAY)) ** 2


def _pitch(gesture: Gesture, take: Take) -> Floats:
    """The fundamental frequency in Hz, (frames,)."""
    traits = take.traits
    semitones = (
        traits["pitch"]
        + (2.5 + traits["accent"]) * gesture.accent
        + _tremor(gesture, take)
        + (traits["slope"] - 2.0) * (gesture.place - 0.5)
    )
    return np.clip(take.base * 2 ** (semitones / 12), 60.0, 500.0)


def _tremor(gesture: Gesture, take: Take) -> Floats:
    """The shaking of the voice, (frames,), within -1 and 1."""
    seconds = np.arange(len(gesture.voice)) * FRAME_SECONDS
    return max(take.traits["tremor"], 0.0) * np.sin(2 * np.pi * TREMOR * seconds)


def _voiced(
    gesture: Gesture, take: Take, filters: Spectra, random: np.random.Generator
) -> Floats:
    """The vocal folds' pulses through the filters, (samples,)."""
    cycles = np.cumsum(_pitch(gesture, take)) * FRAME_SECONDS
    numbers = np.arange(1, int(cycles[-1]))
    rough = max(take.traits["rough"], 0.0)
    jitter, shimmer = spread(random, 2, len(numbers)) * [[0.005 + 0.02 * rough], [0.05 + 0.3 * rough]]
    instants = np.interp(numbers + jitter, cycles, np.arange(len(cycles)))  # in frames
    frames = np.rint(instants).astype(np.int64)
    every_other = 1 - 0.5 * min(rough, 1.0) * (numbers % 2)
    loudness = gesture.voice ** max(1.2 + take.traits["crisp"], 0.3) * (1 + 0.4 * _tremor(gesture, take))
    amplitudes = loudness[frames] * (1 + shimmer) * every_other
    ticks = np.rint(instants * HOP * _PARTS).astype(np.int64)
    spectra = filters[frames] * _DELAYS[ticks % _PARTS] * amplitudes[:, np.newaxis]
    return _laid(spectra, ticks // _PARTS, len(gesture.voice) * HOP)


def _unvoiced(
    gesture: Gesture, take: Take, tract: Spectra, random: np.random.Generator
) -> Floats:
    """Breath, the mouth's noises and the room, (samples,)."""
    count = len(gesture.voice)
    octaves = np.log2(np.maximum(_FREQUENCIES, 20.0) / gesture.centre[:, np.newaxis])
    friction = gesture.noise[:, np.newaxis] * np.exp(-((octaves / 0.4) ** 2)) * _colour(take)
    breath = 10 ** ((BREATH + take.traits["breath"]) / 20) * gesture.voice[:, np.newaxis] * tract
    room = 10 ** ((ROOM + take.traits["room"]) / 20) / (1 + _FREQUENCIES / 500)
    noise = np.sqrt(3) * (2 * random.random((count + 1) * HOP) - 1)
    grains = np.lib.stride_tricks.sliding_window_view(noise, 2 * HOP)[::HOP][:count]
    spectra = np.fft.rfft(grains * np.hanning(2 * HOP + 1)[:-1], LENGTH, axis=1)
    return _laid(spectra * (friction + breath + room), np.arange(count) * HOP, count * HOP)


def _laid(spectra: Spectra, starts: npt.NDArray[np.int64], samples: int) -> Floats:
    """The impulse responses of the spectra, each added where it starts, (samples,)."""
    responses = np.fft.irfft(spectra, LENGTH, axis=1)
    places = starts[:, np.newaxis] + np.arange(LENGTH)
    total = np.bincount(places.ravel(), responses.ravel(), minlength=samples + LENGTH)
    return total[:samples]
