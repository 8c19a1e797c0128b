"""Where and with what a fold was computed, recorded beside every result."""

import datetime
import platform
import re
import resource
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from serbench import importpaths, plugins
from serbench.jobs import Config, Job
from serbench.names import by_path
from serbench.sources import source_digest


def machine(job: Job) -> Mapping[str, Any]:
    """Device, threads, memory, versions and source digests of this process's work on a job."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kB on Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return {
        "device": job.device,
        "threads": job.threads,
        "peak_memory_mb": round(peak, 1),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "sources": sources(job.config),
        "machine": {"system": platform.platform(), "processor": platform.machine()},
    }


def versions() -> dict[str, str]:
    """Of everything whose version changes numbers or their speed."""
    found = {"python": platform.python_version()}
    for name in (
        "serbench",
        "numpy",
        "soundfile",
        "soxr",
        "librosa",
        "scikit-learn",
        "scipy",
        "torch",
        "transformers",
    ):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def sources(config: Config) -> dict[str, str]:
    """A digest of the source of every package that had a part in the numbers; imports none."""
    named = [("feature", config.feature), ("dataset", config.dataset.partition(":")[0])]
    packages = {"serbench"}
    if by_path(config.model):
        packages |= {*importpaths.packages(config.model)}
    else:
        named.append(("model", config.model))
    packages |= {importpaths.top(plugins.find(kind, name).target) for kind, name in named}
    packages |= {needed for package in packages for needed in _needed(package)}
    return {package: source_digest(package) for package in sorted(packages)}


def _needed(package: str) -> set[str]:
    """The packages of serbench that a plugin is built on: "serbench_torch"."""
    try:
        requirements = metadata.requires(package.replace("_", "-")) or []
    except metadata.PackageNotFoundError:
        return set()
    names = (re.match(r"[\w-]+", each) for each in requirements)
    found = {name.group().replace("-", "_") for name in names if name}
    return {name for name in found if name.startswith("serbench_")}
