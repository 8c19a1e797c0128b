"""Attention that stays within utterances, as the layers of transformers call it."""

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

ATTENTION = "serbench"
"""The name under which transformers knows `attention`."""


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

    Query, key and value are (rows, heads, time, width of a head). The mask is the batch's `Layout`:
    layers pass on the mask that they are given.

    Returns:
        (rows, time, heads, width of a head), and no weights.
    """
    return attention_mask.attend(query, key, value, dropout, scaling).transpose(1, 2), None


def one_kernel(query: Tensor, dropout: float) -> Callable[..., Tensor] | None:
    """Choose the function that attends to all utterances in one CUDA kernel.

    Returns:
        `variable`, `jagged`, or None where utterances are computed one after the other.
    """
    if not query.is_cuda:
        return None  # a kernel an utterance is as fast
    half = query.dtype in (torch.float16, torch.bfloat16)
    if half and query.shape[-1] % 8 == 0 and not dropout and _has_variable():
        return variable
    # nested tensors cannot be made from tensors of inference mode
    return None if torch.is_inference_mode_enabled() else jagged


@functools.cache
def _has_variable() -> bool:
    """Return whether this torch is new enough."""
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

    Query, key, value and the result are (frames of all, heads, width of a head). `ends` is where
    each utterance ends, after a 0: (utterances + 1,), int32. `lengths` has the same numbers on the
    CPU, since asking the device for them would wait.
    """
    # imported late: it takes seconds, and is used on CUDA only
    from torch.nn.attention.varlen import varlen_attn

    assert not dropout, "this kernel has none"
    longest = max(lengths)
    attended = varlen_attn(query, key, value, ends, ends, longest, longest, scale=scale)
    assert isinstance(attended, Tensor)  # it returns more only if it is asked to
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
    """Compute what `variable` computes by nested tensors, which take longer to make.

    They have dropout, every precision and every device, but not inference mode.
    """
    q, k, v = (
        torch.nested.nested_tensor_from_jagged(
            part.contiguous(), ends, min_seqlen=min(lengths), max_seqlen=max(lengths)
        ).transpose(1, 2)
        for part in (query, key, value)
    )
    attended = scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale)
    return attended.transpose(1, 2).values()
