"""Find a hub name in the local hub cache, and fetch what is missing."""

import errno
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from serbench.errors import BadParameter, SerbenchError
from serbench_transformers.checkpoints import download, presets
from serbench_transformers.checkpoints import folder as folders
from serbench_transformers.checkpoints.download import AGAIN, TIMEOUT, File

NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REVISION = re.compile(r"(?!.*\.\.)\w[\w./-]*", re.ASCII)

WORDS = (*folders.CONFIGS, "README.md", "LICENSE*")


def snapshot(name: str, revision: str) -> Path | None:
    """Return the cache's folder for a commit, branch or tag, complete or not; use no network."""
    folder = _home(name) / "snapshots" / commit(name, revision)
    return folder if COMMIT.fullmatch(folder.name) and folder.is_dir() else None


def commit(name: str, revision: str) -> str:
    """Return the commit of a branch or tag in the cache, or "".

    Raises:
        BadParameter: a revision cannot be called that.
    """
    if not REVISION.fullmatch(revision):
        raise BadParameter(
            f"revision {revision!r} of {name} is not a commit, a branch or a tag: give one with "
            "--param revision=..., or leave it out"
        )
    if COMMIT.fullmatch(revision):
        return revision
    try:
        found = (_home(name) / "refs" / revision).read_text().strip()
    except OSError:
        return ""
    return found if COMMIT.fullmatch(found) else ""


def fetch(name: str, revision: str, *, weights: bool) -> Path:
    """Download the files that an encoder is made of into the hub's cache, and no code.

    Args:
        name: at the hub.
        revision: a commit, a branch or a tag.
        weights: whether its weights are wanted, or its configuration only.

    Returns:
        The cache's folder; its name is the commit.

    Raises:
        SerbenchError: there is no network, no such name, no such revision, or nothing to use.
    """
    if constants.is_offline_mode():
        raise missing(name, revision, "HF_HUB_OFFLINE is set")
    import huggingface_hub.errors as hub_errors  # with all of the hub's client: half a second

    try:
        return _fetch(name, revision, weights=weights)
    except SerbenchError:
        raise
    except hub_errors.GatedRepoError as error:
        raise SerbenchError(
            f"{name} is only for those who agree to its terms: do so at {_page(name)}, then run "
            "`hf auth login` and the same command again"
        ) from error
    except hub_errors.RepositoryNotFoundError as error:
        raise SerbenchError(
            f"there is no {name} at {constants.ENDPOINT} that you may see, and no folder of that "
            "name here: check the name (a private one needs `hf auth login`)"
        ) from error
    except hub_errors.RevisionNotFoundError as error:
        raise SerbenchError(
            f"{name} has no revision {revision!r}: see {_page(name)}/commits/main for those it has"
        ) from error
    except Exception as error:  # of the disk or the connection: they share no other class
        raise _failed(name, revision, error) from error


def _fetch(name: str, revision: str, *, weights: bool) -> Path:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=constants.ENDPOINT)
    info = download.patiently(
        lambda: api.model_info(name, revision=revision, files_metadata=True, timeout=TIMEOUT)
    )
    if not COMMIT.fullmatch(str(info.sha)):
        raise SerbenchError(
            f"{constants.ENDPOINT} names no commit of {name} at {revision}: is HF_ENDPOINT a hub?"
        )
    listed = {one.rfilename: one for one in info.siblings or ()}
    if "config.json" not in listed:
        raise SerbenchError(
            f"{name} at {revision} has no config.json: it is no checkpoint of transformers"
        )
    home = _home(name)
    folder = home / "snapshots" / info.sha
    words = [one for one in listed if folders.matches(one, WORDS)]
    kind = _kind(listed) if weights else ""
    if weights and not kind:
        raise weightless(f"{name} at {revision}")
    if kind and kind not in listed:
        words.append(f"{kind}.index.json")
    download.fetch(name, info.sha, [_file(name, listed, one) for one in words], home)
    download.remember(home, revision, info.sha)
    names = [kind] if kind in listed else folders.parts(folder, kind) if kind else []
    parts = [_file(name, listed, one) for one in names]
    todo = [one for one in parts if not (home / "blobs" / one.checksum).exists()]
    if todo:
        size = sum(one.size for one in todo) / 1e6
        print(f"downloading {name} at {info.sha} ({size:.0f} MB) into {cache()}", file=sys.stderr)
    download.fetch(name, info.sha, parts, home)
    return folder


def _kind(listed: Mapping[str, object]) -> str:
    """Return the kind of weights to take: safetensors if there are any; "" without weights."""
    for kind in (folders.SAFE, folders.PICKLED):
        if kind in listed or f"{kind}.index.json" in listed:
            return kind
    return ""


def _file(name: str, listed: Mapping[str, Any], file: str) -> File:
    """Return a file with its announced size and checksum.

    Raises:
        SerbenchError: there is no such file, or no checksum was announced.
    """
    if file not in listed:
        raise SerbenchError(
            f"{name} lacks {file}, which the index of its weights names: give another revision "
            "with --param revision=..."
        )
    found = listed[file]
    announced = found.lfs.sha256 if found.lfs else found.blob_id
    size = found.lfs.size if found.lfs else found.size
    if not announced or not CHECKSUM.fullmatch(announced) or size is None:
        raise SerbenchError(
            f"{constants.ENDPOINT} announces no checksum of {file} of {name}, so the download "
            "cannot be verified: unset HF_ENDPOINT, or set it to another mirror"
        )
    return File(file, size, announced)


def weightless(where: str) -> SerbenchError:
    """The line for a configuration without weights, where pretrained ones are wanted."""
    return SerbenchError(
        f"{where} has no model.safetensors and no pytorch_model.bin: give a checkpoint that has "
        "one, or --param weights=random to compute with random weights, which are never ranked"
    )


def missing(name: str, revision: str, why: str) -> SerbenchError:
    """The line for a checkpoint that is not here and cannot be fetched: how to get it here."""
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
    """Say what an existing snapshot lacks."""
    folder = snapshot(name, revision)
    if folder is None:
        return ""
    lacking = [one for one in folders.CONFIGS[:1] if not (folder / one).is_file()]
    lacking += folders.PREPROCESSORS[: 0 if folders.has_preprocessor(folder) else 1]
    parts = [folders.parts(folder, kind) for kind in (folders.SAFE, folders.PICKLED)]
    if not any(parts):
        lacking.append("weights")
    elif not any(folders.has_weights(folder, kind) for kind in (folders.SAFE, folders.PICKLED)):
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
            f"of `hf auth login`; 401): set a valid one, or, since what is public needs none, run "
            "the same command with HF_HUB_DISABLE_IMPLICIT_TOKEN=1"
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
    """The hub's cache on this machine: HF_HUB_CACHE, or hub in HF_HOME."""
    return Path(constants.HF_HUB_CACHE)


def _home(name: str) -> Path:
    return cache() / f"models--{name.replace('/', '--')}"


def _page(name: str) -> str:
    return f"{constants.ENDPOINT}/{name}"
