"""Finds the checkpoint that a user names, a hub name or a folder, and says what exactly it is.

A hub name is made exact by its commit, a folder by a digest of its contents. Only safetensors are
read, and no code that comes with a checkpoint ever runs.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serbench.errors import BadParameter, SerbenchError
from serbench_transformers import folders, hub, presets


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is on this machine.

    Attributes:
        name: "org/name" at the hub, or the name of a local folder, never its path.
        revision: the commit, or "sha256:" and 16 digits for a local folder.
        folder: where its files are.
        licence: "apache-2.0", as its README says; "unknown" where it does not.
        has_weights: False for a configuration alone.
        fine_tuned_before: what it was trained to tell apart, "neu, hap, ang, sad", where its
            configuration says so: whoever it learned that from, these may be test speakers.
    """

    name: str
    revision: str
    folder: Path
    licence: str
    has_weights: bool
    fine_tuned_before: str = ""

    def facts(self, weights: str) -> dict[str, object]:
        """What a result says of it.

        Args:
            weights: "pretrained" are its own, "random" leaves them unread.
        """
        return {
            "checkpoint": self.name,
            "revision": self.revision,
            "licence": self.licence,
            "pretrained": weights == "pretrained",
            "fine_tuned_before": self.fine_tuned_before,
        }

    def config(self) -> dict[str, object]:
        """Its config.json."""
        return _config(self.folder)


def exact(params: Mapping[str, object]) -> dict[str, object]:
    """Parameters whose `checkpoint` and `revision` are exact, of what a user gave; see `resolve`.

    Raises:
        SerbenchError: there is no such checkpoint, or not with the `weights` that are wanted.
    """
    pretrained = params["weights"] == "pretrained"
    revision = None if params["revision"] is None else str(params["revision"])
    found = resolve(str(params["checkpoint"]), revision, weights=pretrained)
    if pretrained:
        require_weights(found)
    return {**params, "checkpoint": found.name, "revision": found.revision}


def resolve(checkpoint: str, revision: str | None = None, *, weights: bool = True) -> Checkpoint:
    """The checkpoint that a user names; for planning, since it may download.

    What the hub's cache has is taken from there, a branch as it was when it was fetched. A folder
    may hold a configuration without weights; see `require_weights`.

    Args:
        checkpoint: "org/name" at the hub, or a local folder with a config.json.
        revision: a commit, a branch or a tag; None is the commit that is pinned for a preset, and
            main for any other. For a folder None, or the digest that it must have.
        weights: False where the configuration is enough, so that no weights are downloaded.

    Raises:
        BadParameter: it is neither a hub name nor a folder, or cannot have that revision.
        SerbenchError: it is not here and cannot be fetched, or is nothing that can be used.
    """
    if checkpoint.startswith((".", "~", os.sep)) or (checkpoint and Path(checkpoint).exists()):
        return _resolve_folder(Path(checkpoint).expanduser(), revision, weights=weights)
    if revision is not None and revision.startswith(folders.PREFIX):
        return find(checkpoint, revision)
    if not hub.NAME.fullmatch(checkpoint):
        raise BadParameter(
            f"checkpoint {checkpoint!r} is neither a name at the hub (org/name) nor a folder here: "
            "give one of them with --param checkpoint=..."
        )
    preset = presets.of_checkpoint(checkpoint)
    wanted = revision or (preset.revision if preset else None) or "main"
    folder = hub.snapshot(checkpoint, wanted)
    if folder is None or not _is_whole(folder, weights=weights):
        folder = hub.fetch(checkpoint, wanted, weights=weights)
        if not _is_whole(folder, weights=weights):
            raise hub.missing(checkpoint, wanted, "only a part of it came")
    return _read(checkpoint, folder.name, folder)


