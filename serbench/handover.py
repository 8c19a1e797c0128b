"""Hand feature arrays to another process, without names that lead to the original audio."""

import contextlib
import json
import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from serbench.contracts import Array
from serbench.files import writing_error

ARRAYS, PLACES = "inputs.bin", "inputs.json"
ALIGNED = 64  # bytes

Place = tuple[int, Sequence[int], str]
"""The offset of an array in bytes, its shape, and its type."""


class Inputs(Sequence[Array]):
    """Feature arrays of utterances, each read when asked for; a reader may change what it gets."""

    def __init__(self, memory: mmap.mmap | bytes, places: Sequence[Place]):
        self._memory, self._places = memory, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int]) -> "Inputs": ...
    def __getitem__(self, index: int | slice | Sequence[int]) -> "Array | Inputs":
        if isinstance(index, slice):
            return Inputs(self._memory, self._places[index])
        if isinstance(index, Sequence):
            return Inputs(self._memory, [self._places[one] for one in index])
        start, shape, dtype = self._places[index]
        flat = np.frombuffer(self._memory, dtype, int(np.prod(shape)), start)
        return flat.reshape(shape).copy()


def write(folder: Path, sets: Mapping[str, Iterable[Array]]) -> None:
    """Write the arrays of each set into a folder, for `opened`.

    Raises:
        SerbenchError: the disk is full or the folder cannot be written.
    """
    places: dict[str, list[Place]] = {}
    try:
        with (folder / ARRAYS).open("wb") as file:
            for name, arrays in sets.items():
                rows = places.setdefault(name, [])
                for array in arrays:
                    file.write(b"\0" * (-file.tell() % ALIGNED))
                    rows.append((file.tell(), array.shape, array.dtype.str))
                    file.write(np.ascontiguousarray(array).data)
        (folder / PLACES).write_text(json.dumps(places))
    except OSError as error:
        raise writing_error(folder / ARRAYS, error) from error


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[dict[str, Inputs]]:
    """Yield the sets that `write` left in a folder; the files are unlinked first."""
    places = json.loads((folder / PLACES).read_text())
    with (folder / ARRAYS).open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for name in (ARRAYS, PLACES):
        with contextlib.suppress(OSError):  # Windows keeps the name of a file that is open
            (folder / name).unlink()
    yield {name: Inputs(memory, rows) for name, rows in places.items()}
