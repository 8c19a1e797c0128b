"""Attention that stays within utterances, by the name under which transformers calls it."""

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from serbench_transformers.encoders.layout import Layout

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


def one_kernel(query: Tensor, dropout: float) -> Callable[..., Tensor] | None:
    """What attends to all utterances in one kernel of CUDA: `variable`, `jagged`, or None.

    Args:
        query: what attends.
        dropout: of the attention weights.
    """
    if not query.is_cuda:
        return None  # a kernel an utterance is as fast
    half = query.dtype in (torch.float16, torch.bfloat16)
    if half and query.shape[-1] % 8 == 0 and not dropout and _has_variable():
        return variable
    # nested tensors cannot be made of what inference mode has made
    return None if torch.is_inference_mode_enabled() else jagged


@functools.cache
def _has_variable() -> bool:
    """Whether this torch is new enough."""
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
    """Attention within utterances that lie end to end, in half precision and without dropout.

    Args:
        query: (frames of all, heads, width of a head), and so are key and value.
        key: see query.
        value: see query.
        ends: (utterances + 1,) int32, where each utterance ends, after a 0.
        lengths: how many frames each utterance has; asking the device for them would wait.
        dropout: of the attention weights: 0.
        scale: of the products; None is one over the root of the width.

    Returns:
        What query is like.
    """
    # what this imports takes seconds, for which a CPU need not wait
    from torch.nn.attention.varlen import varlen_attn

    assert not dropout, "this kernel has none"
    longest = max(lengths)
    attended = varlen_attn(query, key, value, ends, ends, longest, longest, scale=scale)
    assert isinstance(attended, Tensor)
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
    """What `variable` computes, by nested tensors, which take longer to make.

    These have dropout, every precision and every device, but not in inference mode.
    """
    nested = [
        torch.nested.nested_tensor_from_jagged(
            each.contiguous(), ends, min_seqlen=min(lengths), max_seqlen=max(lengths)
        ).transpose(1, 2)
        for each in (query, key, value)
    ]
    attended = scaled_dot_product_attention(*nested, dropout_p=dropout, scale=scale)
    return attended.transpose(1, 2).values()
