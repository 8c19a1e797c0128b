"""Find checkpoints in the local cache of the hub, and fetch missing files."""

import errno
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from serbench import BadParameter, SerbenchError
from serbench_transformers.checkpoints import download, folders, presets
from serbench_transformers.checkpoints.download import AGAIN, TIMEOUT, File

NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REVISION = re.compile(r"(?!.*\.\.)\w[\w./-]*", re.ASCII)

TEXTS = re.compile("|".join([*map(re.escape, folders.CONFIGS), r"README\.md", r"LICENSE[^/]*"]))
"""Names of the files to fetch besides weights; files in subfolders are not fetched."""


def snapshot(name: str, revision: str) -> Path | None:
    """Return the cache's folder for a commit, branch or tag, even if incomplete, else None."""
    folder = _home(name) / "snapshots" / commit(name, revision)
    return folder if COMMIT.fullmatch(folder.name) and folder.is_dir() else None


def commit(name: str, revision: str) -> str:
    """Return the commit of a branch or tag in the cache, or ""; refuse an impossible name."""
    if not REVISION.fullmatch(revision):
        raise BadParameter(
            f"revision {revision!r} of {name} is not a commit, a branch or a tag: give one with "
            "--param revision=..., or leave it out"
        )
    if COMMIT.fullmatch(revision):
        return revision
    try:
        commit = (_home(name) / "refs" / revision).read_text().strip()
    except OSError:
        return ""
    return commit if COMMIT.fullmatch(commit) else ""


def fetch(name: str, revision: str, *, weights: bool) -> Path:
    """Download the files of an encoder, but no code; return their folder, named by the commit.

    Raises:
        SerbenchError: there is no network, or no such name or revision, or weights are missing.
    """
    if constants.is_offline_mode():
        raise missing(name, revision, "HF_HUB_OFFLINE is set")
    import huggingface_hub.errors as hub_errors  # imports the whole client: half a second

    try:
        return _fetch(name, revision, weights=weights)
    except SerbenchError:
        raise
    except hub_errors.GatedRepoError as error:
        raise SerbenchError(
            f"{name} is only for users who agree to its terms: agree at {_page(name)}, then run "
            "`hf auth login` and the same command again"
        ) from error
    except hub_errors.RepositoryNotFoundError as error:
        raise SerbenchError(
            f"there is no {name} at {constants.ENDPOINT} that you may see, and no folder of that "
            "name here: check the name (a private one needs `hf auth login`)"
        ) from error
    except hub_errors.RevisionNotFoundError as error:
        raise SerbenchError(
            f"{name} has no revision {revision!r}: {_page(name)}/commits/main lists its revisions"
        ) from error
    except Exception as error:  # of the disk or the connection, which share no other base class
        raise _failed(name, revision, error) from error


def _fetch(name: str, revision: str, *, weights: bool) -> Path:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=constants.ENDPOINT)
    info = download.patiently(
        lambda: api.model_info(name, revision=revision, files_metadata=True, timeout=TIMEOUT)
    )
    commit = str(info.sha)
    if not COMMIT.fullmatch(commit):
        raise SerbenchError(
            f"{constants.ENDPOINT} names no commit of {name} at {revision}: is HF_ENDPOINT a hub?"
        )
    announced = {file.rfilename: file for file in info.siblings or ()}
    if "config.json" not in announced:
        raise SerbenchError(
            f"{name} at {revision} has no config.json: it is not a checkpoint of transformers"
        )
    home = _home(name)
    folder = home / "snapshots" / commit
    texts = [file for file in announced if TEXTS.fullmatch(file)]
    kinds = (folders.SAFE, folders.PICKLED)
    available = [kind for kind in kinds if {kind, f"{kind}.index.json"} & announced.keys()]
    if weights and not available:
        raise no_weights(f"{name} at {revision}")
    kind = available[0] if weights else ""
    if weights and kind not in announced:
        texts.append(f"{kind}.index.json")
    download.fetch(name, commit, [_file(name, announced, text) for text in texts], home)
    download.remember(home, revision, commit)
    names = [kind] if kind in announced else folders.parts(folder, kind) if kind else []
    parts = [_file(name, announced, part) for part in names]
    absent = [part for part in parts if not (home / "blobs" / part.checksum).exists()]
    if absent:
        size = sum(part.size for part in absent) / 1e6
        print(f"downloading {name} at {commit} ({size:.0f} MB) into {cache()}", file=sys.stderr)
    download.fetch(name, commit, parts, home)
    return folder


