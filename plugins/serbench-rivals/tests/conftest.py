"""What the tests of all systems need: a workspace, and utterances that can be told apart."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from serbench.contracts import Examples

LABELS = ("angry", "happy", "sad")


@dataclass
class Desk:
    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))
    points: list = field(default_factory=list)

    def report(self, epoch, epochs, **values):
        self.points.append(values)


@pytest.fixture(scope="session")
def desk():
    """A function that returns a new workspace."""
    return Desk


@pytest.fixture(scope="session")
def examples():
    """A function from a count, a seed and a function of a label and randomness to utterances."""

    def made(count, seed, utterance):
        random = np.random.default_rng(seed)
        truth = np.arange(count) % len(LABELS)
        inputs = [utterance(label, random).astype(np.float32) for label in truth]
        return Examples(inputs, truth.astype(np.int64), ("speaker",) * count)

    return made


@pytest.fixture(scope="session")
def mels(examples):
    """A function from a count and a seed to noise in dB, louder in the bands of the label."""

    def utterance(label, random):
        decibels = random.normal(-70, 5, (64, random.integers(20, 45)))
        decibels[21 * label : 21 * (label + 1)] += 30
        return decibels

    return lambda count, seed: examples(count, seed, utterance)
