"""Small voices and small folds: what the tests of this plugin listen to and learn from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from serbench.contracts import Array, Examples

RATE = 16_000
LABELS = ("calm", "angry", "sad", "happy")
# pitch, range in semitones, loudness, syllables a second, brightness
MANNERS = {
    "calm": (1.0, 1.0, 0.05, 3.0, 1.6),
    "angry": (1.5, 4.0, 0.30, 5.0, 0.8),
    "sad": (0.9, 0.5, 0.02, 2.0, 2.0),
    "happy": (1.6, 6.0, 0.10, 4.0, 1.2),
}


@dataclass
class Lent:
    """A workspace that remembers what was reported."""

    folder: Path
    device: str = "cpu"
    threads: int = 1
    reports: list[tuple[int, int, dict[str, float]]] = field(default_factory=list)

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        self.reports.append((epoch, epochs, values))


def _tone(hertz: Array, brightness: float = 1.0, harmonics: int = 20) -> Array:
    """A buzz whose fundamental follows `hertz`, one value a sample."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    allowed = [k for k in range(1, harmonics) if k * hertz.max() < RATE / 2]
    wave = sum(np.sin(k * phase) / k**brightness for k in allowed)
    return np.asarray(wave / np.abs(wave).max(), dtype=np.float32)


def _voice(label: str, height: float, seed: int) -> Array:
    """Six tenths of a second of somebody with that pitch, in that mood."""
    rng = np.random.default_rng(seed)
    pitch, semitones, loudness, tempo, brightness = MANNERS[label]
    seconds = np.arange(int(0.6 * RATE)) / RATE
    bend = np.sin(2 * np.pi * (rng.uniform(0.5, 1.5) * seconds + rng.uniform()))
    wave = _tone(height * pitch * 2 ** (semitones * bend / 12), brightness + rng.normal() / 10)
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * (tempo * seconds + rng.uniform()))
    wave = loudness * rng.uniform(0.7, 1.4) * syllables * wave
    return (wave + rng.normal(size=len(wave)) / 1000).astype(np.float32)


def _voices(speakers: range, each: int = 3) -> tuple[list[Array], Array, tuple[str, ...]]:
    """Waves, truth and speakers of a small corpus; every speaker has a height of their own."""
    waves, truth, names = [], [], []
    for speaker in speakers:
        height = 90 + 130 * np.random.default_rng(speaker).uniform()
        for position, label in enumerate(LABELS):
            for turn in range(each):
                waves.append(_voice(label, height, 1000 * speaker + 10 * position + turn))
                truth.append(position)
                names.append(f"speaker-{speaker}")
    return waves, np.array(truth), tuple(names)


Waves = tuple[list[Array], Array, tuple[str, ...]]


@pytest.fixture(scope="session")
def tone() -> Callable[..., Array]:
    return _tone


@pytest.fixture(scope="session")
def voice() -> Callable[[str, float, int], Array]:
    return _voice


@pytest.fixture(scope="session")
def voices() -> Callable[..., Waves]:
    return _voices


@pytest.fixture
def workspace(tmp_path: Path) -> Lent:
    return Lent(tmp_path / "workspace")


Clouds = Callable[..., Examples]


@pytest.fixture
def clouds() -> Clouds:
    """Makes vectors around one centre a label."""

    def make(seed: int, count: int = 60, labels: int = 3, noise: float = 1.0) -> Examples:
        centres = np.random.default_rng(7).normal(size=(labels, 12))
        rng = np.random.default_rng(seed)
        truth = np.arange(count) % labels
        vectors = centres[truth] + noise * rng.normal(size=(count, 12))
        return Examples(list(vectors.astype(np.float32)), truth, ("somebody",) * count)

    return make
