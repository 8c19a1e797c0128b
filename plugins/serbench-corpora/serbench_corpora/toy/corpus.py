"""Load toy: twelve synthetic speakers say thirteen sentences in four emotions, made in seconds.

The corpus is for tests without a real corpus, and shows the effect of leakage: each speaker
expresses emotions differently, so a model does far better on speakers that it was trained on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench import (
    About,
    BadParameter,
    Corpus,
    CorpusError,
    LabelSet,
    Lengths,
    Protocol,
    Utterance,
)
from serbench_corpora import audio_tree, fake_corpora, packaged_data
from serbench_corpora.toy.articulation import SENTENCES, articulate
from serbench_corpora.toy.synthesis import RATE, speak
from serbench_corpora.toy.voices import EMOTIONS, SOUND, SPEAKERS, spread, stream, take

NAME = "toy"

ABOUT = About(
    title="toy, a parametric speech synthesiser's twelve speakers",
    licence="MIT",
    size="21 MB, made in seconds",
    home="serbench itself",
    obtain="it is made in the cache when it is first used",
    cite="serbench",
)

# ---- labels ----

LABEL_SETS: Mapping[str, LabelSet] = {NAME: {emotion: emotion for emotion in EMOTIONS}}

# ---- names ----


def name(speaker: int, emotion: int, sentence: int) -> str:
    """Return the id of an utterance.

    >>> name(0, 3, 12)
    'f01-angry-13'
    """
    return f"{SPEAKERS[speaker]}-{EMOTIONS[emotion]}-{sentence + 1:02}"


def _takes() -> Iterator[tuple[int, int, int]]:
    return product(range(len(SPEAKERS)), range(len(EMOTIONS)), range(len(SENTENCES)))


# ---- manifest ----


@cache
def manifest() -> Corpus:
    """Return all 624 utterances; the seed changes how they sound, not their number."""
    utterances = [
        Utterance(
            name(speaker, emotion, sentence),
            SPEAKERS[speaker],
            EMOTIONS[emotion],
            sex="female" if SPEAKERS[speaker].startswith("f") else "male",
        )
        for speaker, emotion, sentence in _takes()
    ]
    return Corpus(NAME, EMOTIONS, tuple(utterances), "raw")


# ---- audio ----

UNEVEN = 0.12  # relative deviation of the lengths of sounds between takes
MOST_SOUNDS = 24  # in a sentence


def utterance(seed: int, speaker: int, emotion: int, sentence: int) -> npt.NDArray[np.int16]:
    """Synthesise an utterance, (samples,) at 16 kHz, from these four numbers alone."""
    random = stream(seed, SOUND, speaker, emotion, sentence)
    spoken = take(seed, speaker, emotion, sentence)
    timing = 1 + UNEVEN * spread(random, MOST_SOUNDS)
    tempo = float(np.exp(spoken.traits["tempo"]))
    return speak(articulate(SENTENCES[sentence], tempo, timing), spoken, random)


# ---- dataset ----


class Toy:
    """The synthetic corpus.

    Attributes:
        seed: seed of the speakers and their speech; each seed is a corpus of its own.
    """

    about = ABOUT
    version = "1"
    label_sets = LABEL_SETS
    protocols: Sequence[Protocol] = ()
    default_protocol = "kfold:n=6"

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise BadParameter(
                f"the seed of {NAME} is {seed}, but must be 0 or more: {NAME}:seed=3"
            )
        self.seed = seed

    def manifest(self) -> Corpus:
        """Return all 624 utterances, without audio."""
        return replace(manifest(), name=f"{NAME}:seed={self.seed}" if self.seed else NAME)

    def lengths(self) -> Lengths:
        """Return the lengths of the utterances."""
        return packaged_data.lengths(NAME)

    def make(self, root: Path) -> None:
        """Synthesise all utterances into `root`: mono 16-bit wav at 16 kHz."""
        for speaker, emotion, sentence in _takes():
            path = root / f"{name(speaker, emotion, sentence)}.wav"
            samples = utterance(self.seed, speaker, emotion, sentence)
            path.write_bytes(fake_corpora.wav([samples], RATE))

    def read(self, root: Path) -> Corpus:
        """Read the corpus that `make` wrote.

        Raises:
            CorpusError: utterances are missing.
        """
        if not root.is_dir():
            raise CorpusError(f"there is no {NAME} in {root}: leave --data out to make it")
        ids = manifest().by_id
        paths = audio_tree.audio(NAME, root, lambda stem: stem if stem in ids else None)
        remedy = f"remove {root} and run the same command again"
        return audio_tree.complete(self.manifest(), root, paths, remedy)
