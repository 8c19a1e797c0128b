"""Read an untrusted fold file: the header is checked before any array is loaded."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import safetensors
import safetensors.numpy

from serbench.contracts import Array
from serbench.errors import SerbenchError
from serbench.leaderboard.submissions import safe_read
from serbench.results import fold_file
from serbench.results.fold_file import Scored
from serbench.results.fold_schema import Facts, facts_of
from serbench.results.json_schema import Count, Open, Text, fit, require_schema, require_visible

# 60,000 test and as many validation utterances with ids of 40 characters and 20 labels
MOST_BYTES = 2**24
MOST_HEADER = 2**20  # the largest of serbench's own so far has 12 kB: a probe's learning curve
LONGEST_NAME = 200  # of an utterance; CREMA-D's have 15 characters, IEMOCAP's 22
LONGEST_SPEAKER = 64  # numpy pads all names to the length of the longest
BYTES = {"U8": 1, "U16": 2, "F32": 4}
ARRAYS = {  # the arrays of each set: type and number of axes
    "ids": ("U8", 1),
    "speakers": ("U8", 1),
    "speaker": ("U16", 1),
    "truth": ("U8", 1),
    "activations": ("F32", 2),
}


@dataclass(frozen=True)
class ArrayEntry(Open):
    """An array's entry in a safetensors header."""

    dtype: Annotated[str, Text(10)]
    shape: tuple[Count, ...]
    data_offsets: tuple[Count, Count]


@dataclass(frozen=True)
class SubmittedFold:
    """A fold file of a submission, well-formed; its true labels may be withheld."""

    name: str
    sha256: str  # of its bytes
    facts: Facts
    arrays: Mapping[str, Array]  # by name; `docs/results.md` lists them

    @property
    def parts(self) -> tuple[str, ...]:
        """The sets with predictions in the file: "test", "validation"."""
        return ("test", "validation") if "validation.ids" in self.arrays else ("test",)

    def scored(self, part: str, truth: Array | None = None) -> Scored:
        """Return a set with the given truth, by default the stored one."""
        stored = self.arrays.get(f"{part}.truth") if truth is None else truth
        if stored is None:
            raise SerbenchError(f"{self.name} has no true labels: they are withheld")
        return fold_file.scored(part, {**self.arrays, f"{part}.truth": stored})

    def ids(self, part: str) -> tuple[str, ...]:
        """Return the ids of the utterances of a set."""
        return fold_file.lines(self.arrays[f"{part}.ids"])

    def speakers(self) -> set[str]:
        """Return the speakers of the test set."""
        names = fold_file.lines(self.arrays["test.speakers"])
        return {names[position] for position in np.unique(self.arrays["test.speaker"])}


def read(path: Path) -> SubmittedFold:
    """Read a fold file.

    Raises:
        SerbenchError: it is not a valid fold file.
    """
    data = safe_read.contents(path, MOST_BYTES)
    header, body = _header(path.name, data)
    _check_layout(path.name, header, body)
    facts = _facts(path.name, header)
    try:
        arrays = safetensors.numpy.load(data)
    except safetensors.SafetensorError as error:
        raise SerbenchError(f"{path.name} is not a safetensors file ({error})") from error
    file = SubmittedFold(path.name, hashlib.sha256(data).hexdigest(), facts, arrays)
    for part in file.parts:
        _check_arrays(file, part)
    return file


