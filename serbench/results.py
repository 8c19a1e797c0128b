"""What a fold leaves behind: one self-describing file, from which every number is computed.

safetensors: nothing is unpickled, nothing is parsed out of a file name. `docs/results.md` has the
format.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from serbench.contracts import Array, Link
from serbench.errors import SerbenchError
from serbench.files import replacing

SCHEMA = 1
REQUIRED = (
    "config",
    "pins",
    "protocol",
    "fold",
    "labels",
    "link",
    "certificate",
    "validation",
    "alone",
    "seconds",
    "device",
    "threads",
    "versions",
    "sources",
    "machine",
)


@dataclass(frozen=True)
class Scored:
    """The utterances of one set, and what the model said of them.

    Attributes:
        ids: of the utterances.
        speakers: one an utterance.
        truth: (utterances,) int64, positions in the labels.
        activations: (utterances, labels) float32, the output layer.
    """

    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    activations: Array


@dataclass(frozen=True)
class FoldResult:
    """One fold, trained and scored.

    Attributes:
        facts: everything that is not an array; its keys are listed in `docs/results.md`.
        test: the test set.
        validation: the validation set, kept only where folds compete in a group.
    """

    facts: Mapping[str, Any]
    test: Scored
    validation: Scored | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of the activations."""
        return tuple(self.facts["labels"])

    @property
    def link(self) -> Link:
        """What turns activations into probabilities."""
        link: Link = self.facts["link"]
        return link


def stem(position: int) -> str:
    """What the files of a fold are called, by its position in the protocol's folds."""
    return f"fold-{position + 1:02d}"


def write(path: Path, result: FoldResult) -> None:
    """Write a fold's result, whole or not at all."""
    arrays = _arrays("test", result.test)
    if result.validation is not None:
        arrays |= _arrays("validation", result.validation)
    facts = {"schema": SCHEMA, **result.facts}
    with replacing(path) as temporary:
        # bytes first: a full disk is then an OSError, as everywhere
        temporary.write_bytes(
            safetensors.numpy.save(
                arrays, metadata={"serbench": json.dumps(facts, ensure_ascii=False, default=_plain)}
            )
        )


def _plain(value: Any) -> Any:
    """A numpy number as Python's own: models may report them."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} in a result is neither text nor number")


def _arrays(part: str, scored: Scored) -> dict[str, Array]:
    speakers = sorted(set(scored.speakers))
    position = {speaker: index for index, speaker in enumerate(speakers)}
    return {
        f"{part}.ids": _text(scored.ids),
        f"{part}.speakers": _text(speakers),
        f"{part}.speaker": np.array([position[s] for s in scored.speakers], np.uint16),
        f"{part}.truth": scored.truth.astype(np.uint8),
        f"{part}.activations": np.ascontiguousarray(scored.activations, np.float32),
    }


def _text(lines: tuple[str, ...] | list[str]) -> Array:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def read(path: Path) -> FoldResult:
    """Read a fold's result.

    Raises:
        SerbenchError: it is no result of serbench, or of a newer version.
    """
    facts = read_facts(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no iterator
    try:
        test = _scored("test", arrays)
        validation = _scored("validation", arrays) if "validation.ids" in arrays else None
    except (KeyError, IndexError, ValueError) as error:
        raise SerbenchError(f"{path} lacks arrays that a result has: {error}") from error
    return FoldResult(facts, test, validation)


def read_facts(path: Path) -> Mapping[str, Any]:
    """The facts of a fold's result, without its arrays.

    Raises:
        SerbenchError: it is no result of serbench, or of a newer version.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            facts: dict[str, Any] = json.loads((file.metadata() or {})["serbench"])
    except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
        raise SerbenchError(
            f"{path} is not a result of serbench ({type(error).__name__}): remove it, "
            "and run the same command again"
        ) from error
    if facts.get("schema") != SCHEMA:
        raise SerbenchError(
            f"{path} has the schema {facts.get('schema')}, this serbench reads {SCHEMA}: "
            "install the version that wrote it, or a newer one"
        )
    missing = [key for key in REQUIRED if key not in facts]
    if missing:
        raise SerbenchError(f"{path} lacks {', '.join(missing)}: it was edited; remove it")
    return facts


def _scored(part: str, arrays: Mapping[str, Array]) -> Scored:
    speakers = _lines(arrays[f"{part}.speakers"])
    scored = Scored(
        ids=_lines(arrays[f"{part}.ids"]),
        speakers=tuple(speakers[index] for index in arrays[f"{part}.speaker"]),
        truth=arrays[f"{part}.truth"].astype(np.int64),
        activations=arrays[f"{part}.activations"],
    )
    lengths = {len(scored.ids), len(scored.speakers), len(scored.truth), len(scored.activations)}
    if len(lengths) != 1:
        raise ValueError(f"the arrays of the {part} set differ in length: {sorted(lengths)}")
    return scored


def _lines(array: Array) -> tuple[str, ...]:
    return tuple(array.tobytes().decode().split("\n"))
