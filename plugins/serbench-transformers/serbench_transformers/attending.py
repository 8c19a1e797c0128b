"""Attention that stays within utterances, by the name under which transformers calls it."""

import functools
import importlib.util
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from serbench_transformers.packing import Layout

ATTENTION = "serbench"
"""The name under which transformers knows `attention`."""


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: "Layout",
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attention within each utterance; called by the layers of transformers.

    Args:
        module: the layer that calls.
        query: (rows, heads, time, width of a head), and so are key and value.
        key: see query.
        value: see query.
        attention_mask: where the utterances are: layers pass on what they are given.
        dropout: of the attention weights.
        scaling: of the products; None is one over the root of the width.

    Returns:
        (rows, time, heads, width of a head), and no weights.
    """
    return attention_mask.attended(query, key, value, dropout, scaling).transpose(1, 2), None


def in_one_kernel(query: Tensor, dropout: float) -> bool:
    """Whether `variable` can be had: on CUDA, in half precision, without dropout."""
    return (
        query.is_cuda
        and query.dtype in (torch.float16, torch.bfloat16)
        and query.shape[-1] % 8 == 0
        and not dropout
        and _has_kernel()
    )


@functools.cache
def _has_kernel() -> bool:
    """Whether this torch is new enough."""
    return importlib.util.find_spec("torch.nn.attention.varlen") is not None


def variable(
    query: Tensor, key: Tensor, value: Tensor, ends: Tensor, longest: int, scale: float | None
) -> Tensor:
    """Attention within utterances that lie end to end, all in one kernel of CUDA.

    Args:
        query: (1, heads, frames of all, width of a head), and so are key and value.
        key: see query.
        value: see query.
        ends: (utterances + 1,) int32, where each utterance ends, after a 0.
        longest: the most frames that an utterance has.
        scale: of the products; None is one over the root of the width.

    Returns:
        What query is like.
    """
    # what this imports takes seconds, for which a CPU need not wait
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (each[0].transpose(0, 1) for each in (query, key, value))
    attended = varlen_attn(q, k, v, ends, ends, longest, longest, scale=scale)
    assert isinstance(attended, Tensor)
    return attended.transpose(0, 1)[None]
