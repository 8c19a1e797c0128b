"""Finds what a hub name stands for in the hub's cache on this machine, and fetches what is not."""

import errno
import re
import sys
from pathlib import Path

from huggingface_hub import constants

from serbench.errors import BadParameter, SerbenchError
from serbench_transformers import folders, presets

NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
REVISION = re.compile(r"(?!.*\.\.)\w[\w./-]*", re.ASCII)

WORDS = (*folders.CONFIGS, "README.md", "LICENSE*")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "model-?????-of-?????.safetensors")

TIMEOUT = 20  # seconds, for the list of files


def snapshot(name: str, revision: str) -> Path | None:
    """The cache's folder for that commit, branch or tag, whole or not; never asks the network.

    Raises:
        BadParameter: a revision cannot be called that.
    """
    if not REVISION.fullmatch(revision):
        raise BadParameter(
            f"revision {revision!r} of {name} is not a commit, a branch or a tag: give one with "
            "--param revision=..., or leave it out"
        )
    commit = revision
    if not COMMIT.fullmatch(revision):
        try:
            commit = (_home(name) / "refs" / revision).read_text().strip()
        except OSError:
            return None
    folder = _home(name) / "snapshots" / commit
    return folder if COMMIT.fullmatch(commit) and folder.is_dir() else None


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
        return _download(name, revision, weights=weights)
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
    except SerbenchError:
        raise
    except Exception as error:  # the disk's, httpx's, xet's: they share no other class
        raise _failed(name, revision, error) from error


def _download(name: str, revision: str, *, weights: bool) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    info = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=TIMEOUT)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    if "config.json" not in sizes:
        raise SerbenchError(
            f"{name} at {revision} has no config.json: it is no checkpoint of transformers"
        )
    if weights and not any(folders.matches(one, WEIGHTS) for one in sizes):
        where = f"{name} at {revision}"
        raise pickled(where, name) if folders.pickles(sizes) else weightless(where)
    patterns = (*WORDS, *(WEIGHTS if weights else ()))
    wanted = [one for one in sizes if folders.matches(one, patterns)]
    total = sum(sizes[one] for one in wanted) / 1e6
    print(f"downloading {name} at {info.sha} ({total:.0f} MB) into {cache()}", file=sys.stderr)
    return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))


def weightless(where: str) -> SerbenchError:
    """The line for a configuration without weights, where pretrained ones are wanted."""
    return SerbenchError(
        f"{where} has no model.safetensors: give a checkpoint that has one, or --param "
        "weights=random to compute with random weights, which are never ranked"
    )


def pickled(where: str, name: str) -> SerbenchError:
    """The line for weights that are there as a pickle only: what can be given instead.

    Args:
        where: what has them.
        name: what transformers would be asked for: the hub name, or the folder.
    """
    return SerbenchError(
        f"{where} has its weights only as a pickle (pytorch_model.bin), which could run any code "
        "and is never read, and no model.safetensors: many repositories have a conversion, to be "
        "given with --param revision=refs/pr/N (N is in their list of pull requests); or, if you "
        'trust it, convert it: `python -c "from transformers import AutoFeatureExtractor, '
        f"AutoModel; [one.from_pretrained('{name}').save_pretrained('FOLDER') for one in "
        '(AutoFeatureExtractor, AutoModel)]"`, then give --param checkpoint=FOLDER'
    )


def missing(name: str, revision: str, why: str) -> SerbenchError:
    """The line for a checkpoint that is not here and cannot be fetched: how to get it here."""
    preset = presets.of_checkpoint(name)
    if preset and preset.pickled and preset.revision == revision:
        return pickled(f"{name} at {revision}", name)
    size = f" (about {preset.megabytes} MB)" if preset else ""
    include = " ".join(f"--include '{one}'" for one in ("*config.json", "model*.safetensors*"))
    return SerbenchError(
        f"{name} at {revision} is not, or not wholly, in the hub's cache {cache()}, and cannot be "
        f"downloaded here ({why}): on a machine with a network run `hf download {name} --revision "
        f"{revision} {include} --include README.md`{size}, and copy {_home(name).name} from its "
        f"cache (~/.cache/huggingface/hub) into {cache()}; or give a local folder with --param "
        "checkpoint=FOLDER"
    )


def _failed(name: str, revision: str, error: Exception) -> SerbenchError:
    full = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError) and (error.filename or error.errno in full):
        return SerbenchError(
            f"cannot write {name} into the hub's cache {cache()} ({error.strerror}): make room "
            "there, or choose another place with HF_HOME"
        )
    reason = f"{type(error).__name__} {error}".strip().partition("\n")[0]
    return missing(name, revision, f"the download from {constants.ENDPOINT} failed: {reason}")


def cache() -> Path:
    """The hub's cache on this machine: HF_HUB_CACHE, or hub in HF_HOME."""
    return Path(constants.HF_HUB_CACHE)


def _home(name: str) -> Path:
    return cache() / f"models--{name.replace('/', '--')}"


def _page(name: str) -> str:
    return f"{constants.ENDPOINT}/{name}"
