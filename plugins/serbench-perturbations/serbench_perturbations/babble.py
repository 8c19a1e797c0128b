"""Babble: synthetic voices that say meaningless words all at once.

The synthesiser is that of the corpus toy; the voices and the words are drawn here, so that none is
from that corpus.
"""

import functools

import numpy as np
import numpy.typing as npt

from serbench_corpora.toy.articulation import articulate
from serbench_corpora.toy.synthesis import speak
from serbench_corpora.toy.voices import RESTING, TRACT, TRAITS, Take, spread

Floats = npt.NDArray[np.float64]

SEED = 56
VOICES, PHRASES = 8, 6
CONSONANTS, VOWELS = "mnlrwjsxfzvpbtdkg", "ieaou"
SYLLABLES = 6  # of a phrase; one vowel is accented


def babble(samples: int, random: np.random.Generator) -> Floats:
    """Mix the voices: each says its phrases in a random order, from a random moment on."""
    total = np.zeros(samples)
    for phrases in voices():
        order = random.permutation(PHRASES)
        speech = np.concatenate([phrases[number] for number in order])
        speech = np.roll(speech, random.integers(len(speech)))
        total += np.resize(speech, samples)
    return total


@functools.cache
def voices() -> list[list[Floats]]:
    """Synthesise the phrases of each voice, all at the same level; women and men take turns."""
    random = np.random.Generator(np.random.PCG64(SEED))
    return [[_phrase(take, random) for _ in range(PHRASES)] for take in _takes(random)]


def _takes(random: np.random.Generator) -> list[Take]:
    takes = []
    for number in range(VOICES):
        sex = "fm"[number % 2]
        pitch, tract = spread(random, 2)
        traits = spread(random, len(TRAITS)) * [trait.voice for trait in TRAITS]
        takes.append(
            Take(
                resting=RESTING[sex] * 2 ** (1.5 * pitch / 12),
                tract=TRACT[sex] * float(np.exp(0.04 * tract)),
                traits=dict(zip((trait.name for trait in TRAITS), traits.tolist(), strict=True)),
            )
        )
    return takes


def _phrase(take: Take, random: np.random.Generator) -> Floats:
    consonants = random.integers(len(CONSONANTS), size=SYLLABLES)
    vowels = random.integers(len(VOWELS), size=SYLLABLES)
    syllables = [CONSONANTS[c] + VOWELS[v] for c, v in zip(consonants, vowels, strict=True)]
    accented = random.integers(SYLLABLES)
    syllables[accented] = syllables[accented][0] + syllables[accented][1].upper()
    timing = 1 + 0.12 * spread(random, 2 * 2 * SYLLABLES)
    gesture = articulate("".join(syllables), float(np.exp(take.traits["tempo"])), timing)
    speech = speak(gesture, take, random).astype(np.float64)
    return np.asarray(speech / np.sqrt(np.mean(speech**2)))
