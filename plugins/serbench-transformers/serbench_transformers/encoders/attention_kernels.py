"""Attention within utterances, with the interface that the layers of transformers call."""

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

ATTENTION = "serbench"
"""The name of `attention` in transformers."""


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attend within each utterance.

    Query, key and value are (rows, heads, time, width of a head). `attention_mask` is the batch's
    `Layout`, which the layers pass on.

    Returns:
        (rows, time, heads, width of a head), and None for the weights.
    """
    return attention_mask.attend(query, key, value, dropout, scaling).transpose(1, 2), None


def one_kernel(query: Tensor, dropout: float) -> Callable[..., Tensor] | None:
    """Choose the function that attends to all utterances in one CUDA kernel.

    Returns:
        `variable`, `jagged`, or None to compute utterances one after the other.
    """
    if not query.is_cuda:
        return None  # one kernel per utterance is as fast
    half = query.dtype in (torch.float16, torch.bfloat16)
    if half and query.shape[-1] % 8 == 0 and not dropout and _has_variable():
        return variable
    # nested tensors cannot be created from tensors of inference mode
    return None if torch.is_inference_mode_enabled() else jagged


@functools.cache
def _has_variable() -> bool:
    """Return whether this version of torch has the kernel of `variable`."""
    return importlib.util.find_spec("torch.nn.attention.varlen") is not None


def variable(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ends: Tensor,
    lengths: Sequence[int],
    dropout: float,
    scale: float | None,
) -> Tensor:
    """Attend within utterances that lie end to end, in half precision and without dropout.

    Query, key, value and the result are (all frames, heads, width of a head). `ends` is a 0 and the
    end of each utterance: (utterances + 1,), int32. `lengths` has the utterances' lengths on the
    CPU, since reading them from the device would wait.
    """
    # imported late, since this takes seconds and is needed only on CUDA
    from torch.nn.attention.varlen import varlen_attn

    assert not dropout, "this kernel has no dropout"
    longest = max(lengths)
    attended = varlen_attn(query, key, value, ends, ends, longest, longest, scale=scale)
    assert isinstance(attended, Tensor)  # more is returned only on request
    return attended


def jagged(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ends: Tensor,
    lengths: Sequence[int],
    dropout: float,
    scale: float | None,
) -> Tensor:
    """Do what `variable` does, but with nested tensors, which take longer to make.

    Nested tensors support dropout, every precision and every device, but not inference mode.
    """
    q, k, v = (
        torch.nested.nested_tensor_from_jagged(
            part.contiguous(), ends, min_seqlen=min(lengths), max_seqlen=max(lengths)
        ).transpose(1, 2)
        for part in (query, key, value)
    )
    attended = scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale)
    return attended.transpose(1, 2).values()
