"""The speakers of the toy corpus, and their voices in each emotion.

A take is the sum of four parts: the speaker's own voice, the manner that all speakers share in an
emotion, the speaker's own manner in the emotion, and random variation. For new speakers, a model
can use only the second part; the third is what it gains from leakage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from serbench_corpora.toy.articulation import SENTENCES, Floats

EMOTIONS = ("neutral", "happy", "sad", "angry")
SPEAKERS = tuple(f"{sex}{number:02}" for sex in "fm" for number in range(1, 7))
COLOURS = 6


class Trait(NamedTuple):
    """One property of a take, in its own unit."""

    name: str  # its key in `Take.traits`
    alike: tuple[float, float, float]  # shift for all speakers in happiness, sadness and anger
    voice: float  # standard deviation over speakers
    habit: float  # additional standard deviation over speakers in one emotion
    take: float  # standard deviation over the takes of one speaker in one emotion


# directions after P. N. Juslin and P. Laukka, Communication of emotions in vocal expression and
# music performance (2003), table 7; sizes are ours, for a corpus neither too easy nor too hard
TRAITS = (
    Trait("pitch", (5.0, -3.5, 4.5), 2.0, 4.0, 1.0),  # semitones
    Trait("accent", (6.0, -2.5, 3.5), 1.0, 4.0, 0.8),  # semitones
    Trait("slope", (4.0, -4.0, -2.5), 1.0, 4.0, 1.0),  # semitones from start to end
    Trait("tremor", (0.0, 0.6, 0.15), 0.2, 0.6, 0.12),  # 0 steady to 1 shaking
    Trait("loudness", (3.5, -5.0, 7.0), 3.0, 3.0, 3.0),  # dB
    Trait("crisp", (0.5, -0.8, 1.2), 0.3, 0.9, 0.15),  # how much weaker consonants are than vowels
    Trait("tempo", (0.14, -0.2, 0.11), 0.08, 0.13, 0.08),  # log
    Trait("edge", (0.8, -2.0, 2.2), 0.5, 1.4, 0.25),  # octaves of the vocal folds' cut-off
    Trait("breath", (0.0, 8.0, -5.0), 3.0, 8.0, 1.2),  # dB
    Trait("rough", (0.0, 0.25, 1.2), 0.25, 0.7, 0.12),  # 0 even to 1 hoarse
    Trait("jaw", (0.06, -0.06, 0.16), 0.05, 0.09, 0.025),  # log, first formant
    Trait("lips", (0.12, -0.06, -0.04), 0.04, 0.09, 0.02),  # log, second and third formant
    # the takes of one speaker in one emotion were recorded on the same day
    Trait("room", (0.0, 0.0, 0.0), 4.0, 9.0, 1.0),  # dB of background noise
    *(Trait(f"colour{n}", (0.0, 0.0, 0.0), 2.5, 8.0, 1.0) for n in range(COLOURS)),  # dB
)
RESTING = {"f": 200.0, "m": 112.0}  # Hz
TRACT = {"f": 1.16, "m": 1.0}  # formant frequencies, as a factor of a man's average
WEAKEST, STRONGEST = 0.6, 1.3  # intensity of an emotion in a take

_ALIKE = np.array([(0.0, *trait.alike) for trait in TRAITS]).T  # (emotions, traits)
_SPREADS = {
    part: np.array([getattr(trait, part) for trait in TRAITS])
    for part in ("voice", "habit", "take")
}
_BODY, _VOICE, _HABIT, _SLIP, _TAKE, SOUND = range(6)  # first keys of random streams


@dataclass(frozen=True)
class Take:
    """The voice and the recording of one utterance."""

    resting: float  # pitch of the voice at rest, in Hz
    tract: float  # formant frequencies, as a factor of a man's average
    traits: Mapping[str, float]  # from the names in `TRAITS` to values

    @property
    def colour(self) -> Floats:
        """The spectrum's shape in dB, as a cosine series over frequency: (COLOURS,)."""
        return np.array([self.traits[f"colour{n}"] for n in range(COLOURS)])


def spread(random: np.random.Generator, *shape: int) -> Floats:
    """Draw numbers with a bell-shaped distribution of mean 0 and variance 1, between -3 and 3.

    Each is a sum of three uniform numbers, since numpy's normal ones may differ between machines.
    """
    return np.asarray(2 * random.random((3, *shape)).sum(axis=0) - 3)


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random generator of one key, independent of those of other keys."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def take(seed: int, speaker: int, emotion: int, sentence: int) -> Take:
    """Draw the take of a speaker, an emotion and a sentence, given as positions."""
    random = stream(seed, _TAKE, speaker, emotion, sentence)
    cast = _cast(seed)
    intensity = WEAKEST + (STRONGEST - WEAKEST) * random.random()
    manner = cast.manners[speaker, _shown(seed, speaker, emotion, sentence)]
    values = cast.voices[speaker] + intensity * manner
    values += spread(random, len(TRAITS)) * _SPREADS["take"]
    pitch, tract = cast.bodies[speaker]
    sex = SPEAKERS[speaker][0]
    return Take(
        resting=RESTING[sex] * 2 ** (1.5 * pitch / 12),
        tract=TRACT[sex] * float(np.exp(0.04 * tract)),
        traits=dict(zip((trait.name for trait in TRAITS), values.tolist(), strict=True)),
    )


@dataclass(frozen=True)
class _Cast:
    """The twelve speakers of one seed."""

    bodies: Floats  # (speakers, 2), resting pitch and vocal tract
    voices: Floats  # (speakers, traits), in every take of a speaker
    manners: Floats  # (speakers, emotions, traits), added in an emotion


@lru_cache(maxsize=4)
def _cast(seed: int) -> _Cast:
    habits = _levelled(stream(seed, _HABIT), len(EMOTIONS), len(TRAITS)) * _SPREADS["habit"]
    habits[:, EMOTIONS.index("neutral")] = 0.0  # a voice at rest is the voice itself
    return _Cast(
        bodies=_levelled(stream(seed, _BODY), 2),
        voices=_levelled(stream(seed, _VOICE), len(TRAITS)) * _SPREADS["voice"],
        manners=_ALIKE + habits,
    )


def _levelled(random: np.random.Generator, *shape: int) -> Floats:
    """Draw numbers, (speakers, *shape), with exactly mean 0 and variance 1 over the speakers."""
    values = spread(random, len(SPEAKERS), *shape)
    values -= values.mean(axis=0)
    return np.asarray(values / values.std(axis=0))


def _shown(seed: int, speaker: int, emotion: int, sentence: int) -> int:
    """Return the emotion that is heard: in one of thirteen sentences not the intended one.

    Listeners disagree with real actors more often. No model can predict these sentences.
    """
    slip, other = stream(seed, _SLIP, speaker, emotion).random(2)
    if sentence != int(slip * len(SENTENCES)):
        return emotion
    return (emotion + 1 + int(other * (len(EMOTIONS) - 1))) % len(EMOTIONS)
