"""Pass features to a model, here or in another process, and check its predictions."""

import contextlib
import json
import mmap
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from serbench.contracts import Array, DescribedModel, Model, Predictions
from serbench.errors import PluginError, SerbenchError
from serbench.files import writing_error
from serbench.metrics import calibration
from serbench.results.fold_schema import Description
from serbench.results.json_schema import fit

ARRAYS, PLACES = "inputs.bin", "inputs.json"
ALIGNED = 64  # bytes

Place = tuple[int, Sequence[int], str]
"""The offset of an array in bytes, its shape, and its type."""


class Inputs(Sequence[Array]):
    """Feature arrays without utterance ids, each copied from memory when indexed."""

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
            return Inputs(self._memory, [self._places[position] for position in index])
        start, shape, dtype = self._places[index]
        flat = np.frombuffer(self._memory, dtype, int(np.prod(shape)), start)
        return flat.reshape(shape).copy()


def write(folder: Path, sets: Mapping[str, Iterable[Array]]) -> None:
    """Write the arrays of each set into a folder, for `opened` and `drawn`.

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


def _read(folder: Path) -> dict[str, Inputs]:
    places = json.loads((folder / PLACES).read_text())
    with (folder / ARRAYS).open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {name: Inputs(memory, rows) for name, rows in places.items()}


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[dict[str, Inputs]]:
    """Yield the sets that `write` wrote into a folder; unlink the files first."""
    sets = _read(folder)
    for name in (ARRAYS, PLACES):
        with contextlib.suppress(OSError):  # Windows cannot unlink an open file
            (folder / name).unlink()
    yield sets


def drawn(folder: Path, name: str, count: int) -> tuple[list[int], Inputs]:
    """Read a few arrays of a set that `write` wrote into a folder; keep no others in memory.

    Returns:
        Their positions, as `positions` draws them, and the arrays.
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
    """Draw a few sorted positions by the system's randomness, which no model can predict."""
    return sorted(random.SystemRandom().sample(range(length), min(count, length)))


def predict(model: Model, inputs: Sequence[Array], n_labels: int) -> Predictions:
    """Predict utterances, and check the predictions.

    Returns:
        Finite activations (utterances, labels) in float32.

    Raises:
        PluginError: the model breaks its contract.
    """
    predictions = model.predict(inputs)
    if not isinstance(predictions, Predictions):
        raise PluginError(
            f"the model predicts a {type(predictions).__name__}, not serbench.contracts.Predictions"
        )
    shape = (len(inputs), n_labels)
    with np.errstate(over="ignore"):  # the check for finite values below refuses an overflow
        # a copy: the model may use the same memory for its next predictions
        activations = np.array(predictions.activations, np.float32)
    if activations.shape != shape or not np.isfinite(activations).all():
        raise PluginError(
            f"the model's scores have the shape {activations.shape} and must be finite and of "
            f"shape {shape}: one row per utterance, one column per label"
        )
    calibration.probabilities(activations, predictions.link)  # refuses an unknown link
    return Predictions(activations, predictions.link)


def description(model: Model) -> dict[str, object]:
    """Return a fitted model's facts about itself, as plain JSON values.

    Raises:
        PluginError: a fact is not plain, or one that serbench reads has the wrong type.
    """
    if not isinstance(model, DescribedModel):
        return {}
    facts: dict[str, object] = json.loads(json.dumps(model.describe(), default=_plain))
    try:
        fit(facts, Description, "what the model's describe() returns", bounded=False)
    except SerbenchError as error:
        raise PluginError(str(error)) from error
    return facts


def _plain(value: Any) -> Any:
    """Return a numpy number as a plain Python number, which JSON can hold."""
    if isinstance(value, np.generic):
        return value.item()
    raise PluginError(
        f"the model's describe() returns {value!r}, which is neither text nor a number"
    )
