"""Store features, so that each is extracted only once.

The key of an array is the digest of its samples, and the identity of the extractor, its version,
its parameters and the reading of the audio. So a changed file, setting or version never gets an old
array.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import safetensors
import safetensors.numpy

from serbench import tables
from serbench.contracts import Array
from serbench.errors import PluginError
from serbench.files import digest, replacing
from serbench.results.config import Config


@dataclass(frozen=True)
class Feature:
    """The identity of features: extractor, version, parameters, and how the audio is read."""

    name: str
    version: str
    params: Mapping[str, object] = field(default_factory=dict)
    reading: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config) -> "Feature":
        """Return the feature that a run's model learns from."""
        return cls(config.feature, config.feature_version, config.feature_params, config.reading)

    @classmethod
    def of_copies(cls, config: Config) -> "tuple[Feature, ...]":
        """Return the features of perturbed copies of a run's training utterances, in order."""
        own = cls.of(config)
        return tuple(
            replace(
                own,
                reading={**own.reading, "perturbation": spec, "perturbation_version": version},
            )
            for spec, version in sorted(config.augment.items())
        )

    def folder(self, cache: Path) -> Path:
        """Return the folder of the stored arrays."""
        return cache / "features" / f"{self.name}-{digest(asdict(self))[:16]}"


class Store:
    """The arrays of one feature, in shards: safetensors files that are written atomically."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._shards: dict[str, Any] = {}
        for path in sorted(folder.glob("*.safetensors")):
            try:
                shard = safetensors.safe_open(path, framework="numpy")
            except (OSError, safetensors.SafetensorError):
                continue  # damaged: its arrays are extracted again
            keys: list[str] = shard.keys()  # type: ignore[no-untyped-call]
            self._shards.update({key: shard for key in keys if key not in self._shards})

    def __contains__(self, key: str) -> bool:
        return key in self._shards

    def write(self, arrays: Mapping[str, Array]) -> None:
        """Add arrays, each under the digest of its samples."""
        if not arrays:
            return
        path = self._folder / f"{digest(sorted(arrays))[:16]}.safetensors"
        with replacing(path) as temporary:
            # write bytes: safetensors' own file writer raises other errors if the disk is full
            temporary.write_bytes(
                safetensors.numpy.save({k: np.ascontiguousarray(a) for k, a in arrays.items()})
            )

    def read(self, keys: Sequence[str]) -> "Features":
        """Return the arrays under these digests.

        Raises:
            PluginError: an array is missing.
        """
        missing = [key for key in keys if key not in self._shards]
        if missing:
            raise PluginError(f"{self._folder} lacks {len(missing)} arrays; run the command again")
        return Features([(self._shards[key], key) for key in keys])


class Features(Sequence[Array]):
    """Feature arrays in the order of their utterances, each read from its shard when accessed."""

    def __init__(self, places: Sequence[tuple[Any, str]]):
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> "Features": ...
    def __getitem__(self, index: int | slice) -> "Array | Features":
        if isinstance(index, slice):
            return Features(self._places[index])
        shard, key = self._places[index]
        array: Array = shard.get_tensor(key)
        return array


def check_arrays(name: str, returned: Any, expected: int) -> list[Array]:
    """Check and return the arrays from an extractor.

    Raises:
        PluginError: they are not one finite array of float32 or float16 per utterance.
    """
    arrays = list(returned)
    if len(arrays) != expected:
        raise PluginError(
            f"feature {name} made {tables.count(len(arrays), 'array')} for "
            f"{tables.count(expected, 'utterance')}"
        )
    for array in arrays:
        if not isinstance(array, np.ndarray):
            raise PluginError(f"feature {name} made a {type(array).__name__}, not an array")
        is_float = array.dtype in (np.float32, np.float16)
        if not is_float or not array.size or not np.isfinite(array).all():
            raise PluginError(
                f"feature {name} made an array of type {array.dtype} and shape {array.shape} that "
                "is not finite float32 or float16; this is a fault of the plugin that offers it"
            )
    return arrays
