"""A submission's card: who sends which run, what is said of its model, and its counts.

`docs/results.md` has the format. A card is read as a stranger's file.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from serbench.errors import SerbenchError
from serbench.files import replacing
from serbench.leaderboard.submissions import safe_read
from serbench.leaderboard.submissions.safe_read import (
    HEX64,
    NUMBER,
    Named,
    Object,
    Text,
    Whole,
    fit,
)

FILE = "card.json"
SCHEMA = 1
MOST_BYTES = 2**20  # CREMA-D's, with 91 speakers and six labels, has 20 kB
MOST_LABELS = 256  # truth is stored in a byte
FOLD_FILE = r"fold-\d{2,4}\.safetensors"
DATE = r"\d{4}-\d\d-\d\d"
MOST_INSTALL = 1000  # characters; five packages by commit have 700
SEEN = ("no", "yes", "unknown")

Counts = tuple[tuple[int, ...], ...]
"""A confusion matrix, (labels, labels): rows truth, columns prediction."""


@dataclass(frozen=True)
class Submitter:
    """Who sends it; the contact may be empty."""

    name: str
    contact: str = ""


@dataclass(frozen=True)
class ModelCard:
    """What is said of the model.

    Attributes:
        name: as `serbench models` lists it.
        description: a sentence or two of the submitter's, or "".
        parameters: how many it has, as it says itself; None where it does not say.
        checkpoint: what it started from, as the results say, or "".
        revision: of the checkpoint, as the results say, or "".
        licence: of the checkpoint as the results say, or else as the submitter says; or "".
        pretrained: as the results say; None where they do not.
        training_data: what the checkpoint learned from, in the submitter's words, or "".
        seen_test_corpus: whether the corpus was among that: "no", "yes", "unknown".
    """

    name: str
    description: str = ""
    parameters: int | None = None
    checkpoint: str = ""
    revision: str = ""
    licence: str = ""
    pretrained: bool | None = None
    training_data: str = ""
    seen_test_corpus: str = "unknown"


@dataclass(frozen=True)
class Code:
    """Where the model's code is, and how to install it; each may be empty.

    Attributes:
        address: of the code.
        commit: followed by "+changes" if the source differed from it.
        install: the command that installs the code.
    """

    address: str = ""
    commit: str = ""
    install: str = ""


@dataclass(frozen=True)
class FoldCard:
    """One fold file: its name, its sha256, the fold's name, and what its test set came to."""

    file: str
    sha256: str
    name: str
    confusion: Counts


@dataclass(frozen=True)
class Score:
    """One metric, as a fraction; what is not defined is nan.

    Attributes:
        folds: of each fold that counts.
        mean: over the folds.
        std: sample standard deviation over the folds.
        pooled: of all test utterances together.
        low: where the 95 % interval of the pooled score over speakers begins.
        high: where it ends.
    """

    folds: tuple[float, ...]
    mean: float
    std: float
    pooled: float
    low: float
    high: float


@dataclass(frozen=True)
class Card:
    """What is said of a run.

    Attributes:
        run: its name, which is its folder's.
        dataset: with its parameters.
        submitter: who sends it.
        model: what is said of the model.
        code: where that is.
        serbench: the version that computed the first fold.
        submitted: the day, YYYY-MM-DD.
        truth: whether the fold files hold the true labels, or the corpus's licence keeps them.
        folds: every fold file, in the protocol's order.
        speakers: the counts of each test speaker, over the folds that count.
        scores: by metric.
    """

    run: str
    dataset: str
    submitter: Submitter
    model: ModelCard
    code: Code
    serbench: str
    submitted: str
    truth: Literal["included", "withheld"]
    folds: tuple[FoldCard, ...]
    speakers: Mapping[str, Counts]
    scores: Mapping[str, Score]


_WORDS = Text(300)
_MATRIX = [[Whole()]]
_MAYBE = (NUMBER, None)


def _object(**keys: Any) -> Object:
    return Object(keys, {}, known_only=True)


