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
"""Suffix of a commit if the source in the checkout differs from it."""


def other_code(facts: Facts) -> list[str]:
    """Return the installed packages whose source differs from that in a fold's facts."""
    here = provenance.sources(facts.config)
    return [package for package, source in here.items() if facts.sources.get(package) != source]


def origin(facts: Facts) -> Code:
    """Return the commit and the install command of the code that made a fold; "" where unknown.

    The commit is of the git checkout that contains the model's package, or of the source from which
    pip installed it. Both texts are empty if the code is no longer installed.
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
        return Code(commit=commit, install=_pip(list(map(_requirement, packages))))
    local = [package for package in packages if _checkout(package) == checkout]
    commit = _commit(checkout, local)
    if not commit:
        return Code()
    others = [_requirement(package) for package in packages if package not in local]
    projects = [project for package in local if (project := _project(package, checkout))]
    get = f"git checkout {commit.removesuffix(CHANGES)}"
    needed = [*others, *projects]
    return Code(commit=commit, install=f"{get} && {_pip(needed)}" if _pip(needed) else "")


def _pip(requirements: Sequence[str]) -> str:
    """Return the pip command; "" if a requirement is unknown or the command is too long."""
    command = f"pip install {shlex.join(dict.fromkeys(requirements))}"
    return command if all(requirements) and len(command) <= MOST_INSTALL - 100 else ""


def _checkout(package: str) -> Path | None:
    """Return the top folder of a package's git checkout; None for packages that pip installed."""
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
    places = [str(place) for package in packages if (place := source_code.place(package))]
    status = _git(checkout, "status", "--porcelain", "-uall", "--ignored", "--", *places)
    # ignored files ("!!") only matter if they are Python source
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
    """Return the path from the checkout's top to the folder from which pip installs a package.

    Return "" for a module outside any project: it runs without being installed.
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
    owner, source = _owner(package), _direct(package)
    if owner is None:
        return ""
    if not source:
        return f"{owner.metadata['Name']}=={owner.version}"
    if "vcs_info" not in source:
        return ""  # from a folder or a file of this machine
    url = re.sub(r"(?<=//)[^/@]*@", "", str(source["url"]))  # without user name or token
    below = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
    vcs, commit = source["vcs_info"]["vcs"], source["vcs_info"]["commit_id"]
    return f"{owner.metadata['Name']} @ {vcs}+{url}@{commit}{below}"


def _direct(package: str) -> Mapping[str, Any]:
    """Return from where pip installed a package (PEP 610); empty if by name from an index."""
    owner = _owner(package)
    source: Mapping[str, Any] = json.loads((owner and owner.read_text("direct_url.json")) or "{}")
    return source


def _owner(package: str) -> metadata.Distribution | None:
    """Return the distribution that installed a package."""
    for name in (package.replace("_", "-"), *metadata.packages_distributions().get(package, ())):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.distribution(name)
    return None
