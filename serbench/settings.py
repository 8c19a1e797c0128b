"""Where things are: corpora, cache, results, device. Never what is computed."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True)
class Settings:
    """Places and devices of this machine.

    Attributes:
        data: the parent of all corpora: `data / "ravdess"`.
        cache: what can be computed again: features, audio digests, generated corpora.
        results: the parent of all runs.
        device: "auto", "cpu" or "cuda".
    """

    data: Path
    cache: Path
    results: Path
    device: str = "auto"


def settings() -> Settings:
    """The settings of this process: SERBENCH_DATA, _CACHE, _RESULTS and _DEVICE, or defaults."""
    return Settings(
        data=_folder("SERBENCH_DATA", platformdirs.user_data_path("serbench")),
        cache=_folder("SERBENCH_CACHE", platformdirs.user_cache_path("serbench")),
        results=_folder("SERBENCH_RESULTS", Path("results")),
        device=os.environ.get("SERBENCH_DEVICE", "auto"),
    )


def _folder(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default).expanduser()


def results_folder(given: Path | None) -> Path:
    """The parent folder of all runs: the one given, or that of the settings."""
    return (given or settings().results).expanduser()
