"""Fingerprints of sounds that survive codecs, resampling, gain and trimming, and a search in them.

A frame of 64 ms has 16 bits: whether the difference between the energies of two neighbouring bands
rises or falls over 16 ms, after Haitsma and Kalker 2002, A Highly Robust Audio Fingerprinting
System, ISMIR. There are 17 bands from 300 to 3400 Hz, as a telephone passes, and only the loud
frames count, since codecs change silence. Two recordings are candidates if several frames have the
same bits at the same distance in time, and if few bits differ where they overlap.

A candidate is not a copy yet: `serbench.inspection.copies` compares the waveforms.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.contracts import Wave
from serbench.features.audio import RATE

RESAMPLED = 8000  # Hz
FRAME, HOP = 512, 64  # samples at 8 kHz: 64 ms, 8 ms
STEP = 2  # frames over which energies rise or fall
LOW, HIGH, BANDS = 300.0, 3400.0, 17
LOUD = 25.0  # dB below the loudest frame
FEWEST = 20  # loud frames that two recordings must share: a fifth of a second of speech

VOTES = 3  # frames with the same bits at one distance; different takes of a sentence reach 8
DIFFERENT = 1 / 3  # of the bits of shared frames; half differ by chance, a tenth after a codec
BLOCK = 1 << 19  # pairs of frames that are held at a time

Numbers = npt.NDArray[np.uint16]
_WINDOW = np.hanning(FRAME).astype(np.float32)
_EDGES = LOW * (HIGH / LOW) ** (np.arange(BANDS + 1) / BANDS)
_BINS = np.searchsorted(np.fft.rfftfreq(FRAME, 1 / RESAMPLED), _EDGES)
_PLACES = 1 << np.arange(BANDS - 1)
_BITS = np.array([value.bit_count() for value in range(1 << BANDS - 1)], np.uint8)


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The loud frames of a sound.

    Attributes:
        keys: (frames,), the 16 bits of each.
        times: (frames,), the position of each, in steps of 8 ms.
    """

    keys: Numbers = field(default_factory=lambda: np.zeros(0, np.uint16))
    times: Numbers = field(default_factory=lambda: np.zeros(0, np.uint16))


def fingerprint(wave: Wave) -> Fingerprint:
    """Return the fingerprint of a 16 kHz wave; without frames if it is silent or too short."""
    import soxr

    narrow = soxr.resample(wave, RATE, RESAMPLED, quality="MQ")
    if len(narrow) < FRAME + STEP * HOP:
        return Fingerprint()
    frames = np.lib.stride_tricks.sliding_window_view(narrow, FRAME)[::HOP]  # (frames, FRAME)
    total = np.concatenate([[0.0], np.cumsum(np.square(narrow, dtype=np.float64))])
    energy = (total[FRAME:] - total[:-FRAME])[::HOP]
    loud = np.flatnonzero(energy > max(energy.max() * 10 ** (-LOUD / 10), 1e-9))
    loud = loud[loud >= STEP]
    if len(loud) < FEWEST:
        return Fingerprint()
    needed = np.union1d(loud, loud - STEP)
    spectra = np.fft.rfft(frames[needed] * _WINDOW, axis=1)
    power = np.square(spectra.real) + np.square(spectra.imag)
    bands = np.add.reduceat(power, _BINS, axis=1)[:, :BANDS]  # (frames, bands)
    slope = bands[:, :-1] - bands[:, 1:]
    now, before = (slope[np.searchsorted(needed, at)] for at in (loud, loud - STEP))
    keys = (now > before) @ _PLACES
    return Fingerprint(keys.astype(np.uint16), loud.astype(np.uint16))


def candidates(sounds: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Return the positions of pairs of sounds that may be copies, sorted.

    The time grows with the number of pairs of frames with the same bits, and so with the square of
    the amount of speech.
    """
    table = _Table(sounds)
    return sorted(
        (first, other)
        for first, other, lag in table.votes()
        if table.different(first, other, lag) <= DIFFERENT
    )


class _Table:
    """The frames of all sounds, sorted by their bits."""

    def __init__(self, sounds: Sequence[Fingerprint]):
        self._sounds = sounds
        sizes = [len(sound.keys) for sound in sounds]
        keys = np.concatenate([np.zeros(0, np.uint16), *(sound.keys for sound in sounds)])
        times = np.concatenate([np.zeros(0, np.uint16), *(sound.times for sound in sounds)])
        owner = np.repeat(np.arange(len(sounds), dtype=np.int64), sizes)
        order = np.lexsort((times, owner, keys))
        self._keys = keys[order]
        self._owner = owner[order]
        self._times = times[order].astype(np.int64)
        # of each frame: how many frames of later sounds have the same bits; they are the last ones
        last = np.searchsorted(self._keys, self._keys, side="right")
        combined = self._keys.astype(np.int64) * max(1, len(sounds)) + self._owner
        self._start = np.searchsorted(combined, combined, side="right")
        self._partners = last - self._start

    def votes(self) -> Iterator[tuple[int, int, int]]:
        """Yield two sounds and the distance at which most frames, at least `VOTES`, are alike."""
        frames = np.argsort(self._owner, kind="stable")
        sizes = np.bincount(self._owner, minlength=len(self._sounds))
        pairs = np.bincount(self._owner, self._partners, len(self._sounds))
        block = (np.cumsum(pairs) // BLOCK).astype(np.int64)  # of each sound
        for number in np.unique(block):
            inside = np.repeat(block == number, sizes)
            yield from self._votes_of(frames[inside])

    def _votes_of(self, frames: npt.NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        counts = self._partners[frames]
        one = np.repeat(frames, counts)
        within = np.arange(len(one)) - np.repeat(np.cumsum(counts) - counts, counts)
        two = np.repeat(self._start[frames], counts) + within
        span = 1 << 17  # of distances, which may be negative
        lag = self._times[two] - self._times[one]
        pairs = self._owner[one] * len(self._sounds) + self._owner[two]
        codes, votes = np.unique(pairs * span + lag + span // 2, return_counts=True)
        codes, votes = codes[votes >= VOTES], votes[votes >= VOTES]
        order = np.lexsort((-votes, codes // span))
        _, best = np.unique(codes[order] // span, return_index=True)
        for code in codes[order][best].tolist():
            pair, distance = divmod(code, span)
            yield (*divmod(pair, len(self._sounds)), distance - span // 2)

    def different(self, first: int, other: int, lag: int) -> float:
        """Return the share of bits that differ in the frames that two sounds share; 1 if few."""
        one, two = self._sounds[first], self._sounds[other]
        shifted = one.times.astype(np.int64) + lag
        _, at_one, at_two = np.intersect1d(
            shifted, two.times.astype(np.int64), assume_unique=True, return_indices=True
        )
        if len(at_one) < FEWEST:
            return 1.0
        return float(_BITS[one.keys[at_one] ^ two.keys[at_two]].mean()) / (BANDS - 1)


def band_limited(wave: Wave, size: int) -> npt.NDArray[Any]:
    """Return the spectrum of a 16 kHz wave between 300 and 3400 Hz, zero elsewhere.

    Args:
        wave: (samples,).
        size: the length of the transform.
    """
    spectrum = np.fft.rfft(wave, size)
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    spectrum[(frequencies < LOW) | (frequencies > HIGH)] = 0
    return spectrum
