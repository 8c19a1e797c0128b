"""Which device a model computes on, as the user wishes and the machine at hand allows."""

import contextlib
import importlib
import platform
from typing import Any

from serbench.errors import BadParameter, SerbenchError

KNOWN = ("auto", "cpu", "cuda")


def require_known(wanted: str) -> str:
    """Return the device as asked for; whether it exists is decided where the fold is computed.

    Raises:
        BadParameter: it is not "auto", "cpu" or "cuda".
    """
    if wanted not in KNOWN:
        raise BadParameter(f"the device is {wanted!r}, but must be auto, cpu or cuda")
    return wanted


def found(wanted: str) -> str:
    """Return the device on this machine, "cpu" or "cuda"; import PyTorch unless "cpu" is wanted.

    Args:
        wanted: "auto", "cpu" or "cuda".

    Raises:
        SerbenchError: "cuda" is wanted, but PyTorch cannot use it here.
    """
    if require_known(wanted) == "cpu":
        return "cpu"
    torch: Any = None
    with contextlib.suppress(ImportError):
        torch = importlib.import_module("torch")
    if torch is not None and torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise SerbenchError(
            f"there is no CUDA device that PyTorch can use on {platform.node()}; try --device cpu"
        )
    return "cpu"
