"""Find the folders and the device of this machine; none of them changes a result."""

import contextlib
import importlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from serbench.errors import BadParameter, SerbenchError
from serbench.files import expanded


@dataclass(frozen=True)
class Settings:
    """The folders and the device of this machine."""

    data: Path  # the parent of all corpora: `data / "ravdess"`
    cache: Path  # features, audio digests and generated corpora, which can be computed again
    results: Path  # the parent of all runs
    device: str = "auto"  # one of `DEVICES`


def settings() -> Settings:
    """Return the settings in SERBENCH_DATA, _CACHE, _RESULTS and _DEVICE, or their defaults.

    Raises:
        SerbenchError: a folder is not set, and has no default without a home directory.
    """
    return Settings(
        data=_folder("SERBENCH_DATA", platformdirs.user_data_path),
        cache=_folder("SERBENCH_CACHE", platformdirs.user_cache_path),
        results=results_folder(),
        device=os.environ.get("SERBENCH_DEVICE", "auto"),
    )


def _folder(variable: str, default: Callable[[str], Path]) -> Path:
    given = os.environ.get(variable)
    if given:
        return expanded(given)
    try:
        return default("serbench").expanduser()
    except RuntimeError as error:
        raise SerbenchError(
            f"{variable} is not set, and without a home directory it has no default: set "
            "SERBENCH_DATA and SERBENCH_CACHE to folders, or set HOME"
        ) from error


def results_folder(given: str | Path | None = None) -> Path:
    """Return the parent folder of all runs: the one given, SERBENCH_RESULTS, or "results"."""
    return expanded(given or os.environ.get("SERBENCH_RESULTS") or "results")


DEVICES = ("auto", "cpu", "cuda")


def require_device(device: str) -> str:
    """Return the device if its name is valid; the process of a fold checks that it exists.

    Raises:
        BadParameter: it is not one of `DEVICES`.
    """
    if device not in DEVICES:
        raise BadParameter(f"the device is {device!r}, but must be auto, cpu or cuda")
    return device


def find_device(device: str) -> str:
    """Return "cpu" or "cuda" for one of `DEVICES`; import PyTorch unless it is "cpu".

    Raises:
        SerbenchError: "cuda" is requested, but PyTorch cannot use it here.
    """
    if require_device(device) == "cpu":
        return "cpu"
    with contextlib.suppress(ImportError):
        if importlib.import_module("torch").cuda.is_available():
            return "cuda"
    if device == "cuda":
        raise SerbenchError(
            f"there is no CUDA device that PyTorch can use on {platform.node()}; try --device cpu"
        )
    return "cpu"
