"""Records of folds that somebody made again: small JSON files of a submission, from strangers."""

import datetime
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serbench.errors import BadParameter, SerbenchError
from serbench.files import replacing
from serbench.leaderboard.submissions import safe_read
from serbench.leaderboard.submissions.card import DATE, FILE, Card, read
from serbench.leaderboard.submissions.reproduction_agreement import (
    COMPARED,
    ROUNDING,
    Agreement,
    Score,
)
from serbench.leaderboard.submissions.safe_read import (
    HEX64,
    NUMBER,
    Named,
    Object,
    Text,
    Whole,
    fit,
)

SCHEMA = 1
FOLDER = "reproductions"
MOST_BYTES = 64 * 1024  # a record of 24 folds has 6 kB
MOST_RECORDS = 100
LONGEST = 100  # characters of a name
NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Reproduction:
    """Folds of a submission that somebody made again on a machine of their own.

    Attributes:
        run: the submission's.
        by: who, as they call themselves.
        date: when the last of the folds was finished: "2026-05-01".
        folds: the sha256 of each fold's two files, by its name: submitted, made again.
        total: how many folds the submission has.
        device: "cpu" or "cuda".
        threads: how many were used.
        machine: "Linux-6.1-x86_64".
        versions: of Python and libraries.
        other_code: packages whose source is not what the submission recorded.
        agreement: how far both agree.
        remade: versions that differ from the submitted ones, "features version 2"; or "".
    """

    run: str
    by: str
    date: str
    folds: Mapping[str, tuple[str, str]]
    total: int
    device: str
    threads: int
    machine: str
    versions: Mapping[str, str]
    other_code: tuple[str, ...]
    agreement: Agreement
    remade: str = ""

    @property
    def reproduced(self) -> bool:
        """Whether it counts as reproduced; folds remade with another version do not."""
        return self.agreement.reproduced and not self.remade

    @property
    def file(self) -> str:
        """The record's file name: "2026-05-01-ada-fold-1.json"."""
        folds = "all" if len(self.folds) == self.total else "-".join(self.folds)
        return f"{self.date}-{_slug(self.by, 40).lower()}-fold-{_slug(folds, 60)}.json"


def _slug(text: str, longest: int) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text)[:longest].strip("-") or "x"


def require_name(by: str) -> None:
    """Refuse a name that no record could be read with.

    Raises:
        BadParameter: it is empty, too long, or has characters that cannot be seen.
    """
    try:
        fit(by, SHAPE.keys["by"], "the name")
    except SerbenchError as error:
        raise BadParameter(f"{error}; give yours with --name") from error


_SCORE = Object(
    {"submitted": NUMBER, "here": NUMBER, "low": (NUMBER, None), "high": (NUMBER, None)}, {}
)
SHAPE = Object(
    {
        "schema": Whole(),
        "run": Text(),
        "by": Text(LONGEST, r"(?s:.*\S.*)"),
        "date": Text(10, DATE),
        "folds": Named([Text(64, HEX64)]),
        "total": Whole(),
        "device": Text(20),
        "threads": Whole(),
        "machine": Text(),
        "versions": Named(Text(50), 50),
        "other_code": [Text()],
        "agreement": Object(
            {
                "utterances": Whole(),
                "same_label": Whole(),
                "speakers": Whole(),
                "whole": bool,
                "largest_difference": NUMBER,
                "scores": Object(dict.fromkeys(COMPARED, _SCORE), {}, known_only=True),
                "differing": [Text()],
                "grounds": Text(10, "labels|scores|undecided|none"),
            },
            {},
            known_only=True,
        ),
    },
    {"remade": Text(LONGEST)},
    known_only=True,
)