def find(checkpoint: str, revision: str) -> Checkpoint:
    """The checkpoint that `resolve` has found before; for workers, never asks the network.

    Args:
        checkpoint: the name of what was resolved.
        revision: its exact revision.

    Raises:
        SerbenchError: it is not here any more, or has changed.
    """
    if revision.startswith(folders.PREFIX):
        return _read(checkpoint, revision, folders.recall(checkpoint, revision))
    folder = hub.snapshot(checkpoint, revision)
    if folder is None or not _is_whole(folder, weights=False):
        raise hub.missing(checkpoint, revision, "nothing is downloaded while folds run")
    return _read(checkpoint, folder.name, folder)


def require_weights(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint without weights where pretrained ones are wanted.

    Raises:
        SerbenchError: it has none.
    """
    if not checkpoint.has_weights:
        raise hub.weightless(f"{checkpoint.name} ({checkpoint.revision})")


def _resolve_folder(given: Path, revision: str | None, *, weights: bool) -> Checkpoint:
    folder = Path(os.path.abspath(given))  # not resolved: a link keeps its own name
    _require_folder(folder)
    if revision is not None and not revision.startswith(folders.PREFIX):
        raise BadParameter(
            f"{folder} is a folder, which has no revision {revision!r}: leave revision out"
        )
    names = [path.name for path in folder.iterdir()]
    if weights and not folders.has_weights(folder) and folders.pickles(names):
        raise hub.pickled(str(folder), str(folder))
    if revision is not None:
        folders.require_same(folder, revision)
    exact = revision or folders.revision_of(folder)
    checkpoint = _read(folder.name, exact, folder)
    folders.remember(folder.name, exact, folder)
    return checkpoint


def _require_folder(folder: Path) -> None:
    if not folder.exists():
        raise SerbenchError(
            f"checkpoint {folder} does not exist: give a folder with a config.json, or a name at "
            "the hub (org/name)"
        )
    if not folder.is_dir():
        raise SerbenchError(f"checkpoint {folder} is a file: give the folder that it is in")
    if not (folder / "config.json").is_file():
        raise SerbenchError(
            f"{folder} has no config.json: it is no checkpoint of transformers, which "
            "`model.save_pretrained(FOLDER)` writes"
        )


def _is_whole(folder: Path, *, weights: bool) -> bool:
    return (folder / "config.json").is_file() and (not weights or folders.has_weights(folder))


def _read(name: str, revision: str, folder: Path) -> Checkpoint:
    """A checkpoint of a folder whose contents are known to be those of the revision."""
    for config in folders.CONFIGS:
        _refuse_code(name, folder / config)
    if lacking := folders.missing_shards(folder):
        raise SerbenchError(
            f"{folder} lacks {len(lacking)} of the files that its model.safetensors.index.json "
            f"names ({', '.join(lacking[:3])}): get them too"
        )
    for path in folder.glob("model*.safetensors"):
        folders.require_sound(path)
    preset = presets.of_checkpoint(name)
    licence = folders.licence(folder) or (preset.licence if preset else "unknown")
    return Checkpoint(
        name, revision, folder, licence, folders.has_weights(folder), _classes(folder)
    )


def _classes(folder: Path) -> str:
    """The classes that a configuration names; LABEL_0 and so on is transformers' word for none."""
    named = _config(folder).get("id2label")
    classes = [str(one) for one in named.values()] if isinstance(named, dict) else []
    return ", ".join(one for one in classes if not one.startswith("LABEL_"))


def _config(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return found


def _refuse_code(name: str, path: Path) -> None:
    """Refuse a checkpoint that says it needs code of its own, and a config that is no JSON."""
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise SerbenchError(f"{path} is not JSON ({error}): get this file again") from error
    if not isinstance(config, dict):
        raise SerbenchError(f"{path} is not a configuration, a JSON object: get this file again")
    if "auto_map" in config:
        raise SerbenchError(
            f"{name} needs code that comes with it (auto_map in its {path.name}), which is never "
            "run: give a checkpoint whose model transformers has itself"
        )
