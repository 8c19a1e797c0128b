"""Find the checkpoint that a user names, at the hub or in a folder, and its exact revision.

The revision is the commit at the hub, or a digest of a folder's contents. Weights are read from
safetensors; pickled weights are converted once. Code in checkpoints never runs.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench import BadParameter, SerbenchError
from serbench_transformers.checkpoints import conversion, folders, hub, presets

MANY = 20  # the most classes in a result, and the most characters of each
PLAIN = re.compile(
    r"""(wav2vec2|hubert|wavlm|data2vec_audio|unispeech|unispeech_sat|sew|sew_d
    |wav2vec2_conformer|wav2vec2_bert|model|encoder|decoder|feature_extractor|feature_projection
    |intermediate_ffn|adapter|layer_norm|layers|conv1|conv2|embed_positions|masked_spec_embed
    |mask_emb|quantizer|project_q|project_hid|ctc_proj|speaker_proj|label_embeddings_concat
    |label_embs_concat|layer_norm_for_extract|final_proj|lm_head|proj_out)(\.|$)""",
    re.VERBOSE,
)
"""Beginnings of the names of tensors that belong to an encoder, its pretraining or a transcriber,
in all architectures of transformers. Other tensors were trained for another task."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is on this machine."""

    name: str  # "org/name" at the hub, or the name of a local folder, never its path
    revision: str  # the commit, or "sha256:" and 16 digits for a local folder
    folder: Path
    licence: str  # "apache-2.0", from the README; "unknown" if that states none
    has_weights: bool  # False for a configuration alone
    # the classes of an earlier training, "neu, hap, ang, sad", if the configuration names them or
    # the weights have a head: the training may have included test speakers
    fine_tuned_before: str = ""

    def facts(self, weights: str) -> dict[str, object]:
        """Return the facts that a result states; `weights` is "pretrained" or "random"."""
        return {
            "checkpoint": self.name,
            "revision": self.revision,
            "licence": self.licence,
            "pretrained": weights == "pretrained",
            "fine_tuned_before": self.fine_tuned_before,
        }

    def config(self) -> dict[str, object]:
        """Read the checkpoint's config.json."""
        return _configs(self.folder)["config.json"]


def resolve(checkpoint: str, revision: str | None = None, *, weights: bool = True) -> Checkpoint:
    """Find the checkpoint that a user names, and download it if necessary; for planning.

    The hub's cache is searched first; a branch is the commit that was last fetched. A folder may
    have a configuration without weights; see `require_weights`.

    Args:
        checkpoint: "org/name" at the hub, or a local folder with a config.json.
        revision: a commit, a branch or a tag; None is the pinned commit of a preset, else main.
            For a folder: the digest that the folder must have, or None.
        weights: False downloads no weights, only the configuration.

    Raises:
        BadParameter: the name is neither a hub name nor a folder, or cannot have this revision.
        SerbenchError: the checkpoint is missing and cannot be fetched, or cannot be used.
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
    revision = revision or (preset.revision if preset else None) or "main"
    folder = _cached(checkpoint, revision, weights=weights, plan=True)
    if folder is None:
        commit = hub.fetch(checkpoint, revision, weights=weights).name
        folder = _cached(checkpoint, commit, weights=weights, plan=True, fetched=True)
        if folder is None:
            raise hub.missing(checkpoint, revision, "the download is incomplete")
    return _read(checkpoint, hub.commit(checkpoint, revision), folder)


def find(checkpoint: str, revision: str) -> Checkpoint:
    """Find a checkpoint that was resolved before, by its exact revision; never uses the network.

    Raises:
        SerbenchError: the checkpoint is no longer here, or has changed.
    """
    if revision.startswith(folders.PREFIX):
        folder = folders.recall(checkpoint, revision)
        return _read(checkpoint, revision, _ready(folder, _key(checkpoint, revision)) or folder)
    cached = _cached(checkpoint, revision, weights=False)
    if cached is None:
        raise hub.missing(checkpoint, revision, "nothing is downloaded while folds run")
    return _read(checkpoint, hub.commit(checkpoint, revision), cached)


def require_weights(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint without weights."""
    if not checkpoint.has_weights:
        raise hub.no_weights(f"{checkpoint.name} ({checkpoint.revision})")


