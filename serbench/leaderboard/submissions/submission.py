"""A submission: the folder of a run with its fold files and a card."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench.errors import SerbenchError
from serbench.leaderboard.submissions import card as cards
from serbench.leaderboard.submissions import safe_read, submitted_fold
from serbench.leaderboard.submissions.card import Card, Score
from serbench.leaderboard.submissions.reproduction_record import FOLDER as REPRODUCTIONS
from serbench.leaderboard.submissions.reproduction_record import reproductions
from serbench.leaderboard.submissions.submitted_fold import SubmittedFold
from serbench.metrics import classification
from serbench.metrics.classification import METRICS, every_metric
from serbench.metrics.intervals import mean_std, metric_intervals
from serbench.results import fold_file, run
from serbench.results.fold_file import Scored
from serbench.results.fold_schema import Facts
from serbench.results.json_schema import require_visible

NOTE = "note.md"
MOST_FILES = 500  # leave one speaker out of CREMA-D has 91 folds, paper-nested 72
MOST_BYTES = 2**26  # of all files together; CREMA-D's nested folds have 5 MB
MOST_NOTE = 2**14
MOST_TESTED = 500_000  # utterances in all test sets; CREMA-D's nested folds have 58,880

Confusions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """The confusion matrices of a run."""

    files: Confusions  # of every fold, (folds, labels, labels)
    winners: tuple[int, ...]  # positions of the folds that count: all, unless folds compete
    speakers: tuple[str, ...]  # the test speakers of the folds that count, sorted
    by_speaker: Confusions  # (speakers, labels, labels)

    @property
    def folds(self) -> Confusions:
        """The confusion matrices of the folds that count."""
        return self.files[list(self.winners)]

    def scores(self) -> dict[str, Score]:
        """Compute the scores of every metric, from the folds that count."""
        interval = metric_intervals(self.by_speaker)
        pooled = every_metric(self.folds.sum(axis=0))
        folds = every_metric(self.folds)
        return {
            name: Score(
                tuple(folds[:, index].tolist()),
                *mean_std(folds[:, index]),
                float(pooled[index]),
                *interval[name],
            )
            for index, name in enumerate(METRICS)
        }


def count(tests: Sequence[Scored], facts: Sequence[Facts]) -> Counts:
    """Compute confusion matrices of every fold, and of the speakers in the folds that count.

    Args:
        tests: the test set of each fold, in the protocol's order.
        facts: the facts of each fold.
    """
    labels = len(facts[0].labels)
    files = np.stack([confusion(test, labels) for test in tests])
    winners = tuple(run.winners(facts))
    counting = [tests[position] for position in winners]
    by_speaker = classification.by_group(
        np.concatenate([test.truth for test in counting]),
        classification.predicted(np.concatenate([test.activations for test in counting])),
        [speaker for test in counting for speaker in test.speakers],
        labels,
    )
    return Counts(files, winners, tuple(by_speaker), np.stack(list(by_speaker.values())))


def confusion(scored: Scored, labels: int) -> Confusions:
    """Return the confusion matrix of one set."""
    return classification.confusion(
        scored.truth, classification.predicted(scored.activations), labels
    )


class Malformed(SerbenchError):
    """A folder that is not a submission, with one or more reasons."""

    def __init__(self, reasons: list[str]):
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Submission:
    """The files of a submission: well-formed, but not checked against the corpus."""

    folder: Path
    card: Card
    files: tuple[SubmittedFold, ...]  # in the card's order

    @property
    def facts(self) -> Facts:
        """The facts of the first fold."""
        return self.files[0].facts

    @property
    def all_facts(self) -> list[Facts]:
        """The facts of every fold."""
        return [file.facts for file in self.files]

    @property
    def has_truth(self) -> bool:
        """Whether the files contain the true labels, according to the card."""
        return self.card.truth == "included"

    @property
    def note(self) -> str:
        """The text of the submitter's note, "" without one."""
        path = self.folder / NOTE
        return safe_read.contents(path, MOST_NOTE).decode("utf-8") if path.exists() else ""

    def stored_counts(self) -> Counts:
        """Count the stored predictions against the stored truth."""
        return count([file.scored("test") for file in self.files], self.all_facts)

    def claimed_counts(self) -> Counts:
        """Return the counts on the card."""
        speakers = tuple(sorted(self.card.speakers))
        return Counts(
            np.array([fold.confusion for fold in self.card.folds], np.int64),
            tuple(run.winners(self.all_facts)),
            speakers,
            np.array([self.card.speakers[name] for name in speakers], np.int64),
        )


def load(folder: Path) -> Submission:
    """Read a submission's files; they must all be of one run and match the card.

    Raises:
        Malformed: they do not; the error has every reason.
    """
    try:
        names = _file_names(folder)
        card = cards.read(folder / cards.FILE)
    except Malformed:
        raise
    except SerbenchError as error:
        raise Malformed([str(error)]) from error
    reasons = [*_unlisted(names, card), *_damage_beside(folder, names)]
    files = []
    for name in [fold.file for fold in card.folds if fold.file in names]:
        try:
            files.append(submitted_fold.read(folder / name))
        except SerbenchError as error:
            reasons.append(str(error))
    submission = Submission(folder, card, tuple(files))
    reasons = reasons or [*_differences(submission)] or [*_misfits(submission)]
    if reasons:
        raise Malformed(reasons)
    return submission


