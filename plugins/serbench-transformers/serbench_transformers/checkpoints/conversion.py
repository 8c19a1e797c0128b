"""Convert pickled weights (pytorch_model.bin) to safetensors, once, and run nothing in them.

A pickle can run any code. `torch.load(weights_only=True)` of torch 2.6 or newer builds nothing but
tensors, and refuses whatever else a pickle asks for.
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

from serbench.errors import SerbenchError
from serbench.files import replacing_folder
from serbench_transformers.checkpoints.folder import (
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

SCHEMA = 1  # of what is written; part of its place


def converted(key: str) -> Path | None:
    """Return the folder that `convert` made, or None.

    Args:
        key: of the checkpoint, "models--org--name-<commit>".
    """
    folder = _place(key)
    return folder if folder.is_dir() else None


def convert(folder: Path, key: str) -> Path:
    """Convert a folder's pickled weights to safetensors in another folder, with its configuration.

    Args:
        folder: one that has all pickled weights.
        key: see `converted`.

    Raises:
        SerbenchError: the weights hold something other than tensors, are cut off, or cannot be
            written.
    """
    import safetensors.torch

    print(f"converting the weights in {folder} to safetensors, once", file=sys.stderr)
    try:
        with replacing_folder(_place(key)) as made:
            places = {}
            for number, part in enumerate(parts(folder, PICKLED), start=1):
                tensors = _tensors(folder / part)
                alone = part == PICKLED
                name = SAFE if alone else f"model-{number:05d}.safetensors"
                safetensors.torch.save_file(dict(tensors), made / name, {"format": "pt"})
                places |= dict.fromkeys(tensors, name)
            if not (made / SAFE).exists():
                index = made / f"{SAFE}.index.json"
                index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
            for name in (*CONFIGS, "README.md"):
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, made / name)
    except SerbenchError as error:
        if isinstance(error.__cause__, OSError | SafetensorError):
            raise unwritable(_place(key), error.__cause__) from error
        raise
    return _place(key)


def _tensors(path: Path) -> Mapping[str, "Tensor"]:
    """Read the tensors in a pickle, copied so that no two share memory.

    Raises:
        SerbenchError: the pickle holds something else, or is cut off.
    """
    import torch

    require_fetched(path)
    try:
        # of the format before torch 1.6 nothing can be mapped
        loaded = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        if asked:
            raise _other(path, f"asks for {asked[1]} to be called") from error
        raise SerbenchError(
            f"{path} is cut off, or is not a file of weights that torch wrote: get this file "
            "again, or a model.safetensors instead"
        ) from error
    if not isinstance(loaded, dict):
        raise _other(path, f"holds {type(loaded).__name__}")
    strange = [name for name, one in loaded.items() if not _is_plain(one)]
    if strange or not all(isinstance(name, str) for name in loaded):
        raise _other(path, f"holds {strange[0] if strange else 'tensors without names'}")
    seen: set[int] = set()
    made = {}
    for name, tensor in loaded.items():
        memory = tensor.untyped_storage().data_ptr()
        plain = tensor.detach().contiguous()
        made[name] = plain.clone() if memory in seen else plain
        seen.add(memory)
    return made


def _is_plain(value: object) -> bool:
    """Return whether a value is a tensor that safetensors can hold."""
    import torch

    plain = isinstance(value, torch.Tensor) and value.layout == torch.strided
    return plain and not value.is_quantized


def _other(path: Path, problem: str) -> SerbenchError:
    return SerbenchError(
        f"{path} is a pickle that {problem}, not only named tensors: it could run any code, and "
        "nothing in it was run; give a checkpoint that has a model.safetensors, or whose "
        "pytorch_model.bin holds weights alone"
    )


def _place(key: str) -> Path:
    return home() / f"converted.{SCHEMA}" / key
