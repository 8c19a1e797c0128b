"""Verify a submission: recompute its folds, counts and scores, and compare."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar

from serbench import tables
from serbench.errors import SerbenchError
from serbench.leaderboard.ranking import impersonation
from serbench.leaderboard.submissions import card, safe_read
from serbench.leaderboard.submissions.reproduction_record import FOLDER as REPRODUCTIONS
from serbench.leaderboard.submissions.safe_read import shown
from serbench.leaderboard.submissions.submission import (
    Counts,
    Malformed,
    Submission,
    count,
    load,
)
from serbench.leaderboard.verification import consistency, protocol, suspicion
from serbench.leaderboard.verification import reference as references
from serbench.leaderboard.verification.reference import NotAtHand, Reference
from serbench.settings import settings

T = TypeVar("T")

Status = Literal["recomputed", "not recomputed", "rejected"]
PRINTED: Mapping[Status, str] = {
    "recomputed": "ok recomputed",
    "not recomputed": "not recomputed",
    "rejected": "REJECTED",
}

MOST_FOLDERS = 20_000
MOST_REASONS = 20  # of one rejection
KEPT_BESIDE = ("README.md",)


@dataclass(frozen=True)
class Verdict:
    """The outcome of checking a submission; its texts are safe to print.

    Status "recomputed": every score follows from the stored predictions and the corpus;
    "not recomputed": no fault was found, but the corpus or its labels are not available.
    """

    status: Status
    reasons: tuple[str, ...] = ()  # of a rejection, or why nothing could be recomputed
    flags: tuple[str, ...] = ()  # remarks on details that somebody should look at
    submitter: str = ""  # the sender, and who confirms that


def verify(folder: Path) -> Verdict:
    """Check a submission, and recompute its scores if the corpus is available.

    This is safe for untrusted folders: sizes are checked before files are read, and no file is run
    or unpickled.
    """
    return guarded(lambda: judge(load(folder)), _rejected)


def guarded(work: Callable[[], T], refused: Callable[[Sequence[str]], T]) -> T:
    """Return the result of checking a submission, or a rejection if checking raises an error.

    Args:
        work: function that checks the submission; it may raise any exception.
        refused: function that makes a rejection from reasons.
    """
    try:
        return work()
    except Malformed as error:
        return refused(error.reasons)
    except SerbenchError as error:
        return refused([str(error)])
    except Exception as error:
        # Untrusted files may trigger a bug in serbench. That must cost only this submission, not
        # the whole board.
        return refused([f"it cannot be checked: {type(error).__name__}"])


def judge(submission: Submission) -> Verdict:
    """Check a submission that is already loaded."""
    reasons = [
        *consistency.identity(submission),
        *consistency.claims(submission),
        *consistency.probabilities(submission),
        *consistency.records(submission),
        *protocol.parameters(submission),
    ]
    config = submission.facts.config
    try:
        reference = references.find(config.dataset, config.labels, config.protocol, settings())
    except NotAtHand as error:
        return _judge_without_corpus(submission, reasons, str(error))
    except SerbenchError as error:
        return _rejected([*reasons, str(error)])
    reasons += _truth(submission, reference.is_licensed)
    reasons += protocol.folds(submission, reference)
    if reasons:
        return _rejected(reasons)
    truths = {
        part: {
            file.name: protocol.position_of(file.ids(part), reference)
            for file in submission.files
            if part in file.parts
        }
        for part in ("test", "validation")
    }
    tests = [file.scored("test", truths["test"][file.name]) for file in submission.files]
    counts = count(tests, submission.all_facts)  # by the corpus's own labels
    reasons += consistency.validation(submission, truths["validation"])
    reasons += consistency.counts(submission, counts)
    return _judge_counts(submission, reasons, counts, reference)


def _truth(submission: Submission, is_licensed: bool) -> Iterator[str]:
    """Check that the labels are withheld if, and only if, the corpus's licence requires it."""
    corpus = submission.facts.config.corpus
    if is_licensed and submission.has_truth:
        yield (
            f"the licence of {corpus} forbids sharing its labels: they must not be in the files; "
            "`serbench leaderboard submit` leaves them out"
        )
    if not is_licensed and not submission.has_truth:
        yield f"its true labels are withheld, but the labels of {corpus} are public"


def _judge_without_corpus(submission: Submission, reasons: list[str], why: str) -> Verdict:
    """Check a submission without its corpus or its labels."""
    reasons += consistency.number_of_folds(submission)
    reasons += consistency.certificates(submission)
    reasons += consistency.tested_once(submission)
    reasons += _protocol_without_corpus(submission)
    with contextlib.suppress(NotAtHand):  # then its licence is unknown too
        dataset = submission.facts.config.dataset
        reasons += _truth(submission, references.is_licensed(dataset, settings()))
    if reasons:
        return _rejected(reasons)
    if not submission.has_truth:
        counts = submission.claimed_counts()
        reasons += consistency.counts_without_truth(submission)
    else:
        counts = submission.stored_counts()
        stored = {
            file.name: file.arrays["validation.truth"]
            for file in submission.files
            if "validation" in file.parts
        }
        reasons += consistency.counts(submission, counts)
        reasons += consistency.validation(submission, stored)
    return _judge_counts(submission, reasons, counts, None, why)


