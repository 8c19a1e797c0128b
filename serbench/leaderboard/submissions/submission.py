"""A submission: a run's folder as `serbench evaluate` leaves it, with a card beside the folds."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.errors import SerbenchError
from serbench.leaderboard.submissions import card as cards
from serbench.leaderboard.submissions import fold_file as foldfiles
from serbench.leaderboard.submissions import safe_read
from serbench.leaderboard.submissions.card import Card, Score
from serbench.leaderboard.submissions.fold_file import FoldFile
from serbench.leaderboard.submissions.reproduction_record import FOLDER as REPRODUCTIONS
from serbench.leaderboard.submissions.reproduction_record import reproductions
from serbench.leaderboard.submissions.safe_read import plain, square
from serbench.metrics import classification
from serbench.metrics.classification import METRICS, Matrix, every_metric
from serbench.metrics.intervals import mean_std, metric_intervals
from serbench.results import fold_file, run
from serbench.results.fold_file import Scored

Counts64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counted:
    """What the folds of a run came to.

    Attributes:
        files: the confusion matrix of every fold, (folds, labels, labels).
        winners: the positions of the folds that count; all of them where none compete in a group.
        speakers: the test speakers of the folds that count, sorted.
        by_speaker: their confusion matrices, (speakers, labels, labels).
    """

    files: Counts64
    winners: tuple[int, ...]
    speakers: tuple[str, ...]
    by_speaker: Counts64

    @property
    def folds(self) -> Counts64:
        """The confusion matrices of the folds that count."""
        return self.files[list(self.winners)]


def count(tests: Sequence[Scored], facts: Sequence[Mapping[str, Any]]) -> Counted:
    """Count every fold's test set, and the test speakers of the folds that count.

    Args:
        tests: of each fold, in the protocol's order.
        facts: of each fold.
    """
    labels = len(facts[0]["labels"])
    files = np.stack([confusion(test, labels) for test in tests])
    winners = tuple(run.winners(facts))
    counting = [tests[one] for one in winners]
    by_speaker = classification.by_group(
        np.concatenate([test.truth for test in counting]),
        classification.predicted(np.concatenate([test.activations for test in counting])),
        [speaker for test in counting for speaker in test.speakers],
        labels,
    )
    return Counted(files, winners, tuple(by_speaker), np.stack(list(by_speaker.values())))


def confusion(scored: Scored, labels: int) -> Counts64:
    """The confusion matrix of one set."""
    return classification.confusion(
        scored.truth, classification.predicted(scored.activations), labels
    )


def scores(folds: Matrix, by_speaker: Matrix) -> dict[str, Score]:
    """Every metric of a run: of each fold, their mean and spread, pooled, and its interval.

    Args:
        folds: (folds, labels, labels), of the folds that count.
        by_speaker: (speakers, labels, labels).
    """
    found = metric_intervals(by_speaker)
    pooled = every_metric(folds.sum(axis=0))
    each = every_metric(folds)
    return {
        name: Score(
            tuple(each[:, index].tolist()),
            *mean_std(each[:, index]),
            float(pooled[index]),
            *found[name],
        )
        for index, name in enumerate(METRICS)
    }


NOTE = "note.md"
MOST_FILES = 500  # leave one speaker out of CREMA-D has 91 folds, paper-nested 72
MOST_BYTES = 2**26  # all of them together; CREMA-D's nested folds have 5 MB
MOST_NOTE = 2**14
MOST_TESTED = 500_000  # utterances in all test sets; CREMA-D's nested folds have 58,880


@dataclass(frozen=True)
class Submission:
    """A submission as it was sent: well-formed, but what it says of the corpus is not checked.

    Attributes:
        folder: where it is.
        card: what is said of it.
        folds: the facts of each fold that counts, in the protocol's order; of folds that compete
            in a group only the one that is best on its validation set.
        confusions: of the same folds, (folds, labels, labels).
        speakers: the test speakers, sorted.
        speaker_confusions: (speakers, labels, labels).
        recomputed: the counts come from stored predictions and stored truth; else from the card.
    """

    folder: Path
    card: Card
    folds: tuple[Mapping[str, Any], ...]
    confusions: npt.NDArray[np.int64]
    speakers: tuple[str, ...]
    speaker_confusions: npt.NDArray[np.int64]
    recomputed: bool


class Malformed(SerbenchError):
    """A folder that is no submission; it may have several reasons."""

    def __init__(self, reasons: list[str]):
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Sent:
    """The files of a submission, read.

    Attributes:
        folder: where it is.
        card: what is said of it.
        files: the fold files, in the card's order.
    """

    folder: Path
    card: Card
    files: tuple[FoldFile, ...]

    @property
    def facts(self) -> list[Mapping[str, Any]]:
        """Of each fold file."""
        return [file.facts for file in self.files]

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of the activations."""
        return tuple(self.files[0].facts["labels"])

    def speakers(self) -> set[str]:
        """The test speakers of the folds that count."""
        found: set[str] = set()
        for one in run.winners(self.facts):
            names = fold_file.lines(self.files[one].arrays["test.speakers"])
            found |= {names[at] for at in np.unique(self.files[one].arrays["test.speaker"])}
        return found

    def counted(self) -> Counted:
        """What the stored predictions and the stored truth come to."""
        return count([file.scored("test") for file in self.files], self.facts)

    def claimed(self) -> Counted:
        """What the card says that they come to."""
        speakers = tuple(sorted(self.card.speakers))
        return Counted(
            np.array([fold.confusion for fold in self.card.folds], np.int64),
            tuple(run.winners(self.facts)),
            speakers,
            np.array([self.card.speakers[name] for name in speakers], np.int64),
        )