def write(submission: Path, record: Reproduction) -> Path:
    """Write a record into a submission's folder.

    Raises:
        SerbenchError: it could not be read again, or not be written.
    """
    words = {"schema": SCHEMA, **asdict(record)}
    words["agreement"]["grounds"] = record.agreement.grounds
    if not record.remade:
        del words["remade"]
    for score in words["agreement"]["scores"].values():
        score.update({key: None for key, value in score.items() if math.isnan(value)})
    text = json.dumps(words, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    of(safe_read.parsed(text.encode(), record.file), record.file)
    path = submission / FOLDER / record.file
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def reproductions(submission: Path) -> tuple[Reproduction, ...]:
    """The records of a submission, the oldest first; mostly there are none.

    The submission's card is taken at its word: whether its files are what it says is verified
    elsewhere.

    Raises:
        SerbenchError: a record is not what `write` writes, or is about other fold files.
    """
    folder = submission / FOLDER
    if not os.path.lexists(folder):
        return ()
    found = [_read(Path(entry.path)) for entry in safe_read.entries(folder, MOST_RECORDS)]
    card = read(submission / FILE) if found else None
    for record in found:
        assert card is not None
        _require_about(record, card)
    return tuple(found)


def _read(path: Path) -> Reproduction:
    where = f"{FOLDER}/{safe_read.shown(path.name)}"
    try:
        record = of(safe_read.parsed(safe_read.contents(path, MOST_BYTES), where), where)
    except SerbenchError as error:
        raise SerbenchError(
            f"{error}: remove {where}, or write it anew with `serbench leaderboard reproduce "
            "--record`"
        ) from error
    if record.file != path.name:
        raise SerbenchError(f"{where} says that it should be called {record.file}: rename it")
    return record


def _require_about(record: Reproduction, card: Card) -> None:
    """Refuse a record of another run, or of fold files that the submission has not (any more)."""
    submitted = {fold.name: fold.sha256 for fold in card.folds}
    of_these = all(submitted.get(name) == pair[0] for name, pair in record.folds.items())
    if not of_these or record.run != card.run or record.total != len(submitted):
        raise SerbenchError(
            f"{FOLDER}/{record.file} is about other fold files than those of {card.run}: remove "
            "it, and reproduce them again"
        )


def of(value: Any, where: str) -> Reproduction:
    """The record that a value out of JSON describes.

    Raises:
        SerbenchError: it describes none, or one of a later version.
    """
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA or type(schema) is not int:
        raise SerbenchError(f"{where} has the schema {str(schema)[:20]!r}, not {SCHEMA}")
    fit(value, SHAPE, where)
    words = {key: one for key, one in value.items() if key != "schema"}
    folds = {name: tuple(pair) for name, pair in words["folds"].items()}
    agreement = _agreement(words["agreement"])
    made = {"folds": folds, "other_code": tuple(words["other_code"]), "agreement": agreement}
    record = Reproduction(**{**words, **made})
    if fault := _fault(record, words["agreement"]["grounds"]):
        raise SerbenchError(f"{where}: {fault}")
    return record


def _agreement(words: Mapping[str, Any]) -> Agreement:
    scores = {
        name: Score(**{key: math.nan if one is None else one for key, one in score.items()})
        for name, score in words["scores"].items()
    }
    made = {"scores": scores, "differing": tuple(words["differing"])}
    return Agreement(**{**{key: words[key] for key in words if key != "grounds"}, **made})


def _score_fault(score: Score) -> str:
    """What in a score cannot be, or nothing."""
    ends = (score.low, score.high)
    if math.isnan(score.low) != math.isnan(score.high) or score.low > score.high:
        return f"has an interval from {score.low} to {score.high}, which cannot be"
    known = [one for one in (score.submitted, score.here, *ends) if not math.isnan(one)]
    if not all(-ROUNDING <= one <= 1 + ROUNDING for one in known):
        return "is not between 0 and 1"
    return ""


def _fault(record: Reproduction, grounds: str) -> str:
    """What in a record of the right shape cannot be, or nothing."""
    agreement = record.agreement
    if not record.folds or any(len(pair) != 2 for pair in record.folds.values()):
        return "every fold needs two digests, and there must be a fold"
    if not 0 <= agreement.same_label <= agreement.utterances or not agreement.utterances:
        return f"{agreement.same_label} of {agreement.utterances} utterances cannot be"
    if record.threads < 1:
        return "it says that no thread was used"
    try:
        day = datetime.date.fromisoformat(record.date)
    except ValueError:
        return f"there is no day {record.date}"
    if day > datetime.date.today() + datetime.timedelta(days=1):  # it is tomorrow somewhere
        return f"{record.date} is in the future"
    if any(pair[1] in (pair[0], NOTHING) for pair in record.folds.values()):
        return "a fold that was made again has a file of its own: its time is in it"
    for name, score in agreement.scores.items():
        if fault := _score_fault(score):
            return f"its {name} {fault}"
    if agreement.whole != (len(record.folds) == record.total):
        return f"it has {len(record.folds)} of {record.total} folds and says otherwise"
    if agreement.grounds != grounds:
        return f"its numbers make its grounds {agreement.grounds}, not {grounds}"
    return ""
