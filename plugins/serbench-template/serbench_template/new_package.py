"""Write the package of a new plugin: a working template in which the plugin's name is replaced."""

import re
from collections.abc import Mapping
from pathlib import Path

from serbench import SerbenchError, nearest
from serbench.files import expanded, replacing_folder
from serbench_template.package_name import Name, checked, taken

TEMPLATES = Path(__file__).parent / "templates"
KINDS: Mapping[str, Name] = {
    kind: Name(f"example-{kind}")
    for kind in ("model", "features", "dataset", "perturbation", "engine")
}
"""The name in the template of each kind, which the author's name replaces."""

HIDDEN = {".github", ".gitignore"}
LEFT_BEHIND = {"__pycache__", "build", "dist", "results", "corpus"}
"""Folders, besides hidden ones, that tools create in a template."""


def new(name: str, kind: str = "model", into: Path = Path()) -> Path:
    """Write a small working package for its author to change, and return its folder.

    Args:
        name: lower case, digits, hyphens: "my-cnn".
        kind: a key of `KINDS`.
        into: the folder in which to create the package's folder.

    Raises:
        SerbenchError: the kind is unknown, the name is impossible or taken, or the folder exists
            already; nothing is written.
    """
    files = template(kind)
    own = checked(name)
    folder = expanded(into) / own.plugin
    if folder.exists() or folder.is_symlink():
        raise SerbenchError(
            f"{folder} exists already, and nothing in it was changed: choose another name, another "
            "place with --into, or move the folder away"
        )
    files = renamed(files, KINDS[kind], own)
    with replacing_folder(folder) as temporary:
        for path, text in files.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text, encoding="utf-8")
    return folder


def next_steps(kind: str, folder: Path) -> str:
    """Return a message to the author, with the first commands of the new package's README."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    commands = readme.partition("```bash\n")[2].partition("```")[0]
    lines = [f"cd {folder}", *commands.splitlines()]
    shown = "\n".join(f"  {line}" for line in lines)
    return f"{folder} is a working {kind} plugin; its README.md says what to change. Next:\n{shown}"


def template(kind: str) -> dict[str, str]:
    """Read the files of a kind's template, sorted: path -> text.

    Raises:
        UnknownName: there is no such kind.
    """
    if kind not in KINDS:
        raise nearest("kind of plugin", kind, list(KINDS))
    root = TEMPLATES / kind
    paths = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
    return {
        path.as_posix(): (root / path).read_text(encoding="utf-8")
        for path in paths
        if not any(map(_is_left_behind, path.parts))
    }


def _is_left_behind(part: str) -> bool:
    hidden = part.startswith(".") and part not in HIDDEN
    return hidden or part in LEFT_BEHIND or part.endswith(".egg-info")


def renamed(files: Mapping[str, str], old: Name, own: Name) -> dict[str, str]:
    """Replace a name in all its forms by another one, in paths and texts.

    Raises:
        BadParameter: the package already uses the name of the new class for something else.
    """
    sources = [text for path, text in files.items() if path.endswith(".py")]
    if own != old and any(re.search(rf"\b{own.type}\b", text) for text in sources):
        raise taken(own.plugin, f"its class would be {own.type}, a name that the package uses")
    forms = dict(zip(old.forms, own.forms, strict=True))
    pattern = re.compile("|".join(map(re.escape, forms)))

    def replaced(text: str) -> str:
        return pattern.sub(lambda match: forms[match.group()], text)

    return {replaced(path): replaced(text) for path, text in files.items()}
