"""Who speaks in the toy corpus, and how each of them sounds in each emotion.

A take is the sum of four things: the speaker's own voice, what speakers do alike in an emotion,
what this speaker does in it that others do not, and what differs from take to take. The second
is all that a model can carry over to a speaker whom it has not heard.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serbench_corpora.articulation import SENTENCES

EMOTIONS = ("neutral", "happy", "sad", "angry")
SPEAKERS = tuple(f"{sex}{number:02}" for sex in "fm" for number in range(1, 7))

COLOURS = 6


class Trait(NamedTuple):
    """One property of a take, in its own unit.

    Attributes:
        name: the attribute of `Take`.
        alike: what all speakers do in happiness, sadness and anger.
        voice: how widely voices differ (standard deviation).
        habit: how widely speakers differ in what they do in an emotion.
        take: how widely the takes of one speaker in one emotion differ.
    """

    name: str
    alike: tuple[float, float, float]
    voice: float
    habit: float
    take: float


# directions after P. N. Juslin and P. Laukka, Communication of emotions in vocal expression and
# music performance (2003), table 7; sizes are chosen so that the corpus is neither easy nor hopeless
TRAITS = (
    Trait("pitch", (4.5, -3.0, 4.0), 2.0, 2.8, 1.2),  # semitones
    Trait("accent", (4.5, -2.0, 2.5), 1.0, 2.4, 1.0),  # semitones
    Trait("slope", (2.5, -2.5, -1.5), 1.0, 2.4, 1.2),  # semitones from start to end
    Trait("tremor", (0.0, 0.4, 0.1), 0.2, 0.4, 0.15),  # 0 steady to 1 shaking
    Trait("loudness", (4.0, -5.5, 8.0), 3.0, 3.2, 2.5),  # dB
    Trait("crisp", (0.3, -0.5, 0.8), 0.3, 0.5, 0.2),  # how much weaker consonants are than vowels
    Trait("tempo", (0.16, -0.24, 0.13), 0.08, 0.13, 0.06),  # log
    Trait("edge", (0.5, -1.3, 1.4), 0.5, 0.8, 0.3),  # octaves of the vocal folds' cut-off
    Trait("breath", (0.0, 5.0, -3.0), 3.0, 5.0, 1.5),  # dB
    Trait("rough", (0.0, 0.15, 0.8), 0.25, 0.4, 0.15),  # 0 even to 1 hoarse
    Trait("jaw", (0.05, -0.05, 0.16), 0.05, 0.08, 0.03),  # log, first formant
    Trait("lips", (0.11, -0.05, -0.03), 0.04, 0.08, 0.02),  # log, second and third formant
    Trait("room", (0.0, 0.0, 0.0), 4.0, 6.0, 1.0),  # dB of background noise
    *(Trait(f"colour{n}", (0.0, 0.0, 0.0), 2.5, 6.0, 1.0) for n in range(COLOURS)),  # dB
)


@dataclass(frozen=True)
class Take:
    """How one utterance is spoken and recorded.

    Attributes:
        base: the voice's resting pitch in Hz.
        tract: formant frequencies, as a factor of a man's average.
        traits: by the names of `TRAITS`.
        colour: (COLOURS,), the spectrum's shape in dB, as a cosine series over frequency.
    """

    base: float
    tract: float
    traits: dict[str, float]
    colour: npt.NDArray[np.float64]


def stream(seed: int, *key: int) -> np.random.Generator:
    """The random numbers of one thing, independent of all others and of the order of making."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def spread(random: np.random.Generator, *shape: int) -> npt.NDArray[np.float64]:
    """Bell-shaped numbers of mean 0 and variance 1, never beyond 3.

    Sums of three uniform numbers: no library function is in it that may change with its version.
    """
    return 2 * random.random((3, *shape)).sum(axis=0) - 3


_VOICE, _HABIT, _TAKE = range(3)
_ALIKE = np.array([(0.0, *trait.alike) for trait in TRAITS]).T  # (emotions, traits)
STRENGTH = 0.25
WEAKEST, STRONGEST = 0.6, 1.3


def take(seed: int, speaker: int, emotion: int, sentence: int) -> Take:
    """How a speaker says a sentence in an emotion; all three are positions."""
    voice = stream(seed, _VOICE, speaker)
    female = SPEAKERS[speaker].startswith("f")
    base = (200.0 if female else 112.0) * 2 ** (spread(voice).item() * 1.5 / 12)
    tract = (1.16 if female else 1.0) * float(np.exp(spread(voice).item() * 0.04))
    strength = 1 + STRENGTH * spread(voice).item()
    values = spread(voice, len(TRAITS)) * [trait.voice for trait in TRAITS]

    random = stream(seed, _TAKE, speaker, emotion, sentence)
    shown = _shown(seed, speaker, emotion, sentence)
    intensity = WEAKEST + (STRONGEST - WEAKEST) * random.random()
    values += intensity * (strength * _ALIKE[shown] + _habit(seed, speaker, shown))
    values += spread(random, len(TRAITS)) * [trait.take for trait in TRAITS]
    named = dict(zip((trait.name for trait in TRAITS), values.tolist(), strict=True))
    return Take(base, tract, named, values[-COLOURS:])


def _habit(seed: int, speaker: int, emotion: int) -> npt.NDArray[np.float64]:
    """What this speaker does in this emotion, and others need not."""
    if EMOTIONS[emotion] == "neutral":
        return np.zeros(len(TRAITS))
    random = stream(seed, _HABIT, speaker, emotion)
    return spread(random, len(TRAITS)) * [trait.habit for trait in TRAITS]


def _shown(seed: int, speaker: int, emotion: int, sentence: int) -> int:
    """The emotion that is heard: in one sentence of the thirteen it is not the one meant."""
    random = stream(seed, _HABIT, speaker, emotion, 1)
    slip, other = random.random(2)
    if sentence != int(slip * len(SENTENCES)):
        return emotion
    return (emotion + 1 + int(other * (len(EMOTIONS) - 1))) % len(EMOTIONS)
