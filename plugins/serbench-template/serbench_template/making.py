"""Makes a new plugin: a package that works as it stands, with the author's name put in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serbench.errors import SerbenchError, nearest
from serbench.files import expanded, replacing_folder
from serbench_template.naming import Name, checked, taken

TEMPLATES = Path(__file__).parent / "templates"
KINDS: Mapping[str, Name] = {
    kind: Name(f"example-{kind}") for kind in ("model", "features", "dataset")
}
"""What can be made, and the name that stands in its template."""

HIDDEN = {".github", ".gitignore"}
LEFT_BEHIND = {"__pycache__", "build", "dist", "results", "corpus"}
"""Folders that are no part of a template; tools leave them there, and hidden files."""


@dataclass(frozen=True)
class Made:
    """A new plugin.

    Attributes:
        folder: where it is.
        text: what to tell its author: what it is, and which commands come next.
    """

    folder: Path
    text: str


def new(name: str, kind: str = "model", into: Path = Path()) -> Made:
    """Make a folder with a small package that works, to change into one's own.

    Args:
        name: lower case, digits, hyphens: "my-cnn".
        kind: "model", "features" or "dataset".
        into: where its folder is made.

    Raises:
        SerbenchError: the kind is unknown, the name is impossible or taken, or there is something
            of that name in the folder; then nothing is written.
    """
    files = template(kind)
    own = checked(name)
    folder = expanded(into) / own.plugin
    if folder.exists() or folder.is_symlink():
        raise SerbenchError(
            f"{folder} is there already, and nothing in it was touched: choose another name, "
            "another place with --into, or move it away"
        )
    written = renamed(files, KINDS[kind], own)
    with replacing_folder(folder) as temporary:
        for path, text in written.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text, encoding="utf-8")
    return Made(folder, _text(kind, folder, written["README.md"]))


def template(kind: str) -> dict[str, str]:
    """The files of a kind's template, sorted: path -> text.

    Raises:
        UnknownName: there is no such kind.
    """
    if kind not in KINDS:
        raise nearest("kind of plugin", kind, list(KINDS))
    root = TEMPLATES / kind
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {
        path.as_posix(): (root / path).read_text(encoding="utf-8")
        for path in (file.relative_to(root) for file in found)
        if not any(map(_left_behind, path.parts))
    }


def _left_behind(part: str) -> bool:
    hidden = part.startswith(".") and part not in HIDDEN
    return hidden or part in LEFT_BEHIND or part.endswith(".egg-info")


def renamed(files: Mapping[str, str], old: Name, own: Name) -> dict[str, str]:
    """The files with one name put in the place of another, in paths and texts.

    Raises:
        BadParameter: the new class would be called as something is that the package uses.
    """
    if own != old and any(re.search(rf"\b{own.type}\b", text) for text in _sources(files)):
        raise taken(
            own.plugin, f"its class would be called {own.type}, as something in the package is"
        )
    forms = dict(zip(old.forms, own.forms, strict=True))
    pattern = re.compile("|".join(map(re.escape, forms)))

    def put(text: str) -> str:
        return pattern.sub(lambda found: forms[found.group()], text)

    return {put(path): put(text) for path, text in files.items()}


def _sources(files: Mapping[str, str]) -> list[str]:
    return [text for path, text in files.items() if path.endswith(".py")]


def _text(kind: str, folder: Path, readme: str) -> str:
    """What was made, and the commands that its README begins with."""
    commands = readme.partition("```bash\n")[2].partition("```")[0]
    lines = [f"cd {folder}", *commands.splitlines()]
    shown = "\n".join(f"  {line}" for line in lines)
    return (
        f"{folder} is a {kind} plugin that works as it is; what to change is in its README.md. "
        f"Next:\n{shown}"
    )
