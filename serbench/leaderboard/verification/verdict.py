"""Is a submission what it says? Its corpus, protocol, counts and scores are worked out anew."""

import json
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar

from serbench.contracts import Array
from serbench.errors import SerbenchError
from serbench.leaderboard.ranking import impersonation
from serbench.leaderboard.submissions import card, safe_read, submission
from serbench.leaderboard.submissions.reproduction_record import FOLDER as REPRODUCTIONS
from serbench.leaderboard.submissions.safe_read import shown
from serbench.leaderboard.submissions.submission import Counted, Malformed, Sent, load
from serbench.leaderboard.verification import (
    card_consistency,
    protocol,
    score_recount,
    suspicion,
)
from serbench.leaderboard.verification import reference as references
from serbench.leaderboard.verification.reference import NotAtHand, Reference
from serbench.settings import settings

T = TypeVar("T")

Status = Literal["recomputed", "not recomputed", "rejected"]

MOST_FOLDERS = 20_000
MOST_REASONS = 20  # of one rejection
KEPT_BESIDE = ("README.md",)


@dataclass(frozen=True)
class Verdict:
    """What came of checking a submission.

    Attributes:
        status: "recomputed": every number follows from the stored predictions and the corpus;
            "not recomputed": nothing is wrong, but the corpus or its labels are not at hand;
            "rejected": something is wrong.
        reasons: of a rejection, or why nothing could be recomputed; safe to print.
        flags: what somebody should look at all the same; safe to print.
        submitter: who sent it, and how that is known; safe to print.
    """

    status: Status
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    submitter: str = ""

    @property
    def words(self) -> str:
        """As it is printed."""
        return {"recomputed": "ok recomputed", "rejected": "REJECTED"}.get(self.status, self.status)


def verify(folder: Path) -> Verdict:
    """Check a submission, and count everything again.

    Safe on whatever a stranger sent: sizes are checked before anything is read, and nothing in
    the folder is run or unpickled.
    """
    return guarded(lambda: judge(load(folder)), _rejected)


def guarded(work: Callable[[], T], refused: Callable[[Sequence[str]], T]) -> T:
    """What comes of checking one submission, or of refusing it.

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


def judge(sent: Sent) -> Verdict:
    """Check a submission whose files were read already."""
    wrong = [
        *card_consistency.identity(sent),
        *card_consistency.claims(sent),
        *card_consistency.answers(sent),
    ]
    wrong += [*card_consistency.reproduced(sent), *protocol.parameters(sent)]
    try:
        reference = _reference(sent)
    except NotAtHand as error:
        return _unknown(sent, wrong, str(error))
    except SerbenchError as error:
        return _rejected([*wrong, str(error)])
    wrong += [*_truth(sent, reference.licensed), *protocol.folds(sent, reference)]
    if wrong:
        return _rejected(wrong)
    counted = _recounted(sent, reference)
    wrong = [*score_recount.validated(sent, _truths(sent, reference, "validation"))]
    return _judged(sent, [*wrong, *score_recount.counts(sent, counted)], counted, reference)


def _reference(sent: Sent) -> Reference:
    config = sent.facts[0]["config"]
    names = (config["dataset"], config["labels"], config["protocol"])
    return references.find(*map(str, names), settings())


def _truth(sent: Sent, licensed: bool) -> Iterator[str]:
    """Labels are withheld where the corpus's licence asks for that, and nowhere else."""
    corpus = str(sent.facts[0]["config"]["dataset"]).partition(":")[0]
    if licensed and sent.card.truth == "included":
        yield (
            f"the licence of {corpus} keeps its labels with its holders: they must not be in the "
            "files; `serbench leaderboard submit` leaves them out"
        )
    if not licensed and sent.card.truth == "withheld":
        yield f"its true labels are withheld, but anybody may have those of {corpus}"


def _recounted(sent: Sent, reference: Reference) -> Counted:
    """The predictions against the corpus's own labels, whatever the files say."""
    truths = _truths(sent, reference, "test")
    tests = [file.scored("test", truths[file.name]) for file in sent.files]
    return submission.count(tests, sent.facts)


def _truths(sent: Sent, reference: Reference, part: str) -> dict[str, Array]:
    """The corpus's own labels of a set of each fold file, by the file's name."""
    return {
        file.name: protocol.position_of(file.ids(part), reference)
        for file in sent.files
        if f"{part}.ids" in file.arrays
    }


def _unknown(sent: Sent, wrong: Sequence[str], why: str) -> Verdict:
    """The verdict where the corpus or its labels are not at hand."""
    reasons = [
        *wrong,
        *card_consistency.number(sent),
        *card_consistency.certified(sent),
        *card_consistency.tested_once(sent),
    ]
    reasons += _declared(sent)
    try:
        config = sent.facts[0]["config"]
        reasons += _truth(sent, references.licensed(str(config["dataset"]), settings()))
    except NotAtHand:
        pass  # nobody here knows what its licence asks
    if reasons:
        return _rejected(reasons)
    if sent.card.truth == "withheld":
        return _judged(sent, list(score_recount.predicted(sent)), sent.claimed(), None, why)
    counted = sent.counted()
    stored = {
        file.name: file.arrays["validation.truth"] for file in sent.files if file.has_validation
    }
    wrong = [*score_recount.counts(sent, counted), *score_recount.validated(sent, stored)]
    return _judged(sent, wrong, counted, None, why)


