"""Is a submission what it says? Its corpus, protocol, counts and scores are worked out anew."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar

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

    Status "recomputed": every number follows from the stored predictions and the corpus;
    "not recomputed": nothing is wrong, but the corpus or its labels are not at hand.
    """

    status: Status
    reasons: tuple[str, ...] = ()  # of a rejection, or why nothing could be recomputed
    flags: tuple[str, ...] = ()  # what somebody should look at
    submitter: str = ""  # who sent it, and how that is known


def verify(folder: Path) -> Verdict:
    """Check a submission, and count everything again.

    Safe on whatever a stranger sent: sizes are checked before anything is read, and nothing in
    the folder is run or unpickled.
    """
    return guarded(lambda: judge(load(folder)), _rejected)


def guarded(work: Callable[[], T], refused: Callable[[Sequence[str]], T]) -> T:
    """Return what comes of checking one submission, or of refusing it.

    Args:
        work: may raise anything.
        refused: makes a rejection of reasons.
    """
    try:
        return work()
    except Malformed as error:
        return refused(error.reasons)
    except SerbenchError as error:
        return refused([str(error)])
    except Exception as error:  # a stranger's files found a mistake of ours: that must cost them
        # their row, and nobody else the board; the type says where to look with their files
        return refused([f"it cannot be checked: {type(error).__name__}"])


def judge(submission: Submission) -> Verdict:
    """Check a submission whose files were read already."""
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
    """Labels are withheld where the corpus's licence asks for that, and nowhere else."""
    corpus = submission.facts.config.corpus
    if is_licensed and submission.has_truth:
        yield (
            f"the licence of {corpus} keeps its labels with its holders: they must not be in the "
            "files; `serbench leaderboard submit` leaves them out"
        )
    if not is_licensed and not submission.has_truth:
        yield f"its true labels are withheld, but anybody may have those of {corpus}"


def _judge_without_corpus(submission: Submission, reasons: list[str], why: str) -> Verdict:
    """Check a submission whose corpus or labels are not at hand."""
    reasons += consistency.number_of_folds(submission)
    reasons += consistency.certificates(submission)
    reasons += consistency.tested_once(submission)
    reasons += _protocol_without_corpus(submission)
    with contextlib.suppress(NotAtHand):  # nobody here knows what its licence asks
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
    """Check what is known of a protocol where its corpus is not at hand."""
    config, said = submission.facts.config, submission.facts.protocol
    try:
        leaks, folds = references.declared(config.dataset, config.protocol, settings())
    except NotAtHand:
        return
    except SerbenchError as error:
        yield str(error)
        return
    if bool(said.leaks) != bool(leaks):
        yield protocol.leaking(leaks)
    if folds not in (None, said.folds):
        yield f"it says that its protocol has {said.folds} folds, but {config.protocol} has {folds}"


def _judge_counts(
    submission: Submission,
    reasons: list[str],
    counts: Counts,
    reference: Reference | None,
    why: str = "",
) -> Verdict:
    """Check what follows from the counts; `why` says why there is no reference."""
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
    told = [shown(reason) for reason in reasons[:MOST_REASONS]]
    if len(reasons) > MOST_REASONS:
        told.append(f"and {len(reasons) - MOST_REASONS} reasons more")
    return Verdict("rejected", tuple(told))


def lines(folder: Path, verdict: Verdict) -> list[str]:
    """Return a verdict as it is printed: one line, and below it what else there is to say."""
    first, *more = verdict.reasons or ("",)
    head = f"{PRINTED[verdict.status]} {shown(str(folder))}" + (f": {first}" if first else "")
    told = [
        *more,
        *filter(None, [verdict.submitter]),
        *(f"look at: {flag}" for flag in verdict.flags),
    ]
    return [head, *(f"  {line}" for line in told)]


def as_json(rows: Sequence[tuple[Path, Verdict]]) -> str:
    """Return verdicts for other programs."""
    return json.dumps(
        [{"submission": shown(str(folder)), **asdict(verdict)} for folder, verdict in rows],
        indent=1,
        ensure_ascii=False,
    )


def find(path: Path) -> list[tuple[Path, Verdict | None]]:
    """Return the submissions in a folder, sorted, and what lies between them and is none.

    Args:
        path: a submission, or a folder of them: `<corpus>/<run>` or `<run>` below it.

    Returns:
        Each with None, or with the verdict on what is no submission.

    Raises:
        SerbenchError: there is no such folder, or nothing in it.
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
            yield Path(entry.path), _rejected([f"{entry.name!r} is no submission: remove it"])


def _is_submission(folder: Path) -> bool:
    """Return whether a folder has the files of one submission, and no submissions in it."""
    return _has_files(folder) and not _has_submissions(folder)


def _has_files(folder: Path) -> bool:
    """Return whether a folder has something with the name of a submission's file."""
    names = [entry.name for entry in safe_read.entries(folder, MOST_FOLDERS)]
    return any(name == card.FILE or name.endswith(".safetensors") for name in names)


def _has_submissions(folder: Path, depth: int = 2) -> bool:
    """Return whether a submission is below; what else lies beside it does not hide it."""
    below = [
        Path(entry.path)
        for entry in safe_read.entries(folder, MOST_FOLDERS)
        if entry.is_dir(follow_symlinks=False) and entry.name != REPRODUCTIONS
    ]
    return any(
        _has_files(place) or (depth > 1 and _has_submissions(place, depth - 1)) for place in below
    )
