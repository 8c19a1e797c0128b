"""Where and with what a fold was computed, recorded beside every result."""

import datetime
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from serbench.parameters import is_import_path
from serbench.plugins import import_path, registry
from serbench.plugins.source_code import source_digest
from serbench.results.config import Config

VECTORS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "avx", "sse2")
"""Vector instructions of x86 processors, the widest first: rounding differs between them."""


def machine(config: Config) -> Mapping[str, Any]:
    """Return when and where a fold was computed, and with which versions and sources."""
    return {
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "sources": sources(config),
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
    known = facts.get("flags", "").split()
    widest = next((one for one in VECTORS if one in known), "")
    return ", ".join(filter(None, [facts.get("model name", platform.processor()), widest]))


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
    if is_import_path(config.model):
        packages |= {*import_path.packages(config.model)}
    else:
        named.append(("model", config.model))
    packages |= {import_path.top(registry.find(kind, name).target) for kind, name in named}
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