def _declared(sent: Sent) -> Iterator[str]:
    """What a protocol is, is known where its corpus is not at hand."""
    facts = sent.facts[0]
    names = (str(facts["config"]["dataset"]), str(facts["config"]["protocol"]))
    try:
        declared = references.declared(*names, settings())
    except NotAtHand:
        return
    except SerbenchError as error:
        yield str(error)
        return
    if bool(facts["protocol"]["leaks"]) != bool(declared.leaks):
        yield protocol.leaking(declared.leaks)
    if declared.folds not in (None, facts["protocol"]["folds"]):
        yield (
            f"it says that its protocol has {facts['protocol']['folds']} folds, but "
            f"{names[1]} has {declared.folds}"
        )


def _judged(
    sent: Sent, wrong: Sequence[str], counted: Counted, reference: Reference | None, why: str = ""
) -> Verdict:
    reasons = [*wrong, *suspicion.refuted(sent, counted)]
    if not wrong:
        reasons += score_recount.scores(sent, counted)
    if reasons:
        return _rejected(reasons)
    remarks = [*suspicion.remarks(sent, counted, reference), *impersonation.remarks(sent)]
    remarks += filter(None, (protocol.unchecked(sent), protocol.lacking(sent)))
    flags = tuple(map(shown, remarks))
    if reference is None:
        return Verdict("not recomputed", (shown(why),), flags)
    return Verdict("recomputed", (), flags)


def _rejected(reasons: Sequence[str]) -> Verdict:
    told = [shown(one) for one in reasons[:MOST_REASONS]]
    if len(reasons) > MOST_REASONS:
        told.append(f"and {len(reasons) - MOST_REASONS} reasons more")
    return Verdict("rejected", tuple(told))


def lines(folder: Path, verdict: Verdict) -> list[str]:
    """A verdict as it is printed: one line, and below it what else there is to say."""
    first, *more = verdict.reasons or ("",)
    head = f"{verdict.words} {shown(str(folder))}" + (f": {first}" if first else "")
    told = [
        *more,
        *filter(None, [verdict.submitter]),
        *(f"look at: {one}" for one in verdict.flags),
    ]
    return [head, *(f"  {one}" for one in told)]


def as_json(rows: Sequence[tuple[Path, Verdict]]) -> str:
    """Verdicts for other programs."""
    return json.dumps(
        [{"submission": shown(str(folder)), **asdict(verdict)} for folder, verdict in rows],
        indent=1,
        ensure_ascii=False,
    )


def found(path: Path) -> list[tuple[Path, Verdict | None]]:
    """The submissions in a folder, sorted, and what lies between them and is none.

    Args:
        path: a submission, or a folder of them: `<corpus>/<run>` or `<run>` below it.

    Returns:
        Each with None, or with the verdict on what is no submission.

    Raises:
        SerbenchError: there is no such folder, or nothing in it.
    """
    if _is_run(path):
        return [(path, None)]
    rows: list[tuple[Path, Verdict | None]] = []
    for entry in safe_read.entries(path, MOST_FOLDERS):
        place = Path(entry.path)
        if not entry.is_dir(follow_symlinks=False) or _is_run(place):
            rows.append(_row(place))
        else:
            within = [_row(Path(one.path)) for one in safe_read.entries(place, MOST_FOLDERS)]
            rows += within or [_row(place, "an empty folder")]
    rows = [row for row in rows if row[0].name not in KEPT_BESIDE or not _is_file(row[0])]
    if not rows:
        raise SerbenchError(
            f"there is no submission in {shown(str(path))}: `serbench leaderboard submit RUN` "
            "makes one"
        )
    return rows


def _row(place: Path, what: str = "") -> tuple[Path, Verdict | None]:
    if stat.S_ISDIR(place.lstat().st_mode) and not what:
        return place, None
    return place, _rejected([f"{place.name!r} is {what or 'no submission'}: remove it"])


def _is_file(place: Path) -> bool:
    return stat.S_ISREG(place.lstat().st_mode)


def _is_run(folder: Path) -> bool:
    """It is one submission: it has the files of one, and no submissions in it."""
    return _looks_sent(folder) and not _holds_submissions(folder)


def _looks_sent(folder: Path) -> bool:
    """It has a file of a submission, or something of that name, whatever it is."""
    names = [entry.name for entry in safe_read.entries(folder, MOST_FOLDERS)]
    return any(name == card.FILE or name.endswith(".safetensors") for name in names)


def _holds_submissions(folder: Path, depth: int = 2) -> bool:
    """There is one below it, so that whatever else lies there does not make it one itself."""
    within = [
        Path(entry.path)
        for entry in safe_read.entries(folder, MOST_FOLDERS)
        if entry.is_dir(follow_symlinks=False) and entry.name != REPRODUCTIONS
    ]
    return any(
        _looks_sent(one) or (depth > 1 and _holds_submissions(one, depth - 1)) for one in within
    )
