"""Hand feature arrays to another process, without names that lead to the original audio."""

import contextlib
import json
import mmap
import random
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
        folder.mkdir(exist_ok=True)
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
    sets = _read(folder)
    for name in (ARRAYS, PLACES):
        with contextlib.suppress(OSError):  # Windows keeps the name of a file that is open
            (folder / name).unlink()
    yield sets


def drawn(folder: Path, name: str, count: int) -> tuple[list[int], Inputs]:
    """Read a few arrays of a set that `write` left in a folder, and let go of the others.

    Returns:
        Their positions, drawn by the system so that nothing foretells them, and the arrays.
    """
    inputs = _read(folder)[name]
    chosen = positions(len(inputs), count)
    places: list[Place] = []
    memory = b""
    for array in inputs[chosen]:
        places.append((len(memory), array.shape, array.dtype.str))
        memory += array.tobytes()
    return chosen, Inputs(memory, places)


def positions(length: int, count: int) -> list[int]:
    """Draw a few positions of a set, by the system's randomness; sorted."""
    return sorted(random.SystemRandom().sample(range(length), min(count, length)))


def _read(folder: Path) -> dict[str, Inputs]:
    places = json.loads((folder / PLACES).read_text())
    with (folder / ARRAYS).open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {name: Inputs(memory, rows) for name, rows in places.items()}
