"""Compute the features: statistics of energy and zero crossings over time."""

from collections.abc import Sequence

import numpy as np
from serbench import Array, BadParameter, Wave

RATE = 16_000  # Hz, what serbench reads
QUIET = 1e-6  # added to every energy, so that silence has a logarithm


class ExampleFeatures:
    """Statistics of two contours: log energy and zero crossings per sample. Nothing is learned.

    Args:
        frame: the length of a frame in milliseconds; frames overlap by half.
    """

    version = "1"  # change it whenever the values change
    time_axis = None  # the axis of frames, if an array has one

    def __init__(self, frame: int = 25) -> None:
        if not 5 <= frame <= 500:
            raise BadParameter(f"frame is {frame}, but must be from 5 to 500 milliseconds")
        self.samples = frame * RATE // 1000

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """Compute a vector for each wave, from that wave alone: shape (14,), float32."""
        return [self._vector(wave) for wave in waves]

    def _vector(self, wave: Wave) -> Array:
        padded = np.pad(wave, (0, max(0, self.samples - len(wave))))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.samples)
        frames = windows[:: self.samples // 2]  # (frames, samples)
        energy = np.log((frames**2).mean(axis=1) + QUIET)
        crossings = 10 * (frames[:, 1:] * frames[:, :-1] < 0).mean(axis=1)
        return np.concatenate([statistics(energy), statistics(crossings)]).astype(np.float32)


def statistics(contour: Array) -> Array:
    """Compute mean, percentiles, deviation, and size and deviation of changes: shape (7,).

    Args:
        contour: (frames,), at least one frame.
    """
    moves = np.diff(contour, prepend=contour[:1])
    percentiles = np.percentile(contour, (10, 50, 90))
    spread = (contour.std(), np.abs(moves).mean(), moves.std())
    return np.array([contour.mean(), *percentiles, *spread])
