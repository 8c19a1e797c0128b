"""Name the six kinds of plugins that can be checked and their checks, and find a plugin's kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.errors import BadParameter, UnknownName, nearest
from serbench.parameters import is_import_path
from serbench.plugins import registry, shipped
from serbench.testing.checks import (
    dataset,
    engine,
    features,
    learning,
    model,
    package,
    perturbation,
)
from serbench.testing.checks.package import entry_points, names_of
from serbench.testing.examination import Check, Subject


@dataclass(frozen=True)
class Kind:
    """The class that the checks of a kind take, and these checks in the order of reports."""

    subject: type[Subject]
    checks: Sequence[Check]

    def package(self, name: str) -> str:
        """Return the top-level package of a plugin's code; refuse an unknown name."""
        return self.subject(name, {}, Path()).package


KINDS: Mapping[str, Kind] = {
    "model": Kind(model.ModelSubject, (*model.CHECKS, *learning.CHECKS)),
    "features": Kind(features.FeatureSubject, features.CHECKS),
    "dataset": Kind(dataset.DatasetSubject, dataset.CHECKS),
    "perturbation": Kind(perturbation.PerturbationSubject, perturbation.CHECKS),
    "engine": Kind(engine.EngineSubject, engine.CHECKS),
    "package": Kind(package.PackageSubject, package.CHECKS),
}
ALIASES = {"feature": "features"} | {f"{kind}s": kind for kind in KINDS if kind != "features"}


def find_kind(name: str, kind: str | None) -> str:
    """Return the key in `KINDS` of a plugin's kind.

    Args:
        name: the name of the plugin, as a user types it.
        kind: the kind as a user types it; None finds it by the name, a package last.

    Raises:
        UnknownName: there is no such plugin or kind; the message lists the nearest names.
        BadParameter: plugins of several kinds have this name.
    """
    if kind is not None:
        kind = ALIASES.get(kind, kind)
        if kind not in KINDS:
            raise nearest("kind of plugin", kind, list(KINDS))
        KINDS[kind].package(name)
        return kind
    kinds = [kind for kind in KINDS if _is_offered(name, kind)]
    others = [kind for kind in kinds if kind != "package"]
    if len(others) > 1:
        raise BadParameter(f"{name} is a {' and a '.join(others)}: say which with --kind")
    if kinds:
        return (others or kinds)[0]
    for kind in registry.KINDS:
        if remedy := shipped.remedy(kind, name):
            raise UnknownName(f"the {kind} {name!r} is not installed: {remedy}")
    installed = registry.installed()
    names = {entry for entries in installed.entries.values() for entry in entries}
    names |= {package for point in entry_points() for package in names_of(point)}
    broken = [plugin.plugin for plugin in installed.broken]
    hint = f"; broken: `serbench plugin check {broken[0]}` says why" if broken else ""
    raise nearest(
        "dataset, feature, model, perturbation, engine or package", name, sorted(names), hint
    )


def _is_offered(name: str, kind: str) -> bool:
    if kind == "model" and name.partition(":")[0] in registry.installed().entries["dataset"]:
        return False  # toy:seed=3 is not an import path
    if kind == "perturbation" and is_import_path(name):
        return False  # it is a model, unless the user says otherwise
    try:
        KINDS[kind].package(name)
    except UnknownName:
        return False
    return True
