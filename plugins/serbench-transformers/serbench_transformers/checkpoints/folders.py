"""Inspect folders of checkpoints: their weights, their licence, and a digest as their identity.

Results name a local folder by its digest, never by its path.

Digests and converted weights are stored below HF_HOME, not in serbench's own cache: training and
prediction read them, and that cache is hidden there, since it has data that models must not see.
"""

import contextlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from serbench import SerbenchError, replacing
from serbench.files import digest, file_digest

PREFIX = "sha256:"
DIGITS = 16  # of the digest, in a revision and in a link's name
SHA256 = re.compile(r"[0-9a-f]{64}")

CONFIGS = ("config.json", "preprocessor_config.json", "processor_config.json")
"""Files that describe an encoder and the audio that it expects."""

PREPROCESSORS = CONFIGS[1:]
"""Files each of which can describe the expected audio."""

SAFE, PICKLED = "model.safetensors", "pytorch_model.bin"
"""The two kinds of weights: a file with this name, or the files in NAME.index.json."""


def revision_of(folder: Path) -> str:
    """Return a folder's identity: "sha256:" and 16 digits, of its configuration and weights.

    Pickled weights are included only if there are no others.
    """
    patterns = (*CONFIGS, "*.safetensors", "*.safetensors.index.json")
    names = {path.name for pattern in patterns for path in folder.glob(pattern)}
    if not weights(folder):
        names.update(set(parts(folder, PICKLED)) - set(missing_parts(folder, PICKLED)))
    contents = digests(folder, sorted(names))
    return PREFIX + digest([[name, sha256] for name, sha256 in contents.items()])[:DIGITS]


def digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the sha256 of files; cache them by size and time, since weights are large."""
    cache = home() / "digests" / f"{digest(str(folder.resolve()))[:DIGITS]}.json"
    try:
        before: dict[str, list[Any]] = json.loads(cache.read_text())
    except (OSError, ValueError):
        before = {}
    now = dict(before)
    for name in names:
        status = (folder / name).stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        if name not in before or before[name][0] != stamp:
            now[name] = [stamp, file_digest(folder / name)]
    if now != before:
        with contextlib.suppress(SerbenchError), replacing(cache) as temporary:
            temporary.write_text(json.dumps(now))  # if this fails, files are read again next time
    return {name: now[name][1] for name in names}


def remember(name: str, revision: str, folder: Path) -> None:
    """Write a link to the folder, by which the process of a fold finds the folder."""
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
        raise unwritable(link, error) from error


def recall(name: str, revision: str) -> Path:
    """Return the folder from `remember`; refuse one that is unknown, missing or changed."""
    link = _link(name, revision)
    if not link.is_symlink():
        raise SerbenchError(
            f"the checkpoint {name} ({revision}) is a folder that was never used on this machine: "
            "give it with --param checkpoint=FOLDER"
        )
    folder = Path(os.readlink(link))
    if not (folder / "config.json").is_file():
        raise SerbenchError(
            f"the checkpoint {name} ({revision}) is no longer in {folder}: put it back, or give "
            "its new folder with --param checkpoint=FOLDER"
        )
    require_same(folder, revision)
    return folder


def require_same(folder: Path, revision: str) -> None:
    """Refuse a folder whose contents are not those of `revision`."""
    if (now := revision_of(folder)) != revision:
        raise SerbenchError(
            f"the checkpoint in {folder} is {now} now, not {revision}: restore the files, or start "
            f"a new run with --param checkpoint={folder}"
        )


def parts(folder: Path, kind: str) -> list[str]:
    """Return the names of a folder's weight files of a kind, on disk or only indexed, else []."""
    if (folder / kind).is_file():
        return [kind]
    index = folder / f"{kind}.index.json"
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        names = set(content["weight_map"].values())
        # transformers refuses an index without metadata
        if any("/" in name or "\\" in name for name in names) or "metadata" not in content:
            raise ValueError
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SerbenchError(f"{index} is not an index of weights: get it again") from error
    return sorted(names)


def missing_parts(folder: Path, kind: str = SAFE) -> list[str]:
    """Return the names of the missing weight files."""
    return [name for name in parts(folder, kind) if not (folder / name).is_file()]


def weights(folder: Path, kind: str = SAFE) -> list[str]:
    """Return the names of a folder's weight files of a kind if all are on disk, else []."""
    return [] if missing_parts(folder, kind) else parts(folder, kind)


def has_preprocessor(folder: Path) -> bool:
    """Return whether the folder has a file that describes the audio that its encoder expects."""
    return any((folder / name).is_file() for name in PREPROCESSORS)


def require_announced(folder: Path, names: Sequence[str]) -> None:
    """Refuse files in the hub's cache that differ from the announced ones.

    In the cache, the name of a large file is its announced sha256.
    """
    links = [name for name in names if (folder / name).is_symlink()]
    stated = {name: Path(os.readlink(folder / name)).name for name in links}
    large = [name for name in links if SHA256.fullmatch(stated[name])]
    for name, sha256 in digests(folder, large).items():
        if sha256 != stated[name]:
            raise SerbenchError(
                f"{folder / name} is not the file that the hub announced (its sha256 is {sha256}, "
                f"not {stated[name]}): run `rm {(folder / name).resolve()}` and the same command "
                "again, with a network"
            )


def tensors(path: Path) -> list[str]:
    """Return the names of the tensors in a safetensors file; refuse a broken file."""
    from safetensors import SafetensorError, safe_open

    require_fetched(path)
    try:
        with safe_open(path, framework="numpy") as file:
            return list(file.keys())
    except SafetensorError as error:
        raise SerbenchError(
            f"{path} is cut off or not safetensors ({error}): get this file again"
        ) from error


def require_fetched(path: Path) -> None:
    """Refuse a Git LFS pointer, whose content was never fetched."""
    with path.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            raise SerbenchError(
                f"{path} is a Git LFS pointer, not weights: run `git lfs pull` there"
            )


def licence(folder: Path) -> str | None:
    """Return the licence in the front matter of a folder's README, or None."""
    import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub

    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        opening, front, _ = text.split("---\n", 2)
        stated = yaml.safe_load(front).get("license") if not opening.strip() else None
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return None
    return ", ".join(map(str, stated)) if isinstance(stated, list) else stated and str(stated)


def _link(name: str, revision: str) -> Path:
    return home() / "folders" / f"{name}-{revision.removeprefix(PREFIX)}"


def home() -> Path:
    """Return the folder for digests and conversions, beside the hub's own cache."""
    return Path(constants.HF_HOME) / "serbench"


def unwritable(path: Path, error: Exception) -> SerbenchError:
    """Return the error for a path that cannot be written."""
    why = getattr(error, "strerror", None) or error
    return SerbenchError(
        f"cannot write {path} ({why}): make room there, or choose another place with HF_HOME "
        "(HF_HUB_CACHE may stay where it is)"
    )