def read(folder: Path) -> Submission:
    """The submission in a folder; safe whatever is in it.

    Raises:
        SerbenchError: it is none, with every reason that was found.
    """
    return of(load(folder))


def of(sent: Sent) -> Submission:
    """The submission that files make."""
    included = sent.card.truth == "included"
    counted = sent.counted() if included else sent.claimed()
    return Submission(
        sent.folder,
        sent.card,
        tuple(sent.facts[one] for one in counted.winners),
        counted.folds,
        counted.speakers,
        counted.by_speaker,
        included,
    )


def load(folder: Path) -> Sent:
    """Read a submission's files, and check that they are of one run and are what the card lists.

    Raises:
        Malformed: they are not; with every reason that was found.
    """
    try:
        names = _names(folder)
        card = cards.read(folder / cards.FILE)
    except Malformed:
        raise
    except SerbenchError as error:
        raise Malformed([str(error)]) from error
    reasons = [*_listed(names, card), *_beside(folder, names)]
    files = []
    for name in [fold.file for fold in card.folds if fold.file in names]:
        try:
            files.append(foldfiles.read(folder / name))
        except SerbenchError as error:
            reasons.append(str(error))
    sent = Sent(folder, card, tuple(files))
    reasons = reasons or [*_altered(sent), *_of_one_run(sent)] or _fitting(sent)
    if reasons:
        raise Malformed(reasons)
    return sent


def _names(folder: Path) -> list[str]:
    """The names of the files in a submission's folder, once they are of the kinds it may have."""
    reasons, names, size = [], [], 0
    for entry in safe_read.entries(folder, MOST_FILES):
        name, kind = entry.name, entry.stat(follow_symlinks=False)
        size += kind.st_size
        if entry.is_symlink():
            reasons.append(f"{name!r} is a link: send the file itself")
        elif name == REPRODUCTIONS and entry.is_dir(follow_symlinks=False):
            continue
        elif name not in (cards.FILE, NOTE) and not re.fullmatch(cards.FOLD_FILE, name, re.ASCII):
            reasons.append(f"{name!r} is no file of a submission: remove it")
        else:
            names.append(name)
    if size > MOST_BYTES:
        reasons.append(f"its files have {size} bytes together: at most {MOST_BYTES}")
    if cards.FILE not in names and not reasons:
        reasons.append(f"it has no {cards.FILE}: `serbench leaderboard submit` makes one")
    if reasons:
        raise Malformed(reasons)
    return names


