"""Convert pickled weights (pytorch_model.bin) to safetensors once, without running their code.

A pickle can run any code. `torch.load(weights_only=True)` of torch 2.6 or newer builds only
tensors, and refuses everything else.
"""

import json
import pickle
import re
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from serbench import SerbenchError
from serbench.files import replacing_folder
from serbench_transformers.checkpoints.folders import (
    CONFIGS,
    PICKLED,
    SAFE,
    home,
    parts,
    require_fetched,
    unwritable,
)

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = 1  # of the converted files; part of their path


def converted(key: str) -> Path | None:
    """Return the folder that `convert` wrote for a key, "org--name-<commit>", or None."""
    folder = _place(key)
    return folder if folder.is_dir() else None


def convert(folder: Path, key: str) -> Path:
    """Convert a folder's pickled weights to safetensors in a new folder, with its configuration.

    Raises:
        SerbenchError: the weights contain something other than tensors, are cut off, or cannot be
            written.
    """
    import safetensors.torch

    print(f"converting the weights in {folder} to safetensors, once", file=sys.stderr)
    try:
        with replacing_folder(_place(key)) as target:
            files: dict[str, str] = {}
            for number, part in enumerate(parts(folder, PICKLED), start=1):
                tensors = _tensors(folder / part)
                name = SAFE if part == PICKLED else f"model-{number:05d}.safetensors"
                safetensors.torch.save_file(dict(tensors), target / name, {"format": "pt"})
                files |= dict.fromkeys(tensors, name)
            if not (target / SAFE).exists():
                index = target / f"{SAFE}.index.json"
                index.write_text(json.dumps({"metadata": {}, "weight_map": files}))
            for name in (*CONFIGS, "README.md"):
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, target / name)
    except SerbenchError as error:
        if isinstance(error.__cause__, OSError | SafetensorError):
            raise unwritable(_place(key), error.__cause__) from error
        raise
    return _place(key)


def _tensors(path: Path) -> Mapping[str, "Tensor"]:
    """Read the tensors in a pickle as copies that share no memory; refuse other content."""
    import torch

    require_fetched(path)
    try:
        # files in the format before torch 1.6 cannot be memory-mapped
        loaded = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        if call := re.search(r"GLOBAL (\S+)", str(error)):
            raise _not_tensors(path, f"asks for {call[1]} to be called") from error
        raise SerbenchError(
            f"{path} is cut off, or is not a file of weights from torch: get this file again, or "
            "a model.safetensors instead"
        ) from error
    if not isinstance(loaded, dict):
        raise _not_tensors(path, f"holds {type(loaded).__name__}")
    other = [name for name, value in loaded.items() if not _is_plain(value)]
    if other or not all(isinstance(name, str) for name in loaded):
        raise _not_tensors(path, f"holds {other[0] if other else 'tensors without names'}")
    seen: set[int] = set()
    tensors = {}
    for name, tensor in loaded.items():
        memory = tensor.untyped_storage().data_ptr()
        plain = tensor.detach().contiguous()
        tensors[name] = plain.clone() if memory in seen else plain
        seen.add(memory)
    return tensors


def _is_plain(value: object) -> bool:
    """Return whether a value is a tensor that safetensors can hold."""
    import torch

    is_strided = isinstance(value, torch.Tensor) and value.layout == torch.strided
    return is_strided and not value.is_quantized


def _not_tensors(path: Path, problem: str) -> SerbenchError:
    return SerbenchError(
        f"{path} is a pickle that {problem}, not only named tensors: it could run any code, and "
        "nothing in it was run; give a checkpoint with a model.safetensors, or with only weights "
        "in its pytorch_model.bin"
    )


def _place(key: str) -> Path:
    return home() / f"converted.{SCHEMA}" / key
