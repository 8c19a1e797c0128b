"""Signals whose levels are known."""

import numpy as np
import pytest

RATE = 16_000


@pytest.fixture
def random():
    return np.random.Generator(np.random.PCG64(1))


@pytest.fixture
def tone():
    """A function that makes a sine: (samples,), float32."""

    def make(frequency=1000.0, seconds=2.0, amplitude=0.1):
        time = np.arange(round(seconds * RATE)) / RATE
        return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)

    return make


@pytest.fixture
def level():
    """A function that measures the root mean square of a wave in dB, without its edges of 0.1 s."""

    def measure(wave, skipped=RATE // 10):
        middle = wave[skipped:-skipped].astype(np.float64)
        return 10 * np.log10(np.mean(middle**2) + 1e-30)

    return measure
