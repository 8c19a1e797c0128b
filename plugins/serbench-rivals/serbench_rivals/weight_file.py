"""A file of pretrained weights that the user gives, identified by its digest, never by its path."""

import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from serbench import BadParameter, SerbenchError
from serbench.files import file_digest
from serbench_transformers.checkpoints.folders import home, unwritable

SHA256 = re.compile(r"[0-9a-f]{64}")


def resolved(file: str, sha256: str) -> str:
    """Return the name of a weight file, after remembering where it is for the folds.

    Args:
        file: its path; or its name, if it was used before on this machine.
        sha256: its digest.

    Raises:
        BadParameter: the digest is not one, or is that of another file.
        SerbenchError: there is no such file.
    """
    if not file:
        raise BadParameter(
            "weights=pretrained needs the file of the weights: --param weights_file=PATH "
            "--param sha256=DIGEST"
        )
    if not SHA256.fullmatch(sha256):
        raise BadParameter(
            f"sha256={sha256!r} is not the digest of a file, 64 digits: `sha256sum FILE` prints it"
        )
    path = Path(file).expanduser()
    if not path.is_file():
        if path.name == file and _link(sha256).is_symlink():
            return file
        raise SerbenchError(
            f"there is no file of weights {file}: give it with --param weights_file=PATH"
        )
    _require_same(path, sha256)
    link, target = _link(sha256), str(path.absolute())
    if not (link.is_symlink() and os.readlink(link) == target):
        temporary = link.with_name(f".{link.name}.{os.getpid()}")
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            temporary.symlink_to(target)
            temporary.replace(link)
        except OSError as error:
            raise unwritable(link, error) from error
    return path.name


def read(sha256: str) -> Mapping[str, Tensor]:
    """Return the tensors of a file that `resolved` remembered; no code in it runs.

    Raises:
        SerbenchError: the file is gone, has changed, or holds anything but tensors.
    """
    link = _link(sha256)
    if not link.is_file():
        raise SerbenchError(
            f"the file of weights with the digest {sha256} is not on this machine, or no longer "
            "where it was: give it with --param weights_file=PATH"
        )
    path = Path(os.readlink(link))
    _require_same(path, sha256)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, BadZipFile) as error:
        raise SerbenchError(
            f"{path} is not a file of weights: give one that torch.save or safetensors wrote, with "
            "nothing but tensors in it"
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping):
        raise SerbenchError(f"{path} holds no tensors by name: give the weights of a network")
    return {name: each for name, each in content.items() if isinstance(each, Tensor)}


def fill(network: nn.Module, weights: Mapping[str, Tensor], new: str) -> None:
    """Copy weights into a network, but for its new layer.

    Args:
        network: the network, on the CPU.
        weights: as `read` returns them; names that the network has not are left out.
        new: the name of the layer that has no pretrained weights.

    Raises:
        SerbenchError: weights are missing, or have other shapes.
    """
    state = network.state_dict()
    for name, place in state.items():
        if name.startswith(f"{new}."):
            continue
        if name not in weights:
            raise SerbenchError(f"the file of weights has no {name}: it is of another network")
        shapes = tuple(weights[name].shape), tuple(place.shape)
        if shapes[0] != shapes[1]:
            raise SerbenchError(
                f"{name} in the file of weights is {shapes[0]}, but must be {shapes[1]}: it is of "
                "another network"
            )
        place.copy_(weights[name])


def _link(sha256: str) -> Path:
    return home() / "files" / sha256


def _require_same(path: Path, sha256: str) -> None:
    if (now := file_digest(path)) != sha256:
        raise BadParameter(
            f"{path} has the digest {now}, not sha256={sha256}: give the file with this digest, or "
            "its own digest"
        )
