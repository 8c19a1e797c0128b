"""A table of 256 colours, with which QCNN sees a spectrogram as a picture."""

import torch
from torch import Tensor

SIZE = 256
LIMIT = 3.0
"""Standardised values beyond ±LIMIT get the first and the last colour."""


def table() -> Tensor:
    """Return the colours, (SIZE, 3): red, green and blue in [0, 1], from blue to yellow.

    Ours, by formula: with t from 0 to 1, red is t, green is t², and blue is 4 t (1 - t) / 3 + 2/3
    (1 - t): brightness rises all the way, so that no two values look the same.
    """
    t = torch.linspace(0, 1, SIZE)
    return torch.stack([t, t**2, (4 * t + 2) * (1 - t) / 3], dim=1)


def coloured(values: Tensor, colours: Tensor) -> Tensor:
    """Return the picture of standardised values: (n, 1, rows, columns) to (n, 3, rows, columns)."""
    scaled = (values + LIMIT) * ((SIZE - 1) / (2 * LIMIT))
    places = scaled.round().clamp(0, SIZE - 1).long().squeeze(1)
    return colours[places].permute(0, 3, 1, 2)
