"""Layers whose numbers are quaternions, computed by torch's real layers.

A quaternion w + x i + y j + z k is stored as four channels: a tensor of n quaternions has the n
real parts first, then the n parts of i, of j and of k. A weight W acts on an input X by the
Hamilton product W X, so four real weights replace the sixteen between four and four channels.
"""

import math

import torch
from torch import Tensor, nn

PRODUCT = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))
"""For each part of the product, the part of W that multiplies each part of X."""
SIGNS = ((1, -1, -1, -1), (1, 1, -1, 1), (1, 1, 1, -1), (1, -1, 1, 1))


def assembled(parts: Tensor) -> Tensor:
    """Return the real weight of a quaternion weight.

    Args:
        parts: (4 out, in, ...), the four parts of the quaternions, one after another.

    Returns:
        (4 out, 4 in, ...), to be used as an ordinary weight.
    """
    quarters = parts.chunk(4)
    rows = [
        torch.cat([quarters[part] * sign for part, sign in zip(row, signs, strict=True)], dim=1)
        for row, signs in zip(PRODUCT, SIGNS, strict=True)
    ]
    return torch.cat(rows)


class QuaternionConv2d(nn.Module):
    """A convolution of quaternions with zero padding that keeps the size of its input.

    Args:
        inputs: quaternions that it takes.
        outputs: quaternions that it gives.
        kernel: rows and columns of its kernel, an odd number.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.parts = nn.Parameter(torch.empty(4 * outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(4 * outputs))

    def forward(self, values: Tensor) -> Tensor:
        """Compute (n, 4 outputs, rows, columns) of (n, 4 inputs, rows, columns)."""
        padding = self.parts.shape[-1] // 2
        return nn.functional.conv2d(values, assembled(self.parts), self.bias, padding=padding)


class QuaternionLinear(nn.Module):
    """A fully connected layer of quaternions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.parts = nn.Parameter(torch.empty(4 * outputs, inputs))
        self.bias = nn.Parameter(torch.empty(4 * outputs))

    def forward(self, values: Tensor) -> Tensor:
        """Compute (n, 4 outputs) of (n, 4 inputs)."""
        return nn.functional.linear(values, assembled(self.parts), self.bias)


def initialise(parts: Tensor, generator: torch.Generator) -> None:
    """Draw quaternion weights, (4 out, in, ...), so that a ReLU network keeps its variance.

    The modulus has a chi distribution with four degrees of freedom, the axis of the imaginary part
    is uniform on the sphere, and the angle is uniform (Parcollet et al., *Quaternion recurrent
    neural networks*, ICLR 2019). Here the scale is He's: a product has four terms, and ReLU halves
    the mean square.
    """
    size = parts.chunk(4)[0].shape
    fan = 4 * math.prod(size[1:])
    # a modulus of four degrees of freedom has the mean square 4: each part has 1
    modulus = torch.randn(4, *size, generator=generator).norm(dim=0) * math.sqrt(2 / fan)
    axis = torch.randn(3, *size, generator=generator)
    axis /= axis.norm(dim=0, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    angle = (torch.rand(size, generator=generator) * 2 - 1) * math.pi
    with torch.no_grad():
        parts.copy_(torch.cat([modulus * angle.cos(), *(modulus * angle.sin() * axis)]))
