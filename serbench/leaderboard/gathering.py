"""From a folder of submissions, or of one's own runs, to what the leaderboard knows of each."""

import datetime
import hashlib
from pathlib import Path

from serbench.leaderboard import entries, parameters, submission, traces, verifying
from serbench.leaderboard.board import Rejected
from serbench.leaderboard.cache import Outcome, Store
from serbench.leaderboard.entries import Entry, Record
from serbench.leaderboard.ledger import LENGTH, TIME, Ledger
from serbench.leaderboard.origins import origins
from serbench.leaderboard.reproductions import FOLDER, reproductions
from serbench.leaderboard.strict import shown
from serbench.leaderboard.submission import Sent
from serbench.results.run import readable
from serbench.text import skeleton

Gathered = tuple[list[Entry], list[Rejected]]


def submitted(
    parent: Path, store: Store, ledger: Ledger, account: str | None
) -> tuple[list[Entry], list[Rejected], Ledger]:
    """Every submission below a folder, verified; those that were verified before are not again.

    Args:
        parent: the folder.
        store: what is known already.
        ledger: what was sent before, and by whom.
        account: who sends what is new; "" if unknown, None if nobody was asked.

    Returns:
        The entries, what is rejected, and the ledger with a line for everything new.

    Raises:
        SerbenchError: there is no submission.
    """
    found = [
        Rejected(_named(folder), verdict.reasons) if verdict else store.outcome(folder, judged)
        for folder, verdict in verifying.found(parent)
    ]
    now = datetime.datetime.now(datetime.UTC).strftime(TIME)
    known = origins([one for one in found if isinstance(one, Entry)], ledger, account, now)
    rejected = [
        one if isinstance(one, Rejected) else Rejected(one.folder, (known.refused[one.folder],))
        for one in found
        if isinstance(one, Rejected) or one.folder in known.refused
    ]
    return known.entries, rejected, known.ledger


def judged(folder: Path) -> Outcome:
    """Verify a submission, and keep what a table needs of it.

    Where a corpus's licence keeps the labels, a submission is "not recomputed" whatever this
    machine has: a page that everybody builds must not depend on who did.
    """

    def work() -> Outcome:
        sent = submission.load(folder)
        verdict = verifying.judge(sent)
        if verdict.status == "rejected":
            return Rejected(_named(folder), verdict.reasons)
        withheld = sent.card.truth == "withheld"
        status = "not recomputed" if withheld else verdict.status
        # what was not checked for want of a plugin is no remark on the submission
        flags = [flag for flag in verdict.flags if not flag.startswith(parameters.UNCHECKED)]
        sound, trace = submission.of(sent), traces.of(sent)
        return entries.of_submission(sound, status, flags, _records(sent), trace)

    return verifying.guarded(
        work, lambda reasons: Rejected(_named(folder), tuple(map(shown, reasons)))
    )


def _records(sent: Sent) -> list[Record]:
    submitter = skeleton(sent.card.submitter.name)
    return [
        Record(
            one.file,
            hashlib.sha256((sent.folder / FOLDER / one.file).read_bytes()).hexdigest()[:LENGTH],
            entries.recorded(one),
            one.reproduced,
            skeleton(one.by) == submitter,
        )
        for one in reproductions(sent.folder)
    ]


def _named(folder: Path) -> str:
    return shown(f"{folder.parent.name}/{folder.name}")


def own(parent: Path) -> Gathered:
    """Every run below a folder of results; where it has a card, that is not looked at."""
    found, broken = readable(parent)
    return [entries.of_run(run) for run in found], [Rejected("", (reason,)) for reason in broken]
