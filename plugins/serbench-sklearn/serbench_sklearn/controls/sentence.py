"""The feature `sentence`: which sentence is said, without how."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

PLACES = 1024  # sentences that share a place are confused; the largest corpora repeat about 500


class Sentence:
    """One at the place of the sentence, zero elsewhere: float32, (1024,).

    The place is the sha256 of the sentence as the corpus numbers it, modulo 1024.
    """

    version = "1"
    time_axis = None
    reads = "sentence"

    def __call__(self, sentences: Sequence[str]) -> list[npt.NDArray[np.float32]]:
        """Return one vector, shape (1024,), for each sentence."""
        vectors = np.zeros((len(sentences), PLACES), np.float32)
        for vector, sentence in zip(vectors, sentences, strict=True):
            vector[int(hashlib.sha256(sentence.encode()).hexdigest(), 16) % PLACES] = 1
        return list(vectors)
