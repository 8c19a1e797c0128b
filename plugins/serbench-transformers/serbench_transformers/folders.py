"""Knows a folder of weights by its contents, so that results name it without its path."""

import contextlib
import fnmatch
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from serbench.errors import SerbenchError
from serbench.files import digest, file_digest, replacing, writing_error

PREFIX = "sha256:"
DIGITS = 16  # of the digest, in a revision and in a link's name

CONFIGS = ("config.json", "preprocessor_config.json", "processor_config.json")
"""What says how an encoder is built and what it wants to hear."""

WEIGHTS = ("*.safetensors", "*.safetensors.index.json")


def revision_of(folder: Path) -> str:
    """The identity of a folder: "sha256:" and 16 digits, over its configuration and weights.

    The digest of every file is remembered by its size and times, since weights are large.
    """
    found = sorted({path for pattern in (*CONFIGS, *WEIGHTS) for path in folder.glob(pattern)})
    memory = _home() / "digests" / f"{digest(str(folder.resolve()))[:DIGITS]}.json"
    before = _remembered(memory)
    now = {path.name: _known(path, before.get(path.name)) for path in found}
    if now != before:
        with replacing(memory) as temporary:
            temporary.write_text(json.dumps(now))
    return PREFIX + digest([[name, entry[1]] for name, entry in now.items()])[:DIGITS]


def _known(path: Path, entry: list[Any] | None) -> list[Any]:
    """The stamp and the digest of a file, read only where it changed since `entry` was made."""
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    return entry if entry and entry[0] == stamp else [stamp, file_digest(path)]


def _remembered(memory: Path) -> dict[str, list[Any]]:
    try:
        known: dict[str, list[Any]] = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return known


def remember(name: str, revision: str, folder: Path) -> None:
    """Leave a link to the folder in the cache, by which a worker finds it again."""
    link, target = _link(name, revision), str(folder.absolute())
    if link.is_symlink() and os.readlink(link) == target:
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(target, target_is_directory=True)
        temporary.replace(link)
    except OSError as error:
        raise writing_error(link, error) from error


def recall(name: str, revision: str) -> Path:
    """The folder that was remembered, if its contents are still the same.

    Raises:
        SerbenchError: it was never given here, is gone, or holds something else now.
    """
    link = _link(name, revision)
    if not link.is_symlink():
        raise SerbenchError(
            f"the checkpoint {name} ({revision}) is a folder that was never given here: give it "
            "with --param checkpoint=FOLDER"
        )
    folder = Path(os.readlink(link))
    if not (folder / "config.json").is_file():
        raise SerbenchError(
            f"the checkpoint {name} ({revision}) was in {folder}, but is gone: put it back, or "
            "give its new place with --param checkpoint=FOLDER"
        )
    require_same(folder, revision)
    return folder


def require_same(folder: Path, revision: str) -> None:
    """Refuse a folder whose contents are not those of `revision`.

    Raises:
        SerbenchError: they are not.
    """
    if (now := revision_of(folder)) != revision:
        raise SerbenchError(
            f"the checkpoint in {folder} is {now} now, not {revision}: put the files back as they "
            f"were, or start a new run with --param checkpoint={folder}"
        )


def missing_shards(folder: Path) -> list[str]:
    """The files that the folder's index of weights names, but that are not there."""
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text())
        names = sorted(set(index["weight_map"].values()))
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SerbenchError(
            f"{folder}/model.safetensors.index.json is not an index of weights: get it again"
        ) from error
    return [name for name in names if not (folder / name).is_file()]


def require_sound(path: Path) -> None:
    """Refuse weights that are cut off, or were never fetched from Git LFS.

    Raises:
        SerbenchError: they are.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            return
    except SafetensorError as error:
        with path.open("rb") as file:
            pointer = file.read(40).startswith(b"version https://git-lfs")
        problem = (
            "is a Git LFS pointer, not weights: run `git lfs pull` there"
            if pointer
            else f"is cut off or no safetensors ({error}): get this file again"
        )
        raise SerbenchError(f"{path} {problem}") from error


def has_weights(folder: Path) -> bool:
    """Whether all its weights are there: one file of safetensors, or an index and all shards."""
    if (folder / "model.safetensors").is_file():
        return True
    index = (folder / "model.safetensors.index.json").is_file()
    return index and not missing_shards(folder)


def pickles(names: Iterable[str]) -> list[str]:
    """Those of the names that are pickled weights."""
    return sorted(one for one in names if matches(one, ("pytorch_model*.bin", "*.pt", "*.pth")))


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a file's name fits one of the patterns; those in folders below do not."""
    return "/" not in name and any(fnmatch.fnmatchcase(name, one) for one in patterns)


def licence(folder: Path) -> str | None:
    """What the front matter of its README gives as its licence, if it does."""
    import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub

    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        opening, front, _ = text.split("---\n", 2)
        stated = yaml.safe_load(front).get("license") if not opening.strip() else None
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return None
    return ", ".join(map(str, stated)) if isinstance(stated, list) else stated and str(stated)


def _link(name: str, revision: str) -> Path:
    return _home() / f"{name}-{revision.removeprefix(PREFIX)}"


def _home() -> Path:
    """A folder of ours beside the hub's cache.

    Not in serbench's own cache: the process that trains a model is not told where that is.
    """
    return Path(constants.HF_HOME) / "serbench"
