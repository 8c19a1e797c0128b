"""Checks one plugin by name, each check where it can do no harm to the others."""

from collections.abc import Mapping
from pathlib import Path

from serbench import parallel
from serbench.errors import BadParameter, UnknownName, nearest
from serbench.files import expanded
from serbench.plugins import registry
from serbench.testing.isolated import LIMIT, verdicts
from serbench.testing.kinds import KINDS
from serbench.testing.packages import entry_points, names_of
from serbench.testing.report import Report

SPELT = {"feature": "features", "models": "model", "datasets": "dataset", "packages": "package"}


def check(
    name: str,
    kind: str | None = None,
    *,
    params: Mapping[str, object] | None = None,
    data: Path | None = None,
    limit: float = LIMIT,
) -> Report:
    """Run every check of a plugin's kind on it, in a process of their own.

    Args:
        name: of a model, a feature, a dataset or a package, as a user types it.
        kind: "model", "features", "dataset" or "package"; None looks it up, a package last.
        params: of the plugin.
        data: the folder of a dataset's corpus.
        limit: seconds after which a check is given up, counted from the last report of a model.

    Raises:
        UnknownName: nobody offers it; the nearest names are listed.
        BadParameter: there is no such kind, or several kinds have that name.
    """
    chosen = _kind(name) if kind is None else _known(SPELT.get(kind, kind))
    _require(name, chosen)
    words = {
        "kind": chosen,
        "name": name,
        "params": dict(params or {}),
        "data": str(expanded(data).resolve()) if data else None,
        "threads": parallel.cores(),
        "limit": limit,
    }
    return Report(chosen, name, KINDS[chosen].checks, verdicts(words))


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise nearest("kind of plugin", kind, list(KINDS))
    return kind


def _require(name: str, kind: str) -> None:
    """Raise where nobody offers that name."""
    KINDS[kind].package(name)


def _kind(name: str) -> str:
    """Which kind of plugin has that name; its package only where nothing else has.

    Raises:
        UnknownName: none.
        BadParameter: several.
    """
    found = [kind for kind in KINDS if _offered(name, kind)]
    things = [kind for kind in found if kind != "package"]
    if len(things) > 1:
        raise BadParameter(f"{name} is a {' and a '.join(things)}: say which with --kind")
    if not found:
        raise _unknown(name)
    return (things or found)[0]


def _offered(name: str, kind: str) -> bool:
    if kind == "model" and name.partition(":")[0] in registry.installed().entries["dataset"]:
        return False  # toy:seed=3 is no import path
    try:
        _require(name, kind)
    except UnknownName:
        return False
    return True


def _unknown(name: str) -> UnknownName:
    installed = registry.installed()
    names = {one for entries in installed.entries.values() for one in entries}
    names |= {one for point in entry_points() for one in names_of(point)}
    broken = [one.plugin for one in installed.broken]
    hint = f"; broken: `serbench plugin check {broken[0]}` says why" if broken else ""
    return nearest("dataset, feature, model or package", name, sorted(names), hint)
