"""Find the commit of a run's code, and the command that installs it."""

import contextlib
import json
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.evaluation import provenance
from serbench.leaderboard.submissions.card import MOST_INSTALL, Code
from serbench.parameters import is_import_path
from serbench.plugins import import_path, registry, source_code
from serbench.results.fold_schema import Facts

CHANGES = "+changes"
"""Follows the commit of a checkout whose source differs from it."""


def other_code(facts: Facts) -> list[str]:
    """Return the installed packages whose source is not what a fold's facts recorded."""
    here = provenance.sources(facts.config)
    return [package for package, source in here.items() if facts.sources.get(package) != source]


def origin(facts: Facts) -> Code:
    """Return the commit and the install command of the code that made a fold, as far as known.

    The commit is that of the git checkout with the model's package, or the one that pip installed
    the package from. Both are empty if that code is no longer installed.
    """
    try:
        if other_code(facts):
            return Code()
    except SerbenchError:  # such as a model that is no longer installed
        return Code()
    name = facts.config.model
    path = name if is_import_path(name) else registry.find("model", name).target
    model, packages = import_path.top(path), list(facts.sources)
    checkout = _checkout(model)
    if checkout is None:
        commit = str(_direct(model).get("vcs_info", {}).get("commit_id", ""))
        return Code(commit=commit, install=_pip([_requirement(one) for one in packages]))
    local = [one for one in packages if _checkout(one) == checkout]
    commit = _commit(checkout, local)
    if not commit:
        return Code()
    others = [_requirement(one) for one in packages if one not in local]
    projects = [project for one in local if (project := _project(one, checkout))]
    get = f"git checkout {commit.removesuffix(CHANGES)}"
    needed = [*others, *projects]
    return Code(commit=commit, install=f"{get} && {_pip(needed)}" if _pip(needed) else "")


def _pip(requirements: Sequence[str]) -> str:
    """Return the command; "" if a package has no known source or the command is too long."""
    command = f"pip install {shlex.join(dict.fromkeys(requirements))}"
    return command if all(requirements) and len(command) <= MOST_INSTALL - 100 else ""


def _checkout(package: str) -> Path | None:
    """Return the top of the git checkout with a package; None for packages that pip installed."""
    place = source_code.place(package)
    if place is None or source_code.is_installed(package):
        return None
    top = _git(place.parent, "rev-parse", "--show-toplevel")
    return Path(top) if top else None


def _commit(checkout: Path, packages: Sequence[str]) -> str:
    """Return the commit, with `CHANGES` if the packages differ from it; "" without a commit."""
    commit = _git(checkout, "rev-parse", "--verify", "HEAD")
    if not commit:
        return ""
    places = [str(place) for one in packages if (place := source_code.place(one))]
    status = _git(checkout, "status", "--porcelain", "-uall", "--ignored", "--", *places)
    # of what git ignores, only Python files are source
    changed = [
        row
        for row in (status or "").splitlines()
        if not row.startswith("!!") or row.rstrip('"').endswith(".py")
    ]
    return commit + CHANGES * bool(changed or status is None)


def _git(folder: Path, *words: str) -> str | None:
    """Return what git prints; None if it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=60
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip("\n") if done.returncode == 0 else None


def _project(package: str, checkout: Path) -> str:
    """Return the folder that pip installs a package from, as typed at the checkout's top.

    Return "" for a module that belongs to no project: it runs from where it is.
    """
    place = source_code.place(package)
    assert place is not None
    for folder in place.resolve().parents:
        if any((folder / name).is_file() for name in ("pyproject.toml", "setup.py")):
            below = folder.relative_to(checkout.resolve())
            return f"./{below.as_posix()}" if below.parts else "."
        if folder == checkout.resolve():
            break
    return ""


def _requirement(package: str) -> str:
    """Return pip's requirement for a package, name==version or a commit; "" if unknown."""
    owner, known = _owner(package), _direct(package)
    if owner is None:
        return ""
    if not known:
        return f"{owner.metadata['Name']}=={owner.version}"
    if "vcs_info" not in known:
        return ""  # from a folder or a file of this machine
    url = re.sub(r"(?<=//)[^/@]*@", "", str(known["url"]))  # without a name or a token
    below = f"#subdirectory={known['subdirectory']}" if known.get("subdirectory") else ""
    vcs, commit = known["vcs_info"]["vcs"], known["vcs_info"]["commit_id"]
    return f"{owner.metadata['Name']} @ {vcs}+{url}@{commit}{below}"


def _direct(package: str) -> Mapping[str, Any]:
    """Return where pip got a package from, if not by name from an index; see PEP 610."""
    owner = _owner(package)
    known: Mapping[str, Any] = json.loads((owner and owner.read_text("direct_url.json")) or "{}")
    return known


def _owner(package: str) -> metadata.Distribution | None:
    """Return the distribution that installed a package."""
    for name in (package.replace("_", "-"), *metadata.packages_distributions().get(package, ())):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.distribution(name)
    return None
