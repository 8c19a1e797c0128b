"""Records of reproductions: small JSON files in a submission, read as untrusted.

A run is reproduced if new folds predict the same labels, or have scores in the submitted interval.
"""

import datetime
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from serbench.contracts import Array
from serbench.errors import BadParameter, SerbenchError
from serbench.escaping import finite
from serbench.files import replacing
from serbench.leaderboard.submissions import safe_read
from serbench.leaderboard.submissions.card import DATE, FILE, Card
from serbench.leaderboard.submissions.card import read as read_card
from serbench.leaderboard.submissions.submitted_fold import SubmittedFold
from serbench.metrics import classification, intervals
from serbench.metrics.classification import METRICS
from serbench.results import run
from serbench.results.fold_file import Scored
from serbench.results.fold_schema import Facts
from serbench.results.json_schema import Count, Digest, Names, Text, fit, require_schema
from serbench.results.json_schema import Score as Value

SCHEMA = 1
FOLDER = "reproductions"
MOST_BYTES = 64 * 1024  # a record of 24 folds has 6 kB
MOST_RECORDS = 100
NO_BYTES = hashlib.sha256(b"").hexdigest()

SAME = 0.99  # the share of utterances that must get the same label
# Scores decide only with at least this many speakers. On RAVDESS, of pairs of models whose F1
# differs by more than 10 points, 33 % have scores in each other's interval on one fold (4
# speakers), 11 % on two, 2 % on three (12 speakers) and none on all six; seeds of one model always
# do. With two speakers, the interval may be so narrow that one more thread moves alexnet-mel on toy
# out of it.
ENOUGH = 10
COMPARED = ("f1", "uar")
ROUNDING = 1e-9

Label = Annotated[str, Text()]
Submitter = Annotated[str, Text(100, r"(?s:.*\S.*)")]
Grounds = Literal["labels", "scores", "undecided", "none"]
"""Why a run counts as reproduced, or why not.

Scores decide only where a circumstance that may change labels differs; "undecided" means that the
folds have too few speakers for that.
"""


@dataclass(frozen=True)
class Score:
    """One metric of the folds that were made again."""

    submitted: float  # score of the submitted predictions
    here: float  # score of the new predictions
    low: Value  # of the submitted score's 95 % interval over speakers; nan for fewer than two
    high: Value

    @property
    def is_inside(self) -> bool:
        """Whether the new score lies in the interval of the submitted one."""
        return self.low - ROUNDING <= self.here <= self.high + ROUNDING


@dataclass(frozen=True)
class Agreement:
    """How well submitted and new predictions of the same utterances agree."""

    utterances: Count
    same_label: Count  # how many utterances get the same label
    speakers: Count
    whole: bool  # whether these are all folds of the run
    largest_difference: float  # between a submitted and a new activation
    scores: Mapping[str, Score]  # for each metric of `COMPARED`
    differing: tuple[Label, ...]  # differences that may change predictions: "threads", "numpy"

    @property
    def share(self) -> float:
        """The share of utterances that get the same label."""
        return self.same_label / self.utterances

    @property
    def grounds(self) -> Grounds:
        """Why the submitted predictions count as reproduced, or why not."""
        if self.share >= SAME:
            return "labels"
        if not self.differing:
            return "none"
        if not self.whole and self.speakers < ENOUGH:
            return "undecided"
        return "scores" if all(score.is_inside for score in self.scores.values()) else "none"

    @property
    def is_reproduced(self) -> bool:
        """Whether the submitted predictions count as reproduced."""
        return self.grounds in ("labels", "scores")


def agreement(
    submitted: Sequence[SubmittedFold],
    here: Sequence[Scored],
    differing: Sequence[str],
    *,
    whole: bool = False,
) -> Agreement:
    """Compare submitted predictions with new ones, fold by fold.

    Truth and speakers come from the new folds, so the truth need not have been submitted.

    Args:
        submitted: the submitted folds.
        here: the new test sets, in the same order.
        differing: circumstances that differ and may change predictions.
        whole: these are all folds of the run.

    Raises:
        SerbenchError: two folds are not of the same utterances and labels.
    """
    old = np.concatenate([_aligned(*pair) for pair in zip(submitted, here, strict=True)])
    new = np.concatenate([fold.activations for fold in here])
    truth = np.concatenate([fold.truth for fold in here])
    speakers = [speaker for fold in here for speaker in fold.speakers]
    labels = [classification.predicted(activations) for activations in (old, new)]
    confusions = [
        intervals.speaker_confusions(truth, label, speakers, old.shape[1]) for label in labels
    ]
    return Agreement(
        utterances=len(truth),
        same_label=int((labels[0] == labels[1]).sum()),
        speakers=len(set(speakers)),
        whole=whole,
        largest_difference=float(np.abs(old.astype(np.float64) - new).max()),
        scores={name: _score(name, *confusions) for name in COMPARED},
        differing=tuple(differing),
    )


