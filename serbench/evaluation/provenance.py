"""Record the machine, the versions and the source code that computed a fold."""

import contextlib
import datetime
import functools
import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from serbench.datasets import names as dataset_names
from serbench.features.perturbation import parse
from serbench.parameters import is_import_path
from serbench.plugins import import_path, registry
from serbench.plugins.source_code import source_digest
from serbench.results.config import Config
from serbench.results.extra_set import ExtraSet

PACKAGES = (
    *("serbench", "numpy", "soundfile", "soxr", "librosa", "scikit-learn", "scipy"),
    *("torch", "transformers"),
)
VECTORS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "avx", "sse2")
"""Vector instructions of x86 processors, the widest first: rounding differs between them."""


def machine(config: Config, extras: Sequence[ExtraSet] = ()) -> Mapping[str, Any]:
    """Return when and where a fold was computed, and with which versions and sources."""
    return {
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "sources": sources(config, extras),
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "model": processor(),
        },
    }


def processor() -> str:
    """Return the processor's model and widest vector instructions: "AMD EPYC, avx512_bf16"."""
    try:
        rows = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    facts = {name.strip(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    flags = facts.get("flags", "").split()
    widest = next((vectors for vectors in VECTORS if vectors in flags), "")
    return ", ".join(filter(None, [facts.get("model name", platform.processor()), widest]))


@functools.cache  # no process imports another version than that of its start
def versions() -> Mapping[str, str]:
    """Return the installed versions of all packages that change results or their speed."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    return installed


def sources(config: Config, extras: Sequence[ExtraSet] = ()) -> dict[str, str]:
    """Return source digests of all packages that compute the results, without importing any.

    Args:
        config: the configuration of a run.
        extras: extra test sets of the run.
    """
    datasets = [config.dataset, *(extra.dataset for extra in extras)]
    perturbations = [str(config.reading.get("perturbation", "")), *config.augment]
    perturbations += [extra.perturbation for extra in extras]
    return sources_of(config.model, config.feature, datasets, perturbations)


def sources_of(
    model: str, feature: str, datasets: Sequence[str], perturbations: Sequence[str] = ()
) -> dict[str, str]:
    """Return source digests of the packages of a model, a feature and others, by their names."""
    named = {("model", model), ("feature", feature)}
    named |= {("dataset", name) for spec in datasets for name in dataset_names(spec)}
    named |= {("perturbation", parse(spec)[0]) for spec in perturbations if spec}
    packages = {"serbench"}
    for kind, name in named:
        if is_import_path(name):
            packages |= {*import_path.packages(name)}
        else:
            packages.add(import_path.top(registry.find(kind, name).target))
    packages |= {name for package in packages for name in _requirements(package)}
    return {package: source_digest(package) for package in sorted(packages)}


@functools.cache
def _requirements(package: str) -> Sequence[str]:
    """Return serbench's packages that a package requires, without its extras: "serbench_torch"."""
    try:
        requirements = metadata.requires(package.replace("_", "-")) or []
    except metadata.PackageNotFoundError:
        return []
    needed = [text for text in requirements if "extra ==" not in text]
    names = [re.split(r"[^\w-]", text)[0].replace("-", "_") for text in needed]
    return [name for name in names if name.startswith("serbench_")]
