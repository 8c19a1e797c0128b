"""Which device models compute on, as the user wishes and the machine allows."""

import sys
from typing import Any

from serbench.errors import BadParameter, SerbenchError


def chosen(wanted: str) -> str:
    """The device, "cpu" or "cuda"; torch is asked only if something has already imported it.

    Args:
        wanted: "auto", "cpu" or "cuda".

    Raises:
        BadParameter: there is no such device.
        SerbenchError: PyTorch cannot use it here.
    """
    torch: Any = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_available()
    if wanted not in ("auto", "cpu", "cuda"):
        raise BadParameter(f"the device is {wanted!r}, but must be auto, cpu or cuda")
    if wanted == "cuda" and torch is not None and not cuda:
        raise SerbenchError("there is no CUDA device that PyTorch can use; try --device cpu")
    return "cuda" if cuda and wanted != "cpu" else "cpu"