def _file(name: str, announced: Mapping[str, Any], file: str) -> File:
    """Return a file with its announced size and checksum; refuse a file without these."""
    if file not in announced:
        raise SerbenchError(
            f"{name} lacks {file}, which the index of its weights names: give another revision "
            "with --param revision=..."
        )
    sibling = announced[file]
    checksum = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
    size = sibling.lfs.size if sibling.lfs else sibling.size
    if not checksum or not CHECKSUM.fullmatch(checksum) or size is None:
        raise SerbenchError(
            f"{constants.ENDPOINT} announces no checksum for {file} of {name}, so the download "
            "cannot be verified: unset HF_ENDPOINT, or set it to another mirror"
        )
    return File(file, size, checksum)


def no_weights(where: str) -> SerbenchError:
    """Return the error for a checkpoint without weights, where pretrained ones are needed."""
    return SerbenchError(
        f"{where} has no model.safetensors and no pytorch_model.bin: give a checkpoint that has "
        "one, or --param weights=random to compute with random weights, which are never ranked"
    )


def missing(name: str, revision: str, why: str) -> SerbenchError:
    """Return the error for a checkpoint that is missing and cannot be fetched."""
    preset = presets.of_checkpoint(name)
    size = f" (about {preset.megabytes} MB)" if preset else ""
    pickled = preset is not None and preset.pickled and preset.revision == revision
    weights = "pytorch_model*.bin*" if pickled else "model*.safetensors*"
    return SerbenchError(
        f"{name} at {revision} is missing or incomplete in the hub's cache {cache()}"
        f"{_lacking(name, revision)}, and cannot be downloaded here ({why}): on a machine with a "
        f"network run `hf download {name} --revision {revision} --include '*config.json' "
        f"--include '{weights}' --include README.md`{size}, and copy {_home(name).name} from its "
        f"cache (~/.cache/huggingface/hub) into {cache()}; or give a local folder with --param "
        "checkpoint=FOLDER"
    )


def _lacking(name: str, revision: str) -> str:
    """Name the files that an existing snapshot lacks."""
    folder = snapshot(name, revision)
    if folder is None:
        return ""
    lacking = [] if (folder / "config.json").is_file() else ["config.json"]
    lacking += folders.PREPROCESSORS[: 0 if folders.has_preprocessor(folder) else 1]
    parts = [folders.parts(folder, kind) for kind in (folders.SAFE, folders.PICKLED)]
    if not any(parts):
        lacking.append("weights")
    elif not (folders.weights(folder) or folders.weights(folder, folders.PICKLED)):
        lacking += folders.missing_parts(folder) or folders.missing_parts(folder, folders.PICKLED)
    return f", which lacks {', '.join(lacking)}" if lacking else ""


def _failed(name: str, revision: str, error: Exception) -> SerbenchError:
    from huggingface_hub import get_token
    from huggingface_hub.errors import HfHubHTTPError

    full = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError) and (error.filename or error.errno in full):
        return SerbenchError(
            f"cannot write {name} into the hub's cache {cache()} ({error.strerror}): make room "
            "there, or choose another place with HF_HOME"
        )
    refused = isinstance(error, HfHubHTTPError) and error.response.status_code == 401
    if refused and get_token():
        return SerbenchError(
            f"{constants.ENDPOINT} does not accept the token that is set here (HF_TOKEN, or that "
            f"of `hf auth login`; 401): set a valid one, or, since public checkpoints need none, "
            "run the same command with HF_HUB_DISABLE_IMPLICIT_TOKEN=1"
        )
    reason = download.reason(error)
    wait = download.waits(error)
    if wait is None or download.is_unreachable(error):
        return missing(name, revision, f"the download from {constants.ENDPOINT} failed: {reason}")
    asked = f" and asks to wait {wait:.0f} s" if wait > download.LONGEST else ""
    return SerbenchError(
        f"the download of {name} at {revision} from {constants.ENDPOINT} broke off: {reason}"
        f"{asked}; {AGAIN}"
    )


def cache() -> Path:
    """Return the hub's cache on this machine: HF_HUB_CACHE, or hub in HF_HOME."""
    return Path(constants.HF_HUB_CACHE)


def _home(name: str) -> Path:
    return cache() / f"models--{name.replace('/', '--')}"


def _page(name: str) -> str:
    return f"{constants.ENDPOINT}/{name}"