def _protocol_without_corpus(submission: Submission) -> Iterator[str]:
    """Check the protocol, as far as possible without the corpus."""
    config, claimed = submission.facts.config, submission.facts.protocol
    try:
        leaks, folds = references.declared(config.dataset, config.protocol, settings())
    except NotAtHand:
        return
    except SerbenchError as error:
        yield str(error)
        return
    if bool(claimed.leaks) != bool(leaks):
        yield protocol.leaking(leaks)
    if folds not in (None, claimed.folds):
        said = tables.count(claimed.folds, "fold")
        yield f"its files say {said}, but the protocol {config.protocol} has {folds}"


def _judge_counts(
    submission: Submission,
    reasons: list[str],
    counts: Counts,
    reference: Reference | None,
    why: str = "",
) -> Verdict:
    """Check scores and plausibility; `why` is the reason why there is no reference."""
    plausible = not reasons
    reasons += suspicion.refuted(submission, counts)
    if plausible:
        reasons += consistency.scores(submission, counts)
    if reasons:
        return _rejected(reasons)
    remarks = [
        *suspicion.remarks(submission, counts, reference),
        *impersonation.remarks(submission),
        *filter(None, [protocol.unchecked(submission)]),
    ]
    flags = tuple(map(shown, remarks))
    if reference is None:
        return Verdict("not recomputed", (shown(why),), flags)
    return Verdict("recomputed", (), flags)


def _rejected(reasons: Sequence[str]) -> Verdict:
    listed = [shown(reason) for reason in reasons[:MOST_REASONS]]
    if len(reasons) > MOST_REASONS:
        listed.append(f"and {len(reasons) - MOST_REASONS} more reasons")
    return Verdict("rejected", tuple(listed))


def lines(folder: Path, verdict: Verdict) -> list[str]:
    """Return the lines to print for a verdict: a headline, then further reasons and flags."""
    first, *more = verdict.reasons or ("",)
    head = f"{PRINTED[verdict.status]} {shown(str(folder))}" + (f": {first}" if first else "")
    details = [
        *more,
        *filter(None, [verdict.submitter]),
        *(f"look at: {flag}" for flag in verdict.flags),
    ]
    return [head, *(f"  {line}" for line in details)]


def as_json(rows: Sequence[tuple[Path, Verdict]]) -> str:
    """Return verdicts as JSON for other programs."""
    return json.dumps(
        [{"submission": shown(str(folder)), **asdict(verdict)} for folder, verdict in rows],
        indent=1,
        ensure_ascii=False,
    )


def find(path: Path) -> list[tuple[Path, Verdict | None]]:
    """Return the submissions in a folder, sorted, and files that are not submissions.

    Args:
        path: a submission, or a folder with submissions in `<corpus>/<run>` or `<run>`.

    Returns:
        Pairs of a submission and None, or of another file or folder and its rejection.

    Raises:
        SerbenchError: there is no such folder, or it is empty.
    """
    if _is_submission(path):
        return [(path, None)]
    rows: list[tuple[Path, Verdict | None]] = []
    for entry in safe_read.entries(path, MOST_FOLDERS):
        if not entry.is_dir(follow_symlinks=False) or _is_submission(Path(entry.path)):
            rows += _rows([entry])
            continue
        inside = safe_read.entries(Path(entry.path), MOST_FOLDERS)
        rows += _rows(inside)
        if not inside:
            rows.append(
                (Path(entry.path), _rejected([f"{entry.name!r} is an empty folder: remove it"]))
            )
    if not rows:
        raise SerbenchError(
            f"there is no submission in {shown(str(path))}: `serbench leaderboard submit RUN` "
            "makes one"
        )
    return rows


def _rows(entries: Sequence[os.DirEntry[str]]) -> Iterator[tuple[Path, Verdict | None]]:
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield Path(entry.path), None
        elif entry.name not in KEPT_BESIDE or not entry.is_file(follow_symlinks=False):
            yield Path(entry.path), _rejected([f"{entry.name!r} is not a submission: remove it"])


def _is_submission(folder: Path) -> bool:
    """Return whether a folder has the files of a submission, and contains no submissions."""
    return _has_files(folder) and not _has_submissions(folder)


def _has_files(folder: Path) -> bool:
    """Return whether a folder contains a file with the name of a card or fold file."""
    names = [entry.name for entry in safe_read.entries(folder, MOST_FOLDERS)]
    return any(name == card.FILE or name.endswith(".safetensors") for name in names)


def _has_submissions(folder: Path, depth: int = 2) -> bool:
    """Return whether a folder contains submissions, whatever else it contains."""
    below = [
        Path(entry.path)
        for entry in safe_read.entries(folder, MOST_FOLDERS)
        if entry.is_dir(follow_symlinks=False) and entry.name != REPRODUCTIONS
    ]
    return any(
        _has_files(place) or (depth > 1 and _has_submissions(place, depth - 1)) for place in below
    )