def _aligned(submitted: SubmittedFold, here: Scored) -> Array:
    """Return the submitted activations in the order of the new ones."""
    ids, activations = submitted.ids("test"), submitted.arrays["test.activations"]
    position = {utterance: at for at, utterance in enumerate(ids)}
    same = sorted(ids) == sorted(here.ids) and len(position) == len(ids)
    if not same or activations.shape != here.activations.shape:
        raise SerbenchError(
            f"{submitted.name} of the submission has {len(ids)} test utterances and activations of "
            f"shape {activations.shape}, but the new file has {len(here.ids)} and "
            f"{here.activations.shape}: they are not of the same fold"
        )
    ordered: Array = activations[[position[utterance] for utterance in here.ids]]
    return ordered


def _score(name: str, submitted: classification.Matrix, here: classification.Matrix) -> Score:
    """Compute a metric of submitted and new predictions, from confusion matrices per speaker."""
    compute = METRICS[name].compute
    low, high = intervals.speaker_interval(submitted, compute)
    values = [float(compute(confusions.sum(axis=0))) for confusions in (submitted, here)]
    return Score(values[0], values[1], low, high)


def differing(submitted: Facts, here: Facts) -> list[str]:
    """Return the circumstances that differ between two folds and may change predictions.

    Args:
        submitted: untrusted facts.
        here: facts of this machine; only packages named here are returned.
    """
    kinds = run.differing([submitted, here], ("device", "threads", "machine"))
    if submitted.config.feature_version != here.config.feature_version:
        kinds.append("features version")
    if submitted.config.model_version != here.config.model_version:
        kinds.append("model version")
    # models that record no precision compute in float32
    if submitted.model.get("precision", "float32") != here.model.get("precision", "float32"):
        kinds.append("precision")
    return kinds + [
        name
        for name, version in here.versions.items()
        if submitted.versions.get(name) != version and name != "serbench"  # its code has a digest
    ]


@dataclass(frozen=True)
class Reproduction:
    """A record: folds of a submission that somebody made again on another machine."""

    run: Label
    by: Submitter
    date: Annotated[str, Text(10, DATE)]  # when the last of the folds was finished
    folds: Mapping[str, tuple[Digest, Digest]]  # sha256 of the submitted file and of the new one
    total: Count  # how many folds the submission has
    device: Annotated[str, Text(20)]
    threads: Count
    machine: Label  # "Linux, x86_64"
    versions: Annotated[Mapping[str, Annotated[str, Text(50)]], Names(50)]
    other_code: tuple[Label, ...]  # packages with other source code than the submission recorded
    agreement: Agreement
    remade: Annotated[str, Text(100)] = ""  # versions that differ: "features version 2"

    @property
    def is_reproduced(self) -> bool:
        """Whether the run counts as reproduced; folds made with other versions do not count."""
        return self.agreement.is_reproduced and not self.remade

    @property
    def file(self) -> str:
        """The record's file name: "2026-05-01-ada-fold-1.json"."""
        folds = "all" if len(self.folds) == self.total else "-".join(self.folds)
        return f"{self.date}-{_slug(self.by, 40).lower()}-fold-{_slug(folds, 60)}.json"


def _slug(text: str, longest: int) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text)[:longest].strip("-") or "x"


def require_name(by: str) -> None:
    """Refuse a name that is not valid in a record.

    Raises:
        BadParameter: it is empty, too long, or has invisible characters.
    """
    try:
        fit(by, Submitter, "the name")
    except SerbenchError as error:
        raise BadParameter(f"{error}; give yours with --name") from error


