"""Count the floating-point operations of a computation, and measure a machine's speed."""

import math
import timeit
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from serbench_torch.devices import Precision, arithmetic

SIDE = 2048  # rows and columns of the matrices whose product is timed
SECONDS = 1.0


def flops(compute: Callable[[], Tensor], training: bool) -> float:
    """Count the floating-point operations of a computation; a multiply-add counts as two.

    `torch.utils.flop_counter` counts convolutions, matrix products and attention, which take nearly
    all of the time. With tensors on the device "meta", nothing is computed.

    Args:
        compute: function without arguments that returns any tensor.
        training: also count the computation of gradients.
    """
    from torch.utils.flop_counter import FlopCounterMode  # late: it imports many modules

    rules = {torch.ops.aten.convolution_backward: _of_convolution_backward}
    counter = FlopCounterMode(display=False, custom_mapping=rules)
    with counter, torch.set_grad_enabled(training):
        result = compute()
        if training:
            result.sum().backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops())


def _of_convolution_backward(gradient: Any, inputs: Any, weight: Any, *rest: Any, **_: Any) -> int:
    """Count, for each requested gradient, one product as large as that of the forward pass.

    torch's own rule counts the weights' gradient once for every group of channels. `gradient` is
    the shape of the output, (n, channels out, time...), `weight` is (channels out, channels in of a
    group, kernel...); the last argument flags the requested gradients: inputs, weights, bias.
    """
    return 2 * math.prod(gradient) * math.prod(weight[1:]) * sum(map(bool, rest[-1][:2]))


def peak(device: str, precision: Precision, count: int, seconds: float = SECONDS) -> float:
    """Measure the floating-point operations per second of a product of large matrices.

    `count` is the number of threads; the measurement takes about `seconds`.
    """
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    left, right = (torch.randn(SIDE, SIDE, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)

    def product() -> None:
        torch.mm(left, right, out=out)
        if device == "cuda":
            torch.cuda.synchronize()

    with arithmetic(count), torch.inference_mode():
        product()
        repeats = max(1, int(seconds / timeit.timeit(product, number=1)))
        # the shortest, since other programs can only slow a product down
        return 2 * SIDE**3 / min(timeit.repeat(product, number=1, repeat=repeats))


def gain(device: str, precision: str) -> dict[str, float]:
    """For a fold in float32, measure how much faster its GPU would multiply in bfloat16.

    Returns:
        A fact for a model's `describe`; empty without a GPU that has both, or in bfloat16.
    """
    if device != "cuda" or precision != "float32" or not torch.cuda.is_bf16_supported():
        return {}
    halved, full = (peak(device, kind, 1, seconds=0.1) for kind in ("bfloat16", "float32"))
    return {"bfloat16_gain": round(halved / full, 1)}
