"""Make synthetic utterances for the checks, with three labels that are easy to tell apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from serbench.contracts import Wave
from serbench.corpus import PARTS

RATE = 16_000  # Hz
LABELS = ("bass", "mid", "treble")
PITCH = (110.0, 220.0, 440.0)  # Hz, for each label
PEAK = (300.0, 1200.0, 4000.0)  # Hz, where the spectrum of each label is strongest
HARMONICS = 32  # a pitch has fewer than this; the highest is below 8 kHz
SPEAKERS = 4
SECONDS = (0.3, 0.6)


@dataclass(frozen=True)
class Utterances:
    """Utterances with their labels and speakers."""

    waves: Sequence[Wave]  # of different lengths
    truth: npt.NDArray[np.int64]  # (utterances,) int64, positions in `LABELS`
    speakers: tuple[str, ...]  # one per utterance

    def of_labels(self, labels: Sequence[int]) -> "Utterances":
        """Return the utterances with these labels, which are positions in `LABELS`."""
        return self.at(np.flatnonzero(np.isin(self.truth, labels)).tolist())

    def at(self, places: Sequence[int]) -> "Utterances":
        """Return the utterances at these positions."""
        return Utterances(
            [self.waves[place] for place in places],
            self.truth[list(places)],
            tuple(self.speakers[place] for place in places),
        )


@cache
def utterances(per_label: int, part: str) -> Utterances:
    """Make utterances whose labels take turns.

    Args:
        per_label: how many utterances to make for each label.
        part: "train", "validation" or "test"; the parts share no utterance and no speaker.
    """
    truth = np.arange(per_label * len(LABELS), dtype=np.int64) % len(LABELS)
    first = PARTS.index(part) * 1000
    waves = []
    for place, label in enumerate(truth):
        random = np.random.default_rng(first + place)
        waves.append(utterance(int(label), random.uniform(*SECONDS), first + place))
    speakers = tuple(f"{part}{place // len(LABELS) % SPEAKERS}" for place in range(len(truth)))
    return Utterances(waves, truth, speakers)


@cache
def utterance(label: int, seconds: float, seed: int) -> Wave:
    """Make a buzz with a label's pitch and colour that swells and fades in faint noise: (samples,).

    The array is shared and read-only.
    """
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    bend = 1 + 0.03 * np.sin(2 * np.pi * (random.uniform(1, 3) * time + random.uniform()))
    phase = 2 * np.pi * np.cumsum(PITCH[label] * random.uniform(0.93, 1.07) * bend) / RATE
    wave = np.zeros(len(time))
    for harmonic in range(1, HARMONICS):
        octaves = np.log2(harmonic * PITCH[label] / PEAK[label])
        if abs(octaves) < 1.6:  # weaker harmonics would be inaudible
            wave += np.exp(-2 * octaves**2) * np.sin(harmonic * phase)
    wave *= 0.6 + 0.4 * np.sin(2 * np.pi * (4 * time + random.uniform()))  # syllables
    wave *= random.uniform(0.1, 0.3) / max(np.abs(wave).max(), 1e-9)
    noisy = (wave + random.normal(0, 0.003, len(time))).astype(np.float32)
    noisy.setflags(write=False)
    return noisy


def short() -> Wave:
    """Make an utterance of 0.1 s."""
    return utterance(0, 0.1, 6000)


@cache
def long() -> Wave:
    """Make an utterance of 30 s by repeating one of 1 s."""
    return np.tile(utterance(0, 1.0, 6001), 30)


def silent() -> Wave:
    """Make half a second of digital silence."""
    return np.zeros(RATE // 2, np.float32)


def constant() -> Wave:
    """Make half a second of one nonzero value."""
    return np.full(RATE // 2, 0.25, np.float32)