def write(submission: Path, record: Reproduction) -> Path:
    """Write a record into a submission's folder.

    Raises:
        SerbenchError: the record is invalid, or cannot be written.
    """
    stored = finite({"schema": SCHEMA, **asdict(record)})
    stored["agreement"]["grounds"] = record.agreement.grounds
    if not record.remade:
        del stored["remade"]
    text = json.dumps(stored, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    parsed(text.encode(), record.file)
    path = submission / FOLDER / record.file
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def reproductions(submission: Path) -> tuple[Reproduction, ...]:
    """Return the records of a submission, the oldest first.

    Records are compared with the submission's card, which is verified elsewhere.

    Raises:
        SerbenchError: a record is invalid, or is about other fold files.
    """
    folder = submission / FOLDER
    if not os.path.lexists(folder):
        return ()
    records = [_read(Path(entry.path)) for entry in safe_read.entries(folder, MOST_RECORDS)]
    if records:
        card = read_card(submission / FILE)
        for record in records:
            _require_about(record, card)
    return tuple(records)


def _read(path: Path) -> Reproduction:
    where = f"{FOLDER}/{safe_read.shown(path.name)}"
    try:
        record = parsed(safe_read.contents(path, MOST_BYTES), where)
    except SerbenchError as error:
        raise SerbenchError(
            f"{error}: remove {where}, or write it again with `serbench leaderboard reproduce "
            "--record`"
        ) from error
    if record.file != path.name:
        raise SerbenchError(f"{where} says that it should be called {record.file}: rename it")
    return record


def _require_about(record: Reproduction, card: Card) -> None:
    """Refuse a record of another run, or of fold files that are not in the submission."""
    submitted = {fold.name: fold.sha256 for fold in card.folds}
    same = all(submitted.get(name) == pair[0] for name, pair in record.folds.items())
    if not same or record.run != card.run or record.total != len(submitted):
        raise SerbenchError(
            f"{FOLDER}/{record.file} is about other fold files than those of {card.run}: remove "
            "the record, and reproduce the folds again"
        )


def parsed(data: bytes, where: str) -> Reproduction:
    """Return the record in the bytes of a file.

    Raises:
        SerbenchError: the bytes are not a record, or have a later schema.
    """
    stored: Any = safe_read.parsed(data, where)
    require_schema(stored, SCHEMA, where)
    del stored["schema"]
    agreement = stored.get("agreement")
    grounds = agreement.pop("grounds", None) if isinstance(agreement, dict) else None
    record: Reproduction = fit(stored, Reproduction, where)
    if fault := _fault(record, grounds):
        raise SerbenchError(f"{where}: {fault}")
    return record


def _fault(record: Reproduction, grounds: object) -> str:
    """Return the first contradiction in a well-formed record, or ""."""
    agreement = record.agreement
    if not record.folds:
        return "it must have at least one fold"
    if not 0 <= agreement.same_label <= agreement.utterances or not agreement.utterances:
        return f"{agreement.same_label} of {agreement.utterances} utterances is impossible"
    if record.threads < 1:
        return "it says that no thread was used"
    try:
        day = datetime.date.fromisoformat(record.date)
    except ValueError:
        return f"{record.date} is not a valid date"
    if day > datetime.date.today() + datetime.timedelta(days=1):  # other time zones are ahead
        return f"{record.date} is in the future"
    if any(pair[1] in (pair[0], NO_BYTES) for pair in record.folds.values()):
        return "a new fold must have a new digest, since its file contains the time"
    if agreement.scores.keys() != set(COMPARED):
        return f"it must have the scores {' and '.join(COMPARED)}, and no others"
    for name, score in agreement.scores.items():
        if fault := _score_fault(score):
            return f"its {name} {fault}"
    if agreement.whole != (len(record.folds) == record.total):
        return f"it has {len(record.folds)} of {record.total} folds, but `whole` says otherwise"
    if agreement.grounds != grounds:
        return f"by its counts, its grounds are {agreement.grounds}, not {str(grounds)[:80]}"
    return ""


def _score_fault(score: Score) -> str:
    """Return the fault of an impossible score, or ""."""
    if math.isnan(score.low) != math.isnan(score.high) or score.low > score.high:
        return f"has an impossible interval, from {score.low} to {score.high}"
    values = (score.submitted, score.here, score.low, score.high)
    if any(not (math.isnan(value) or -ROUNDING <= value <= 1 + ROUNDING) for value in values):
        return "is not between 0 and 1"
    return ""
