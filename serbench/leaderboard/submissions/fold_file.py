"""Reads a fold file that a stranger sent: its header is checked before anything is made of it."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from serbench.contracts import Array
from serbench.corpus import PARTS
from serbench.errors import SerbenchError
from serbench.evaluation.plan import MOST_THREADS
from serbench.leaderboard.submissions import safe_read
from serbench.leaderboard.submissions.safe_read import (
    ANY_NUMBER,
    ANYTHING,
    HEX64,
    NUMBER,
    Named,
    Number,
    Object,
    Text,
    Whole,
    fit,
    plain,
)
from serbench.metrics.calibration import LINKS
from serbench.metrics.classification import METRICS
from serbench.results import fold_file
from serbench.results.fold_file import Scored

MOST_BYTES = (
    2**24
)  # 60,000 test and as many validation utterances with ids of 40 characters and 20 labels
MOST_HEADER = 2**20  # the largest that serbench wrote so far has 12 kB: a probe's learning curve
LONGEST_NAME = 200  # of an utterance; CREMA-D's have 15 characters, IEMOCAP's 22
LONGEST_SPEAKER = 64  # numpy sorts them as text of equal length
TYPES = {"U8": (1, np.uint8), "U16": (2, np.uint16), "F32": (4, np.float32)}
ARRAYS = {  # of each set: type and number of axes
    "ids": ("U8", 1),
    "speakers": ("U8", 1),
    "speaker": ("U16", 1),
    "truth": ("U8", 1),
    "activations": ("F32", 2),
}

ENTRY = Object({"dtype": Text(10), "shape": [Whole()], "data_offsets": [Whole()]}, {})
_NAME = Text(100)
_AMOUNT = Number(1e9)  # seconds: 30 years; megabytes: a petabyte. Sums of them stay finite
_SHARED = Named(Object({"count": Whole(), "examples": [Text(3 * LONGEST_NAME)]}, {}), 10)
_SETS = dict.fromkeys(PARTS, Whole())
FACTS = Object(
    {
        "config": Object(
            {
                "dataset": Text(200, r"[a-z0-9-]+(:.+)?"),  # no name that looks like another
                **dict.fromkeys(("labels", "protocol", "model", "feature"), Text(200, r".+")),
                **dict.fromkeys(("model_version", "feature_version"), Text(100)),
                **dict.fromkeys(("params", "feature_params", "reading"), Named(ANYTHING, 100)),
                "seed": Whole(2**63),
            },
            {"precision": Text(20), "threads": Whole(MOST_THREADS)},
            known_only=True,
        ),
        "pins": Object(dict.fromkeys(("corpus", "protocol", "audio"), Text(64, HEX64)), {}),
        "protocol": Object({"name": Text(200), "leaks": Text(500), "folds": Whole()}, {}),
        "fold": Object(
            {"index": Whole(), "name": _NAME, "group": _NAME, "utterances": Object(_SETS, {})}, {}
        ),
        "labels": [Text(100, r".+")],
        "link": Text(20, "|".join(LINKS)),
        "certificate": Object(
            {
                **{"schema": Whole(), "clean": bool, "audio_checked": bool},
                **dict.fromkeys(("speakers", "audio", "sessions", "dialogues"), _SHARED),
            },
            {},
        ),
        "validation": Object({"f1": NUMBER}, dict.fromkeys(METRICS, NUMBER)),
        "alone": Object(
            {"largest_difference": NUMBER},
            {"utterances": Whole(), "other_labels": Whole(), "unchecked": Text(300)},
        ),
        "seconds": Named(_AMOUNT),
        "device": _NAME,
        "threads": Whole(),
        "versions": Named(_NAME),
        "sources": Named(_NAME),
        "machine": Named(Text(300)),
    },
    {
        "model": Object(
            {},
            {
                "parameters": (Whole(10**15), None),
                "trained_parameters": (Whole(10**15), None),
                "checkpoint": (Text(300), None),
                "revision": (Text(300), None),
                "licence": (Text(300), None),
                "pretrained": (bool, None),
                "fine_tuned_before": (Text(500), None),
                "precision": (_NAME, None),
                "bfloat16_gain": NUMBER,
            },
        ),
        "curve": [Named((ANY_NUMBER, None), 100)],
        "warnings": [Text(300)],
        "peak_memory_mb": _AMOUNT,
        "finished": _NAME,
    },
)


@dataclass(frozen=True)
class FoldFile:
    """A fold file, as it was sent.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        facts: what is not an array, in the shape that `FACTS` says.
        arrays: by name, as `docs/results.md` lists them; `test.truth` may be withheld.
    """

    name: str
    sha256: str
    facts: Mapping[str, Any]
    arrays: Mapping[str, Array]

    @property
    def has_truth(self) -> bool:
        """It holds the true labels of its test set."""
        return "test.truth" in self.arrays

    @property
    def has_validation(self) -> bool:
        """It holds what was predicted of its validation set."""
        return "validation.ids" in self.arrays

    def scored(self, part: str, truth: Array | None = None) -> Scored:
        """The test or validation set; with the stored truth where none is given."""
        known = self.arrays.get(f"{part}.truth") if truth is None else truth
        if known is None:
            raise SerbenchError(f"{self.name} has no true labels: they are withheld")
        return fold_file.scored(part, {**self.arrays, f"{part}.truth": known})

    def ids(self, part: str) -> tuple[str, ...]:
        """The utterances of a set."""
        return fold_file.lines(self.arrays[f"{part}.ids"])


def read(path: Path) -> FoldFile:
    """Read a fold file.

    Raises:
        SerbenchError: it is not one, or holds what no fold file holds.
    """
    data = safe_read.contents(path, MOST_BYTES)
    header, body = _header(path.name, data)
    _check_layout(path.name, header, body)
    facts = _facts(path.name, header)
    try:
        arrays = safetensors.numpy.load(data)
    except safetensors.SafetensorError as error:
        raise SerbenchError(f"{path.name} is no safetensors file ({error})") from error
    made = FoldFile(path.name, hashlib.sha256(data).hexdigest(), facts, arrays)
    for part in ("test", "validation") if made.has_validation else ("test",):
        _check_arrays(made, part)
    return made


def _header(name: str, data: bytes) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and how many bytes follow it."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise SerbenchError(
            f"{name} is no safetensors file: its header would have {length} bytes, the file has "
            f"{len(data)}"
        )
    if length > MOST_HEADER:
        raise SerbenchError(f"{name} has a header of {length} bytes: at most {MOST_HEADER}")
    header = safe_read.parsed(data[8 : 8 + length], f"the header of {name}")
    if not isinstance(header, dict):
        raise SerbenchError(f"the header of {name} is no object")
    return header, len(data) - 8 - length


def _check_layout(name: str, header: Mapping[str, Any], body: int) -> None:
    """The arrays that a fold file has and no others, side by side in the file, without a gap."""
    known = {f"{part}.{array}" for part in ("test", "validation") for array in ARRAYS}
    named = header.keys() - {"__metadata__"}
    if unknown := sorted(named - known):
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


def _extent(name: str, array: str, entry: Any) -> tuple[int, int]:
    """Where an array begins and ends, once that fits its type and shape."""
    where = f"{name}: {array}"
    fit(entry, ENTRY, where)
    dtype, axes = ARRAYS[array.partition(".")[2]]
    if entry["dtype"] != dtype or len(entry["shape"]) != axes:
        raise SerbenchError(f"{where} must be {dtype} with {axes} axes")
    size = TYPES[dtype][0] * math.prod(entry["shape"])
    offsets = entry["data_offsets"]
    if size == 0 or len(offsets) != 2 or offsets[1] - offsets[0] != size:
        raise SerbenchError(f"{where} has offsets that do not fit its shape")
    return offsets[0], offsets[1]


def _facts(name: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or set(metadata) != {"serbench"}:
        raise SerbenchError(f"{name} is not a result of serbench: its metadata must be one text")
    text = metadata["serbench"]
    if not isinstance(text, str):
        raise SerbenchError(f"{name} is not a result of serbench: its metadata must be one text")
    facts: Mapping[str, Any] = safe_read.parsed(
        text.encode(), f"the facts of {name}", infinite=True
    )
    if not isinstance(facts, dict) or facts.get("schema") != fold_file.SCHEMA:
        schema = facts.get("schema") if isinstance(facts, dict) else None
        raise SerbenchError(
            f"{name} has the schema {str(schema)[:20]!r}, this serbench reads {fold_file.SCHEMA}: "
            "install the version that wrote it, or a newer one"
        )
    if "curve" in facts:
        facts = {**facts, "curve": _points(name, facts["curve"])}
    fit(facts, FACTS, name)
    if not facts["labels"] or len(set(facts["labels"])) != len(facts["labels"]):
        raise SerbenchError(f"{name}: labels must be there, each once")
    if len(facts["labels"]) < 2:
        raise SerbenchError(f"{name}: there is one label, so there is nothing to tell apart")
    return facts


def _points(name: str, curve: Any) -> Any:
    try:
        return fold_file.points(curve)
    except (TypeError, ValueError) as error:
        raise SerbenchError(f"{name} has a learning curve that is none ({error})") from error


def _check_arrays(file: FoldFile, part: str) -> None:
    """Lengths that agree, names that can be printed, positions that exist, numbers."""
    try:
        ids = fold_file.lines(file.arrays[f"{part}.ids"])
        speakers = fold_file.lines(file.arrays[f"{part}.speakers"])
    except UnicodeDecodeError as error:
        raise SerbenchError(f"{file.name} has names that are not UTF-8 ({error.reason})") from error
    _check_names(f"the {part} set of {file.name}", ids, LONGEST_NAME)
    _check_names(f"the {part} set of {file.name}", speakers, LONGEST_SPEAKER)
    shape = (len(ids), len(file.facts["labels"]))
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
    plain("".join(names), f"a name in {where}")


def withheld(data: bytes) -> bytes:
    """A fold file without the true labels of its sets; everything else as it was.

    Args:
        data: the file that `serbench.results.write` made.
    """
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    arrays = {
        name: array
        for name, array in safetensors.numpy.load(data).items()
        if not name.endswith(".truth")
    }
    return safetensors.numpy.save(arrays, metadata=metadata)