def _header(name: str, data: bytes) -> tuple[dict[str, Any], int]:
    """Return the header of a safetensors file, and how many bytes follow it."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise SerbenchError(
            f"{name} is not a safetensors file: its header would have {length} bytes, the file has "
            f"{len(data)}"
        )
    if length > MOST_HEADER:
        raise SerbenchError(f"{name} has a header of {length} bytes: at most {MOST_HEADER}")
    header = safe_read.parsed(data[8 : 8 + length], f"the header of {name}")
    if not isinstance(header, dict):
        raise SerbenchError(f"the header of {name} is not a JSON object")
    return header, len(data) - 8 - length


def _check_layout(name: str, header: Mapping[str, Any], body: int) -> None:
    """Refuse missing or unknown arrays, and arrays that overlap or leave gaps."""
    allowed = {f"{part}.{array}" for part in ("test", "validation") for array in ARRAYS}
    named = header.keys() - {"__metadata__"}
    if unknown := sorted(named - allowed):
        raise SerbenchError(f"{name} has the array {unknown[0][:80]!r}, which no fold file has")
    for part in ("test", "validation") if any(n.startswith("val") for n in named) else ("test",):
        needed = {f"{part}.{array}" for array in ARRAYS if array != "truth"}
        if lacking := sorted(needed - named):
            raise SerbenchError(f"{name} lacks the array {lacking[0]}")
    extents = sorted(_extent(name, array, header[array]) for array in named)
    begins = [begin for begin, _ in extents]
    ends = [end for _, end in extents]
    if begins[0] != 0 or ends[-1] != body or any(a[1] != b[0] for a, b in pairwise(extents)):
        raise SerbenchError(f"{name} has arrays that overlap, leave gaps, or end beyond the file")


def _extent(name: str, array: str, stored: Any) -> tuple[int, int]:
    """Return where an array begins and ends; refuse offsets that do not fit its type and shape."""
    where = f"{name}: {array}"
    entry: ArrayEntry = fit(stored, ArrayEntry, where)
    dtype, axes = ARRAYS[array.partition(".")[2]]
    if entry.dtype != dtype or len(entry.shape) != axes:
        raise SerbenchError(f"{where} must be {dtype} with {axes} axes")
    (begin, end), size = entry.data_offsets, BYTES[dtype] * math.prod(entry.shape)
    if size == 0 or end - begin != size:
        raise SerbenchError(f"{where} has offsets that do not fit its shape")
    return begin, end


def _facts(name: str, header: Mapping[str, Any]) -> Facts:
    metadata = header.get("__metadata__")
    text = metadata.get("serbench") if isinstance(metadata, dict) and len(metadata) == 1 else None
    if not isinstance(text, str):
        raise SerbenchError(f"{name} is not a result of serbench: its metadata must be one text")
    stored = safe_read.parsed(text.encode(), f"the facts of {name}", infinite=True)
    require_schema(stored, fold_file.SCHEMA, name)
    try:
        stored["curve"] = fold_file.points(stored.get("curve", []))
    except (TypeError, ValueError) as error:
        raise SerbenchError(f"{name} has an invalid learning curve ({error})") from error
    facts = facts_of(stored, name, bounded=True)
    if len(facts.labels) < 2:
        raise SerbenchError(f"{name}: there is only one label, at least two are needed")
    return facts


def _check_arrays(file: SubmittedFold, part: str) -> None:
    """Check lengths, names, positions and activations in a set."""
    try:
        ids = fold_file.lines(file.arrays[f"{part}.ids"])
        speakers = fold_file.lines(file.arrays[f"{part}.speakers"])
    except UnicodeDecodeError as error:
        raise SerbenchError(f"{file.name} has names that are not UTF-8 ({error.reason})") from error
    _check_names(f"the {part} set of {file.name}", ids, LONGEST_NAME)
    _check_names(f"the {part} set of {file.name}", speakers, LONGEST_SPEAKER)
    shape = (len(ids), len(file.facts.labels))
    activations, position = file.arrays[f"{part}.activations"], file.arrays[f"{part}.speaker"]
    if activations.shape != shape:
        raise SerbenchError(
            f"{file.name} has activations of shape {activations.shape} in its {part} set: "
            f"{shape[0]} utterances and {shape[1]} labels make {shape}"
        )
    if not np.isfinite(activations).all():
        raise SerbenchError(f"{file.name} has activations that are not finite in its {part} set")
    truth = file.arrays.get(f"{part}.truth", np.zeros(len(ids), np.uint8))
    if position.shape != shape[:1] or truth.shape != shape[:1]:
        raise SerbenchError(f"{file.name} has arrays of different lengths in its {part} set")
    if position.max() >= len(speakers) or truth.max() >= shape[1]:
        raise SerbenchError(
            f"{file.name} has a speaker or a label in its {part} set that is not in its list"
        )


def _check_names(where: str, names: Sequence[str], most: int) -> None:
    for length in set(map(len, names)):
        if not 0 < length <= most:
            raise SerbenchError(f"{where} has a name of {length} characters: at most {most}")
    require_visible("".join(names), f"a name in {where}")


def withheld(data: bytes) -> bytes:
    """Return a fold file without its true labels, otherwise unchanged.

    Args:
        data: bytes of a file from `serbench.results.fold_file.write`.
    """
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    arrays = {
        name: array
        for name, array in safetensors.numpy.load(data).items()
        if not name.endswith(".truth")
    }
    return safetensors.numpy.save(arrays, metadata=metadata)