def _listed(names: list[str], card: Card) -> list[str]:
    listed = [fold.file for fold in card.folds]
    there = [name for name in names if name not in (cards.FILE, NOTE)]
    reasons = [f"{name} is not there, but on the card" for name in listed if name not in there]
    reasons += [f"{name} is there, but not on the card" for name in there if name not in listed]
    if len(set(listed)) != len(listed):
        reasons.append("the card lists one file twice")
    return reasons if listed else [*reasons, "the card lists no folds"]


def _beside(folder: Path, names: list[str]) -> list[str]:
    """What is wrong with the note and the reproductions."""
    reasons = []
    try:
        if NOTE in names:
            plain(safe_read.contents(folder / NOTE, MOST_NOTE).decode("utf-8"), NOTE, lines=True)
    except UnicodeDecodeError as error:
        reasons.append(f"{NOTE} is not text in UTF-8 ({error.reason})")
    except SerbenchError as error:
        reasons.append(str(error))
    try:
        reproductions(folder)
    except SerbenchError as error:
        reasons.append(str(error))
    return reasons


def _altered(sent: Sent) -> list[str]:
    """Which files are not those that the card was made of."""
    return [
        f"{file.name} is not the file that the card was made of: its sha256 is {file.sha256[:16]}…"
        for fold, file in zip(sent.card.folds, sent.files, strict=True)
        if fold.sha256 != file.sha256
    ]


def _of_one_run(sent: Sent) -> list[str]:
    """What keeps the files from being the folds of one run, each once."""
    reasons, first = [], sent.files[0].facts
    for fold, file in zip(sent.card.folds, sent.files, strict=True):
        facts = file.facts
        reasons += [
            f"{file.name} is of another run than {sent.files[0].name}: {kind} differs"
            for kind in ("config", "labels", "protocol")
            if facts[kind] != first[kind]
        ]
        reasons += [
            f"{file.name} was made of other data than {sent.files[0].name}: the {pin} differs"
            for pin in ("corpus", "protocol")
            if facts["pins"][pin] != first["pins"][pin]
        ]
        if file.name != f"{fold_file.stem(facts['fold']['index'])}.safetensors":
            reasons.append(f"{file.name} says that it is fold {facts['fold']['index'] + 1}")
        if fold.name != facts["fold"]["name"]:
            reasons.append(
                f"the card calls {file.name} fold {fold.name!r}, which its file does not"
            )
    order = [file.facts["fold"]["index"] for file in sent.files]
    names = [file.facts["fold"]["name"] for file in sent.files]
    if sorted(set(order)) != order or len(set(names)) != len(names):
        reasons.append("the card must list every fold once, in the protocol's order")
    return reasons


def _fitting(sent: Sent) -> list[str]:
    """What keeps the card's counts from being counts of these files."""
    reasons, labels, card = [], len(sent.labels), sent.card
    included = card.truth == "included"
    for file in sent.files:
        parts = ["test", "validation"] if file.has_validation else ["test"]
        if any((f"{part}.truth" in file.arrays) != included for part in parts):
            says = "true labels" if not included else "no true labels"
            reasons.append(f"{file.name} holds {says}, but the card says {card.truth}")
    tested = sum(len(file.arrays["test.activations"]) for file in sent.files)
    if tested > MOST_TESTED:
        reasons.append(f"its test sets have {tested} utterances: at most {MOST_TESTED}")
    matrices = {fold.file: fold.confusion for fold in card.folds} | dict(card.speakers)
    for name, matrix in matrices.items():
        try:
            square(matrix, labels, f"{cards.FILE}: the counts of {name}")
        except SerbenchError as error:
            reasons.append(str(error))
    if lacking := sent.speakers() - card.speakers.keys():  # no more are counted than are on a card
        reasons.append(f"the card lacks the test speaker {min(lacking)}")
    return reasons
