"""Where and with what a fold was computed, recorded beside every result."""

import datetime
import importlib.util
import platform
import re
import resource
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from serbench import plugins
from serbench.files import digest, file_digest
from serbench.jobs import Config, Job


def machine(job: Job) -> Mapping[str, Any]:
    """Device, threads, memory, versions and source digests of this process's work on a job."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kB on Linux
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
    """A digest of the source of every package that had a part in the numbers."""
    targets = {
        plugins.find(kind, name).target
        for kind, name in (
            ("model", config.model),
            ("feature", config.feature),
            ("dataset", config.dataset.partition(":")[0]),
        )
    }
    packages = {target.partition(".")[0].partition(":")[0] for target in targets} | {"serbench"}
    packages |= {needed for package in packages for needed in _needed(package)}
    return {package: _source_digest(package) for package in sorted(packages)}


def _needed(package: str) -> set[str]:
    """The packages of serbench that a plugin is built on: "serbench_torch"."""
    try:
        requirements = metadata.requires(package.replace("_", "-")) or []
    except metadata.PackageNotFoundError:
        return set()
    names = (re.match(r"[\w-]+", each) for each in requirements)
    found = {name.group().replace("-", "_") for name in names if name}
    return {name for name in found if name.startswith("serbench_")}


def _source_digest(package: str) -> str:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    folder = origin.parent if origin.name == "__init__.py" else None
    files = sorted(folder.rglob("*.py")) if folder else [origin]
    base = folder or origin.parent
    return digest([[str(f.relative_to(base)), file_digest(f)] for f in files])[:16]