SHAPE = _object(
    schema=Whole(),
    run=Text(200, r"[A-Za-z0-9._-]+"),
    dataset=Text(),
    submitter=_object(name=Text(100, r".*\S.*"), contact=_WORDS),
    model=_object(
        name=Text(100),
        description=Text(2000, lines=True),
        parameters=(Whole(10**15), None),
        checkpoint=_WORDS,
        revision=_WORDS,
        licence=_WORDS,
        pretrained=(bool, None),
        training_data=Text(2000, lines=True),
        seen_test_corpus=Text(10, "|".join(SEEN)),
    ),
    code=_object(address=_WORDS, commit=_WORDS, install=Text(MOST_INSTALL)),
    serbench=Text(50),
    submitted=Text(10, DATE),
    truth=Text(10, "included|withheld"),
    folds=[
        _object(file=Text(40, FOLD_FILE), sha256=Text(64, HEX64), name=Text(100), confusion=_MATRIX)
    ],
    speakers=Named(_MATRIX),
    scores=Named(
        _object(folds=[_MAYBE], mean=_MAYBE, std=_MAYBE, pooled=_MAYBE, low=_MAYBE, high=_MAYBE)
    ),
)


def read(path: Path) -> Card:
    """The card in a file.

    Raises:
        SerbenchError: it is missing, too large, no card, or one of a later version.
    """
    return of(safe_read.parsed(safe_read.contents(path, MOST_BYTES), path.name), path.name)


def of(value: Any, where: str = FILE) -> Card:
    """The card that a value out of JSON describes.

    Raises:
        SerbenchError: it describes none, or one of a later version.
    """
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA or type(schema) is not int:
        raise SerbenchError(
            f"{where} has the schema {str(schema)[:20]!r}, this serbench reads {SCHEMA}: "
            "install the version that wrote it, or a newer one"
        )
    fit(value, SHAPE, where)
    return Card(
        **{key: value[key] for key in ("run", "dataset", "serbench", "submitted", "truth")},
        submitter=Submitter(**value["submitter"]),
        model=ModelCard(**value["model"]),
        code=Code(**value["code"]),
        folds=tuple(
            FoldCard(**{**fold, "confusion": counts(fold["confusion"])}) for fold in value["folds"]
        ),
        speakers={name: counts(matrix) for name, matrix in value["speakers"].items()},
        scores={name: _score(score) for name, score in value["scores"].items()},
    )


def stated(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a fold's facts say of the model, under the names of a card; nobody may say otherwise.

    The licence is only there where the facts know one.
    """
    said = facts.get("model", {})
    known = {
        "name": facts["config"]["model"],
        "parameters": said.get("parameters"),
        "checkpoint": said.get("checkpoint") or "",
        "revision": said.get("revision") or "",
        "pretrained": said.get("pretrained"),
    }
    licence = said.get("licence")
    return known if licence in (None, "", "unknown") else {**known, "licence": licence}


def counts(matrix: Any) -> Counts:
    """A matrix of whole numbers, a list of rows or an array, as plain tuples."""
    return tuple(map(tuple, matrix.tolist() if isinstance(matrix, np.ndarray) else matrix))


def _score(value: Mapping[str, Any]) -> Score:
    numbers = {name: _number(one) for name, one in value.items() if name != "folds"}
    return Score(folds=tuple(map(_number, value["folds"])), **numbers)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def write(path: Path, card: Card) -> None:
    """Write a card as JSON to read: indented, every matrix on one line.

    Raises:
        SerbenchError: it could not be read again, since a text is too long or has odd characters.
    """
    of(safe_read.parsed(text(card).encode(), path.name), path.name)
    with replacing(path) as temporary:
        temporary.write_text(text(card), "utf-8")


def text(card: Card) -> str:
    """A card as JSON."""
    return _indented({"schema": SCHEMA, **asdict(card)}, "") + "\n"


def _indented(value: Any, margin: str) -> str:
    deeper = margin + "  "
    if isinstance(value, dict) and value:
        rows = [f"{deeper}{_line(key)}: {_indented(one, deeper)}" for key, one in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{margin}}}"
    if isinstance(value, list | tuple) and any(isinstance(one, dict) for one in value):
        rows = [f"{deeper}{_indented(one, deeper)}" for one in value]
        return "[\n" + ",\n".join(rows) + f"\n{margin}]"
    return _line(value)


def _line(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_line, value)) + "]"
    if isinstance(value, float) and math.isnan(value):
        return "null"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