def _resolve_folder(given: Path, revision: str | None, *, weights: bool) -> Checkpoint:
    folder = Path(os.path.abspath(given))  # not resolved: a link keeps its own name
    if not folder.exists():
        raise SerbenchError(
            f"checkpoint {folder} does not exist: give a folder with a config.json, or a name at "
            "the hub (org/name)"
        )
    if not folder.is_dir():
        raise SerbenchError(f"checkpoint {folder} is a file: give the folder of the file")
    if not (folder / "config.json").is_file():
        raise SerbenchError(
            f"{folder} has no config.json, so it is not a checkpoint of transformers; "
            "`model.save_pretrained(FOLDER)` writes one"
        )
    if revision is not None and not revision.startswith(folders.PREFIX):
        raise BadParameter(
            f"{folder} is a folder, which has no revision {revision!r}: leave revision out"
        )
    _configs(folder)
    if revision is not None:
        folders.require_same(folder, revision)
    exact = revision or folders.revision_of(folder)
    key = _key(folder.name, exact)
    ready = _ready(folder, key)
    for kind in (folders.SAFE, folders.PICKLED):
        if weights and not ready and (lacking := folders.missing_parts(folder, kind)):
            raise SerbenchError(
                f"{folder} lacks {len(lacking)} of the files that its {kind}.index.json names "
                f"({', '.join(lacking[:3])}): add these files"
            )
    if ready is None and weights and folders.weights(folder, folders.PICKLED):
        ready = conversion.convert(folder, key)
    checkpoint = _read(folder.name, exact, ready or folder)
    folders.remember(folder.name, exact, folder)
    return checkpoint


def _cached(
    name: str, revision: str, *, weights: bool, plan: bool = False, fetched: bool = False
) -> Path | None:
    """Return the folder to read a checkpoint from if the hub's cache has the whole checkpoint.

    If `plan`, weights are compared with the hub's checksums, and converted. If `fetched` just now,
    the preprocessor may be missing, since the hub does not have it either.
    """
    commit, folder = hub.commit(name, revision), hub.snapshot(name, revision)
    key = _key(name, commit)
    if folder is None:
        return conversion.converted(key)
    if not (folder / "config.json").is_file():
        return None
    if not fetched and not folders.has_preprocessor(folder):
        return None
    parts: list[str] = []
    if plan and weights:
        parts = folders.weights(folder) or folders.weights(folder, folders.PICKLED)
        folders.require_announced(folder, parts)
    ready = _ready(folder, key)
    if ready is None and parts:
        _configs(folder)
        return conversion.convert(folder, key)
    return ready or (None if weights else folder)


def _ready(folder: Path, key: str) -> Path | None:
    """Return a folder with the weights as safetensors: this one, a converted one, or None."""
    if folders.weights(folder):
        return folder
    return conversion.converted(key) if folders.parts(folder, folders.PICKLED) else None


def _key(name: str, revision: str) -> str:
    """Return the name of the folder of the checkpoint's converted weights."""
    return f"{name.replace('/', '--')}-{revision.removeprefix(folders.PREFIX)}"


def _read(name: str, revision: str, folder: Path) -> Checkpoint:
    """Return the checkpoint in a folder whose revision has been checked."""
    configs = _configs(folder)
    for file, config in configs.items():
        if "auto_map" in config:
            raise SerbenchError(
                f"{name} needs code of its own (auto_map in its {file}), which is never run: give "
                "a checkpoint of an architecture that transformers includes"
            )
    config = configs["config.json"]
    for key in ("quantization_config", "compression_config"):
        if settings := config.get(key):  # weights that are not stored as plain numbers
            method = settings.get("quant_method", "") if isinstance(settings, dict) else ""
            raise SerbenchError(
                f"{name} is quantised ({key} in its config.json{method and ', '}{method}), and "
                "serbench computes in float32: give the original, unquantised checkpoint"
            )
    parts = folders.weights(folder)
    tensors = [tensor for part in parts for tensor in folders.tensors(folder / part)]
    preset = presets.of_checkpoint(name)
    licence = folders.licence(folder) or (preset.licence if preset else "unknown")
    heads = [tensor for tensor in tensors if not PLAIN.match(tensor)]
    return Checkpoint(name, revision, folder, licence, bool(parts), _classes(config, heads))


def _classes(config: Mapping[str, object], heads: Sequence[str]) -> str:
    """Return the classes that a checkpoint was trained on, or "", from its config and its heads.

    Transformers writes LABEL_0 and LABEL_1 if no classes are named. These two alone mean nothing
    unless the weights have a head; any other number of classes means training.
    """
    named = config.get("id2label")
    classes = [str(label) for label in named.values()] if isinstance(named, dict) else []
    if not heads and classes == ["LABEL_0", "LABEL_1"]:
        return ""
    if heads and not classes:
        return f"unnamed classes ({heads[0]} in its weights)"
    more = f" and {len(classes) - MANY} others" if len(classes) > MANY else ""
    return ", ".join(label[:MANY] for label in classes[:MANY]) + more


def _configs(folder: Path) -> dict[str, dict[str, object]]:
    """Read the existing configurations, by file name.

    Raises:
        SerbenchError: a configuration is not a JSON object.
    """
    configs = {}
    for path in (folder / name for name in folders.CONFIGS if (folder / name).is_file()):
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SerbenchError(f"{path} is not JSON ({error}): get this file again") from error
        if not isinstance(config, dict):
            raise SerbenchError(
                f"{path} is not a configuration, a JSON object: get this file again"
            )
        configs[path.name] = config
    return configs