def _file_names(folder: Path) -> list[str]:
    """Return the names of a submission's files; raise `Malformed` for files that do not belong."""
    reasons, names, size = [], [], 0
    for entry in safe_read.entries(folder, MOST_FILES):
        name = entry.name
        size += entry.stat(follow_symlinks=False).st_size
        if entry.is_symlink():
            reasons.append(f"{name!r} is a link: send the file itself")
        elif name == REPRODUCTIONS and entry.is_dir(follow_symlinks=False):
            continue
        elif name not in (cards.FILE, NOTE) and not re.fullmatch(cards.FOLD_FILE, name, re.ASCII):
            reasons.append(f"{name!r} does not belong in a submission: remove it")
        else:
            names.append(name)
    if size > MOST_BYTES:
        reasons.append(f"its files have {size} bytes together: at most {MOST_BYTES}")
    if cards.FILE not in names and not reasons:
        reasons.append(f"it has no {cards.FILE}: `serbench leaderboard submit` makes one")
    if reasons:
        raise Malformed(reasons)
    return names


def _unlisted(names: list[str], card: Card) -> Iterator[str]:
    """Yield a reason for each file that is only on the card or only in the folder."""
    listed = [fold.file for fold in card.folds]
    present = [name for name in names if name not in (cards.FILE, NOTE)]
    missing = [name for name in listed if name not in present]
    yield from (f"{name} is on the card, but not in the folder" for name in missing)
    extra = [name for name in present if name not in listed]
    yield from (f"{name} is in the folder, but not on the card" for name in extra)
    if len(set(listed)) != len(listed):
        yield "the card lists one file twice"
    if not listed:
        yield "the card lists no folds"


def _damage_beside(folder: Path, names: list[str]) -> Iterator[str]:
    """Yield the faults of the note and the reproductions."""
    try:
        if NOTE in names:
            note = safe_read.contents(folder / NOTE, MOST_NOTE).decode("utf-8")
            require_visible(note, NOTE, lines=True)
    except UnicodeDecodeError as error:
        yield f"{NOTE} is not text in UTF-8 ({error.reason})"
    except SerbenchError as error:
        yield str(error)
    try:
        reproductions(folder)
    except SerbenchError as error:
        yield str(error)


def _differences(submission: Submission) -> Iterator[str]:
    """Yield reasons why the files are not those on the card, or not the folds of one run."""
    pairs = list(zip(submission.card.folds, submission.files, strict=True))
    for fold, file in pairs:
        if fold.sha256 != file.sha256:
            yield (
                f"{file.name} is not the file that the card lists: its sha256 is "
                f"{file.sha256[:16]}…"
            )
    first = submission.files[0]
    for fold, file in pairs:
        facts, where = file.facts, file.facts.fold
        for kind in run.differing([first.facts, facts], ("config", "labels", "protocol")):
            yield f"{file.name} is of another run than {first.name}: {kind} differs"
        for pin in run.differing([first.facts.pins, facts.pins], ("corpus", "protocol")):
            yield f"{file.name} was made from other data than {first.name}: the {pin} differs"
        if file.name != f"{fold_file.stem(where.index)}.safetensors":
            yield f"{file.name} says that it is fold {where.index + 1}"
        if fold.name != where.name:
            yield f"the card calls {file.name} fold {fold.name!r}, the file calls it {where.name!r}"
    order = [facts.fold.index for facts in submission.all_facts]
    names = {facts.fold.name for facts in submission.all_facts}
    if sorted(set(order)) != order or len(names) != len(order):
        yield "the card must list every fold once, in the protocol's order"


def _misfits(submission: Submission) -> Iterator[str]:
    """Yield reasons why the card's counts cannot be counts of these files."""
    card, labels = submission.card, len(submission.facts.labels)
    for file in submission.files:
        if any((f"{part}.truth" in file.arrays) != submission.has_truth for part in file.parts):
            content = "no true labels" if submission.has_truth else "true labels"
            yield f"{file.name} contains {content}, but the card says {card.truth}"
    tested = sum(len(file.arrays["test.activations"]) for file in submission.files)
    if tested > MOST_TESTED:
        yield f"its test sets have {tested} utterances: at most {MOST_TESTED}"
    matrices = {fold.file: fold.confusion for fold in card.folds} | dict(card.speakers)
    for name, matrix in matrices.items():
        if {len(matrix), *map(len, matrix)} != {labels}:
            yield (
                f"{cards.FILE}: the counts of {name} must have {labels} rows and columns, one per "
                "label"
            )
    winners = [submission.files[position] for position in run.winners(submission.all_facts)]
    speakers = {speaker for file in winners for speaker in file.speakers()}
    if lacking := speakers - card.speakers.keys():  # bounds the work of counting
        yield f"the card lacks the test speaker {min(lacking)}"
