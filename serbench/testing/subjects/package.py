"""A package under examination: its entry points, and what importing their modules brings along."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint
from typing import Any

from serbench.contracts import Entry
from serbench.errors import nearest
from serbench.plugins.registry import HOOKS, Offer, offers
from serbench.testing.examination import Violation

HEAVY = (
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "librosa",
    "numba",
    "pandas",
    "matplotlib",
    "tensorflow",
    "jax",
)
"""What takes tenths of seconds to import, and more."""

# the module of a hook is its argument; what was there before does not count
NAMING = """
import importlib, json, sys
heavy = json.loads(sys.argv[2])
before = set(sys.modules)
module = importlib.import_module(sys.argv[1])
for name in json.loads(sys.argv[3]):
    list(getattr(module, name, tuple)())
print(json.dumps([name for name in heavy if name in sys.modules and name not in before]))
"""


@dataclass
class Package:
    """An installed package that has entry points in the group "serbench".

    Attributes:
        name: of the distribution, or of one of its entry points.
    """

    name: str

    @cached_property
    def points(self) -> Sequence[EntryPoint]:
        """Its entry points.

        Raises:
            UnknownName: no installed package has that name and an entry point.
        """
        found = [point for point in entry_points() if normal(self.name) in names_of(point)]
        if not found:
            known = sorted({name for point in entry_points() for name in names_of(point)})
            hint = "; is it installed, with [project.entry-points.serbench] in its pyproject.toml?"
            raise nearest("package with plugins", self.name, known, hint)
        return found

    @cached_property
    def modules(self) -> Mapping[str, Any]:
        """What its entry points lead to, by their names."""
        return {point.name: point.load() for point in self.points}

    @cached_property
    def offers(self) -> Sequence[Offer]:
        """What its hooks return, sound or not."""
        return [offer for module in self.modules.values() for offer in offers(module)]

    @cached_property
    def entries(self) -> Sequence[tuple[str, Entry]]:
        """Each sound entry with its kind."""
        return [(offer.kind, offer.entry) for offer in self.offers if offer.entry is not None]


def entry_points() -> Sequence[EntryPoint]:
    """All of the group "serbench"."""
    return tuple(importlib.metadata.entry_points(group="serbench"))


def names_of(point: EntryPoint) -> set[str]:
    """What a user may call the package of an entry point."""
    return {normal(point.name), *([normal(point.dist.name)] if point.dist else [])}


def normal(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def brought(point: EntryPoint) -> list[str]:
    """The heavy modules that naming an entry point's plugins imports, in a fresh process.

    Raises:
        Violation: that process fails.
    """
    words = [point.module, json.dumps(HEAVY), json.dumps([*HOOKS])]
    path = os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))
    done = subprocess.run(
        [sys.executable, "-P", "-c", NAMING, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Violation(f"{point.module} cannot be imported in a fresh process: {last}")
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found
