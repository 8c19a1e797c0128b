import math

import pytest
import torch
from torch import nn

from serbench_rivals.quaternions import (
    QuaternionConv2d,
    QuaternionLinear,
    assembled,
    initialise,
)


def hamilton(left, right):
    """The product of two quaternions, each of four numbers, by i² = j² = k² = ijk = -1."""
    a, b, c, d = left
    e, f, g, h = right
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_convolution_is_the_sum_of_hamilton_products():
    inputs, outputs, size = 2, 3, 5
    layer = QuaternionConv2d(inputs, outputs, 3).double()
    with torch.no_grad():
        layer.parts.copy_(drawn(*layer.parts.shape))
        layer.bias.copy_(drawn(4 * outputs))
    picture = drawn(1, 4 * inputs, size, size)
    computed = layer(picture)[0].tolist()
    bias = layer.bias.tolist()
    weights = [each.tolist() for each in layer.parts.chunk(4)]
    for out in range(outputs):
        for row in range(size):
            for column in range(size):
                total = [bias[part * outputs + out] for part in range(4)]
                for x in range(inputs):
                    for r in range(3):
                        for c in range(3):
                            at = row + r - 1, column + c - 1
                            if not (0 <= at[0] < size and 0 <= at[1] < size):
                                continue
                            weight = [weights[part][out][x][r][c] for part in range(4)]
                            value = [float(picture[0, part * inputs + x, *at]) for part in range(4)]
                            product = hamilton(weight, value)
                            total = [one + more for one, more in zip(total, product, strict=True)]
                for part in range(4):
                    found = computed[part * outputs + out][row][column]
                    assert found == pytest.approx(total[part], abs=1e-9)


def test_a_linear_layer_is_the_hamilton_product():
    layer = QuaternionLinear(1, 1).double()
    with torch.no_grad():
        layer.parts.copy_(drawn(4, 1))
        layer.bias.zero_()
    value = drawn(8)[4:]
    expected = hamilton(layer.parts.flatten().tolist(), value.tolist())
    assert layer(value[None])[0].tolist() == pytest.approx(expected)


def test_i_times_j_is_k_and_j_times_i_is_minus_k():
    i, j, k = torch.eye(4)[1:]
    assert torch.equal(assembled(i[:, None]) @ j, k)
    assert torch.equal(assembled(j[:, None]) @ i, -k)


def test_a_layer_has_a_quarter_of_the_weights_of_a_real_one():
    layer = QuaternionConv2d(8, 16, 3)
    real = nn.Conv2d(32, 64, 3)
    assert 4 * layer.parts.numel() == real.weight.numel()
    assert assembled(layer.parts).shape == real.weight.shape


def test_the_initial_modulus_has_a_chi_distribution_and_the_axis_no_direction():
    drawn_parts = torch.empty(4 * 200, 100)
    initialise(drawn_parts, torch.Generator().manual_seed(0))
    parts = drawn_parts.reshape(4, 200, 100)
    scale = math.sqrt(2 / (4 * 100))
    modulus = parts.norm(dim=0) / scale
    # of chi with four degrees of freedom: the mean is 3/4 sqrt(2 pi), the mean square is 4
    assert float(modulus.mean()) == pytest.approx(0.75 * math.sqrt(2 * math.pi), rel=0.01)
    assert float(modulus.square().mean()) == pytest.approx(4, rel=0.02)
    axis = parts[1:] / parts[1:].norm(dim=0)
    assert axis.mean(dim=(1, 2)).abs().max() < 0.02
    assert axis.square().mean(dim=(1, 2)).tolist() == pytest.approx([1 / 3] * 3, abs=0.01)


def test_a_layer_keeps_the_variance_of_what_relu_lets_through():
    layer = QuaternionConv2d(32, 32, 3)
    initialise(layer.parts, torch.Generator().manual_seed(0))
    nn.init.zeros_(layer.bias)
    values = drawn(2, 128, 12, 12).float()
    outputs = layer(values.relu())[..., 1:-1, 1:-1]
    assert float(outputs.detach().square().mean()) == pytest.approx(1, rel=0.1)
