"""The result of a fold: one self-describing safetensors file, from which scores are computed.

Reading a file unpickles nothing, and parses nothing from its name. `docs/results.md` describes the
format.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from serbench.contracts import Array
from serbench.corpus import Corpus
from serbench.errors import CorpusError, SerbenchError
from serbench.escaping import shown
from serbench.files import replacing
from serbench.results.fold_schema import Facts, facts_of
from serbench.results.json_schema import require_schema

SCHEMA = 1


@dataclass(frozen=True)
class Scored:
    """The utterances of one set, and the model's scores for them.

    Attributes:
        ids: one per utterance.
        speakers: one per utterance.
        truth: (utterances,) int64, positions in the labels.
        activations: (utterances, labels) float32, the output layer.
    """

    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    activations: Array

    def __repr__(self) -> str:
        return f"<Scored utterances={len(self.ids)} speakers={len(set(self.speakers))}>"


@dataclass(frozen=True)
class FoldResult:
    """One fold, trained and scored.

    Attributes:
        stored: the facts as the file stores them, JSON values.
        test: the test set.
        validation: the validation set; older results lack it where no folds compete.
    """

    stored: Mapping[str, Any]
    test: Scored
    validation: Scored | None = None

    def __repr__(self) -> str:
        name = f"{self.facts.fold.name} of {self.facts.config.name}"
        return f"<FoldResult {shown(name)} test={self.test!r}>"

    @cached_property
    def facts(self) -> Facts:
        """Everything that is not an array."""
        return facts_of(self.stored, "its facts", bounded=False)


def stem(position: int) -> str:
    """Return the name of a fold's files without ending, by its position in the protocol."""
    return f"fold-{position + 1:02d}"


def require_size(corpus: Corpus) -> None:
    """Refuse a corpus that has more labels or speakers than a result can number.

    Raises:
        CorpusError: there are too many; the message has the count.
    """
    for count, most, noun in (
        (len(corpus.labels), 2**8, "labels"),
        (len({utterance.speaker for utterance in corpus.utterances}), 2**16, "speakers"),
    ):
        if count > most:
            raise CorpusError(
                f"{corpus.name} has {count} {noun}, and a result has numbers for {most}: is it the "
                "right column?"
            )


def write(path: Path, result: FoldResult) -> None:
    """Write a fold's result atomically."""
    sets = arrays("test", result.test)
    if result.validation is not None:
        sets |= arrays("validation", result.validation)
    stored = {"schema": SCHEMA, **result.stored}
    if "curve" in stored:
        stored["curve"] = _columns(stored["curve"])
    text = json.dumps(stored, ensure_ascii=False, separators=(",", ":"))
    with replacing(path) as temporary:
        # bytes first: a full disk is then an OSError, as everywhere
        temporary.write_bytes(safetensors.numpy.save(sets, metadata={"serbench": text}))


def _columns(curve: Sequence[Mapping[str, Any]]) -> Any:
    """Return a learning curve as a list of values per name, to six digits: a quarter of the size.

    A curve whose points have different names is returned unchanged.
    """
    names = [list(point) for point in curve]
    if not curve or any(keys != names[0] for keys in names):
        return curve
    return {name: [_rounded(point[name]) for point in curve] for name in names[0]}


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def points(curve: Any) -> Any:
    """Return the points of a stored learning curve, one per epoch, each with its names.

    >>> points({"epoch": [1, 2], "train_loss": [1.5, 0.5]})
    [{'epoch': 1, 'train_loss': 1.5}, {'epoch': 2, 'train_loss': 0.5}]

    Raises:
        ValueError: names have values for different numbers of epochs.
    """
    if not isinstance(curve, Mapping):
        return curve
    return [dict(zip(curve, row, strict=True)) for row in zip(*curve.values(), strict=True)]


def arrays(part: str, scored: Scored) -> dict[str, Array]:
    """Return a set as named arrays for a file; `scored` reads them."""
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


def contents(path: Path) -> tuple[Any, dict[str, Array]]:
    """Return the facts and the arrays of a file.

    Raises:
        SerbenchError: the file is not a result of serbench.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            stored: Any = json.loads((file.metadata() or {})["serbench"])
            # keys: it has no iterator
            named = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if "curve" in stored:
            stored["curve"] = points(stored["curve"])
    except (
        *(OSError, safetensors.SafetensorError, AttributeError),
        *(KeyError, TypeError, ValueError, RecursionError),
    ) as error:
        raise _no_result(path, type(error).__name__) from error
    return stored, named


def read(path: Path) -> FoldResult:
    """Read a fold's result.

    Raises:
        SerbenchError: the file is not a result of serbench, or has a newer schema.
    """
    stored, named = contents(path)
    require_schema(stored, SCHEMA, str(path))
    if "test.ids" in named and "test.truth" not in named:
        raise SerbenchError(
            f"{path} has no true labels: the corpus's licence keeps them, so they were withheld; "
            "its card has the counts, and `serbench leaderboard verify` counts again where the "
            "corpus is at hand"
        )
    try:
        test = scored("test", named)
        validation = scored("validation", named) if "validation.ids" in named else None
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise SerbenchError(f"{path} lacks arrays that a result has: {error}") from error
    result = FoldResult(stored, test, validation)
    try:
        labels = len(result.facts.labels)
    except SerbenchError as error:
        raise _no_result(path, str(error)) from error
    for part in (test, validation) if validation else (test,):
        if reason := damage(part, labels):
            raise SerbenchError(
                f"{path} is damaged, {reason}: remove it, and run the same command again"
            )
    return result


def damage(part: Scored, n_labels: int) -> str:
    """Return why the arrays of a set do not fit this number of labels, or ""."""
    if part.activations.shape != (len(part.ids), n_labels) or part.truth.ndim != 1:
        return f"its activations have the shape {part.activations.shape}, not a column a label"
    if part.truth.max(initial=0) >= n_labels or part.truth.min(initial=0) < 0:
        return "it has a true label that is not in its list"
    if not np.isfinite(part.activations).all():
        return "not all of its activations are finite"
    return ""


def _no_result(path: Path, why: str) -> SerbenchError:
    return SerbenchError(
        f"{path} is not a result of serbench ({why}): remove it, and run the same command again"
    )


def scored(part: str, arrays: Mapping[str, Array]) -> Scored:
    """Return the test or validation set from the named arrays of a file.

    Raises:
        KeyError, IndexError, ValueError: arrays are missing or do not fit each other.
    """
    speakers = lines(arrays[f"{part}.speakers"])
    part_scored = Scored(
        ids=lines(arrays[f"{part}.ids"]),
        speakers=_spoken(speakers, tuple(arrays[f"{part}.speaker"].tolist())),
        truth=arrays[f"{part}.truth"].astype(np.int64),
        activations=arrays[f"{part}.activations"],
    )
    lengths = {len(array) for array in vars(part_scored).values()}
    if len(lengths) != 1:
        raise ValueError(f"the arrays of the {part} set differ in length: {sorted(lengths)}")
    return part_scored


def lines(array: Array) -> tuple[str, ...]:
    """Return the lines of text in an array of bytes."""
    return _lines(array.tobytes())


@functools.lru_cache(maxsize=256)
def _lines(data: bytes) -> tuple[str, ...]:
    """Cached, since all runs on a corpus have the same ids in the same folds."""
    return tuple(data.decode().split("\n"))


@functools.lru_cache(maxsize=256)
def _spoken(speakers: tuple[str, ...], positions: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(speakers[position] for position in positions)
