"""Find the checkpoint that a user names, at the hub or in a folder, and its exact revision.

The revision of a hub name is its commit, that of a folder a digest of its contents. Weights are
read from safetensors; pickled weights are converted once. No code that comes with a checkpoint ever
runs.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench import BadParameter, SerbenchError
from serbench_transformers.checkpoints import conversion, folders, hub, presets

MANY = 20  # at most so many classes, and letters of each, are in a result
PLAIN = re.compile(
    r"""(wav2vec2|hubert|wavlm|data2vec_audio|unispeech|unispeech_sat|sew|sew_d
    |wav2vec2_conformer|wav2vec2_bert|model|encoder|decoder|feature_extractor|feature_projection
    |intermediate_ffn|adapter|layer_norm|layers|conv1|conv2|embed_positions|masked_spec_embed
    |mask_emb|quantizer|project_q|project_hid|ctc_proj|speaker_proj|label_embeddings_concat
    |label_embs_concat|layer_norm_for_extract|final_proj|lm_head|proj_out)(\.|$)""",
    re.VERBOSE,
)
"""Beginnings of the names of tensors that belong to an encoder, to its pretraining or to a
transcriber, in all architectures of transformers. Other tensors were trained for another task."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is on this machine."""

    name: str  # "org/name" at the hub, or the name of a local folder, never its path
    revision: str  # the commit, or "sha256:" and 16 digits for a local folder
    folder: Path
    licence: str  # "apache-2.0", as its README says; "unknown" where it does not
    has_weights: bool  # False for a configuration alone
    # the classes that it was trained on, "neu, hap, ang, sad", where its configuration names them
    # or its weights hold a head: test speakers may be known to it
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
        """Read its config.json."""
        return _configs(self.folder)["config.json"]


def resolve(checkpoint: str, revision: str | None = None, *, weights: bool = True) -> Checkpoint:
    """Find the checkpoint that a user names, and download it if need be; for planning.

    The hub's cache comes first, with a branch as it was when it was fetched. A folder may hold a
    configuration without weights; see `require_weights`.

    Args:
        checkpoint: "org/name" at the hub, or a local folder with a config.json.
        revision: a commit, a branch or a tag; None is the commit that is pinned for a preset, and
            main for any other. For a folder None, or the digest that it must have.
        weights: False where the configuration is enough, so that no weights are downloaded.

    Raises:
        BadParameter: it is neither a hub name nor a folder, or cannot have that revision.
        SerbenchError: it is not here and cannot be fetched, or cannot be used.
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
            raise hub.missing(checkpoint, revision, "only a part of it came")
    return _read(checkpoint, hub.commit(checkpoint, revision), folder)


def find(checkpoint: str, revision: str) -> Checkpoint:
    """Find a checkpoint that was resolved before, by its exact revision; never uses the network.

    Raises:
        SerbenchError: it is not here any more, or has changed.
    """
    if revision.startswith(folders.PREFIX):
        folder = folders.recall(checkpoint, revision)
        return _read(checkpoint, revision, _ready(folder, _key(checkpoint, revision)) or folder)
    cached = _cached(checkpoint, revision, weights=False)
    if cached is None:
        raise hub.missing(checkpoint, revision, "nothing is downloaded while folds run")
    return _read(checkpoint, hub.commit(checkpoint, revision), cached)


def require_weights(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint without weights where pretrained ones are wanted."""
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
        raise SerbenchError(f"checkpoint {folder} is a file: give the folder that it is in")
    if not (folder / "config.json").is_file():
        raise SerbenchError(
            f"{folder} has no config.json: it is not a checkpoint of transformers, which "
            "`model.save_pretrained(FOLDER)` writes"
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
                f"({', '.join(lacking[:3])}): get them too"
            )
    if ready is None and weights and folders.weights(folder, folders.PICKLED):
        ready = conversion.convert(folder, key)
    checkpoint = _read(folder.name, exact, ready or folder)
    folders.remember(folder.name, exact, folder)
    return checkpoint


def _cached(
    name: str, revision: str, *, weights: bool, plan: bool = False, fetched: bool = False
) -> Path | None:
    """Return the folder to read a checkpoint from, if the hub's cache has all of it.

    With `plan` weights are compared with what the hub announced, and converted. A file that is
    missing from a checkpoint that was just `fetched` is not at the hub either.
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
    """Return the folder with its weights as safetensors: itself, a converted one, or None."""
    if folders.weights(folder):
        return folder
    return conversion.converted(key) if folders.parts(folder, folders.PICKLED) else None


def _key(name: str, revision: str) -> str:
    """Return the name under which its converted weights are kept."""
    return f"{name.replace('/', '--')}-{revision.removeprefix(folders.PREFIX)}"


def _read(name: str, revision: str, folder: Path) -> Checkpoint:
    """Return the checkpoint in a folder that is known to hold the revision."""
    configs = _configs(folder)
    for file, config in configs.items():
        if "auto_map" in config:
            raise SerbenchError(
                f"{name} needs code that comes with it (auto_map in its {file}), which is never "
                "run: give a checkpoint whose model transformers has itself"
            )
    config = configs["config.json"]
    for key in ("quantization_config", "compression_config"):
        if settings := config.get(key):  # weights that are not stored as plain numbers
            method = settings.get("quant_method", "") if isinstance(settings, dict) else ""
            raise SerbenchError(
                f"{name} is quantised ({key} in its config.json{method and ', '}{method}), and "
                "serbench computes in float32: give the checkpoint that it was made from"
            )
    parts = folders.weights(folder)
    tensors = [tensor for part in parts for tensor in folders.tensors(folder / part)]
    preset = presets.of_checkpoint(name)
    licence = folders.licence(folder) or (preset.licence if preset else "unknown")
    heads = [tensor for tensor in tensors if not PLAIN.match(tensor)]
    return Checkpoint(name, revision, folder, licence, bool(parts), _classes(config, heads))


def _classes(config: Mapping[str, object], heads: Sequence[str]) -> str:
    """Return the classes that a checkpoint was trained on, or "", by its config and its heads.

    Transformers writes LABEL_0 and LABEL_1 when no classes are named. These two alone mean nothing,
    unless the weights hold a head; any other number of classes does mean training.
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
    """Read the configurations that are there, by file name.

    Raises:
        SerbenchError: one of them is not a JSON object.
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
