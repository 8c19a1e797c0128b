"""Write the package of a new plugin: a template that works, with the author's name put in."""

import re
from collections.abc import Mapping
from pathlib import Path

from serbench import SerbenchError, nearest
from serbench.files import expanded, replacing_folder
from serbench_template.package_name import Name, checked, taken

TEMPLATES = Path(__file__).parent / "templates"
KINDS: Mapping[str, Name] = {
    kind: Name(f"example-{kind}") for kind in ("model", "features", "dataset")
}
"""The name that stands in the template of each kind."""

HIDDEN = {".github", ".gitignore"}
LEFT_BEHIND = {"__pycache__", "build", "dist", "results", "corpus"}
"""Folders that tools leave in a template, besides hidden ones."""


def new(name: str, kind: str = "model", into: Path = Path()) -> Path:
    """Write a small package that works, to change into one's own, and return its folder.

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
    files = renamed(files, KINDS[kind], own)
    with replacing_folder(folder) as temporary:
        for path, text in files.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text, encoding="utf-8")
    return folder


def next_steps(kind: str, folder: Path) -> str:
    """Tell the author what `new` made, and the commands that its README begins with."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    commands = readme.partition("```bash\n")[2].partition("```")[0]
    lines = [f"cd {folder}", *commands.splitlines()]
    shown = "\n".join(f"  {line}" for line in lines)
    return (
        f"{folder} is a {kind} plugin that works as it is; what to change is in its README.md. "
        f"Next:\n{shown}"
    )


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
    """Put one name in the place of another, in paths and texts.

    Raises:
        BadParameter: the new class would be called as something is that the package uses.
    """
    sources = [text for path, text in files.items() if path.endswith(".py")]
    if own != old and any(re.search(rf"\b{own.type}\b", text) for text in sources):
        raise taken(
            own.plugin, f"its class would be called {own.type}, as something in the package is"
        )
    forms = dict(zip(old.forms, own.forms, strict=True))
    pattern = re.compile("|".join(map(re.escape, forms)))

    def put(text: str) -> str:
        return pattern.sub(lambda match: forms[match.group()], text)

    return {put(path): put(text) for path, text in files.items()}
