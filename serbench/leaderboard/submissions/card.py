"""A submission's card: the submitter, the run, statements about the model, counts and scores.

`docs/results.md` describes the format. Cards are read as untrusted files.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from serbench.escaping import finite
from serbench.files import replacing
from serbench.leaderboard.submissions import safe_read
from serbench.results.fold_schema import Facts, Parameters
from serbench.results.json_schema import Complete, Count, Digest, Name, Text, fit, require_schema
from serbench.results.json_schema import Score as Value

FILE = "card.json"
SCHEMA = 1
MOST_BYTES = 2**20  # CREMA-D's, with 91 speakers and six labels, has 20 kB
FOLD_FILE = r"fold-\d{2,4}\.safetensors"
DATE = r"\d{4}-\d\d-\d\d"
MOST_INSTALL = 1000  # characters; five packages by commit have 700
SEEN = ("no", "yes", "unknown")

Confusion = tuple[tuple[Count, ...], ...]
"""A confusion matrix, (labels, labels): rows truth, columns prediction."""

Line = Annotated[str, Text(300)]
Prose = Annotated[str, Text(2000, lines=True)]


@dataclass(frozen=True)
class Submitter(Complete):
    """The sender of a run."""

    name: Annotated[str, Text(100, r".*\S.*")]
    contact: Line = ""


@dataclass(frozen=True)
class ModelCard(Complete):
    """Statements about the model; texts may be empty."""

    name: Name  # as `serbench models` lists it
    description: Prose = ""  # by the submitter, a sentence or two
    parameters: Parameters | None = None  # number of weights, from the results
    checkpoint: Line = ""  # that the model started from, from the results
    revision: Line = ""  # of the checkpoint, from the results
    licence: Line = ""  # of the checkpoint, from the results if they have it, else the submitter
    pretrained: bool | None = None  # from the results
    training_data: Prose = ""  # of the checkpoint, by the submitter
    seen_test_corpus: Annotated[str, Text(10, "|".join(SEEN))] = "unknown"


@dataclass(frozen=True)
class Code(Complete):
    """Where the model's code is; each text may be empty."""

    address: Line = ""
    commit: Line = ""  # followed by "+changes" if the source differed from it
    install: Annotated[str, Text(MOST_INSTALL)] = ""  # the command that installs it


@dataclass(frozen=True)
class FoldCard:
    """A fold file: file name, digest, name of the fold, and confusion matrix of its test set."""

    file: Annotated[str, Text(40, FOLD_FILE)]
    sha256: Digest
    name: Name
    confusion: Confusion


@dataclass(frozen=True)
class Score:
    """The scores of one metric, as fractions; nan if not defined."""

    folds: tuple[Value, ...]  # of each fold that counts
    mean: Value  # over the folds
    std: Value  # sample standard deviation over the folds
    pooled: Value  # of all test utterances together
    low: Value  # lower end of the pooled score's 95 % interval over speakers
    high: Value


@dataclass(frozen=True)
class Card:
    """The contents of a card."""

    run: Annotated[str, Text(200, r"[A-Za-z0-9._-]+")]  # name of the run and of its folder
    dataset: Annotated[str, Text()]  # with its parameters
    submitter: Submitter
    model: ModelCard
    code: Code
    serbench: Annotated[str, Text(50)]  # the version that computed the first fold
    submitted: Annotated[str, Text(10, DATE)]
    truth: Literal["included", "withheld"]  # a corpus's licence may forbid sharing the labels
    folds: tuple[FoldCard, ...]  # every fold file, in the protocol's order
    speakers: Mapping[str, Confusion]  # of each test speaker, over the folds that count
    scores: Mapping[str, Score]  # by metric


def read(path: Path) -> Card:
    """Read the card in a file.

    Raises:
        SerbenchError: it is missing, too large, not a card, or has a later schema.
    """
    return _parsed(safe_read.contents(path, MOST_BYTES), path.name)


def _parsed(data: bytes, where: str) -> Card:
    stored = safe_read.parsed(data, where)
    require_schema(stored, SCHEMA, where)
    card: Card = fit({key: stored[key] for key in stored if key != "schema"}, Card, where)
    return card


def stated(facts: Facts) -> dict[str, Any]:
    """Return the fields of a model card that must agree with a fold's facts, by field name.

    The licence is only included if the facts have one.
    """
    model, licence = facts.model, facts.model.get("licence")
    return {
        "name": facts.config.model,
        "parameters": model.get("parameters"),
        "checkpoint": model.get("checkpoint") or "",
        "revision": model.get("revision") or "",
        "pretrained": model.get("pretrained"),
        **({} if licence in (None, "", "unknown") else {"licence": licence}),
    }


def as_tuples(matrix: npt.NDArray[np.int64]) -> Confusion:
    """Return a confusion matrix as plain tuples."""
    return tuple(map(tuple, matrix.tolist()))


def write(path: Path, card: Card) -> None:
    """Write a card as readable JSON: indented, every matrix on one line.

    Raises:
        SerbenchError: a text is too long or has characters that `read` refuses.
    """
    text = _indented(finite({"schema": SCHEMA, **asdict(card)}), "") + "\n"
    _parsed(text.encode(), path.name)
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def _indented(value: Any, margin: str) -> str:
    deeper = margin + "  "
    if isinstance(value, dict) and value:
        rows = [f"{deeper}{_line(key)}: {_indented(value[key], deeper)}" for key in value]
        return "{\n" + ",\n".join(rows) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(row, dict) for row in value):
        rows = [f"{deeper}{_indented(row, deeper)}" for row in value]
        return "[\n" + ",\n".join(rows) + f"\n{margin}]"
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
