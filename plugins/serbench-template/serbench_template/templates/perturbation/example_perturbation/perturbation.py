"""Perturb a wave: add an echo."""

import numpy as np
from serbench import BadParameter, Wave

RATE = 16_000  # Hz, what serbench reads


class ExamplePerturbation:
    """Add one echo, after a delay that is drawn for each utterance.

    Args:
        db: how far the echo is below the wave in dB, from 0 to 60.
        longest: the longest delay in milliseconds, from 1 to 1000.
    """

    version = "1"  # change it whenever the perturbed waves change

    def __init__(self, *, db: float = 6.0, longest: float = 200.0) -> None:
        if not 0 <= db <= 60:
            raise BadParameter(f"db is {db}, but must be from 0 to 60")
        if not 1 <= longest <= 1000:
            raise BadParameter(f"longest is {longest}, but must be from 1 to 1000 milliseconds")
        self.factor = np.float32(10 ** (-db / 20))
        self.longest = int(longest * RATE / 1000)  # samples

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return the wave with its echo: shape (samples + delay,), float32."""
        delay = int(random.integers(1, self.longest, endpoint=True))
        return np.pad(wave, (0, delay)) + self.factor * np.pad(wave, (delay, 0))
