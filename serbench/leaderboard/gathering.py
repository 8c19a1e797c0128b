"""From a folder of submissions, or of one's own runs, to what the leaderboard knows of each."""

from pathlib import Path

from serbench import runs
from serbench.errors import SerbenchError
from serbench.leaderboard import entries, submission, verifying
from serbench.leaderboard.board import Rejected
from serbench.leaderboard.cache import Outcome, Store
from serbench.leaderboard.entries import Entry
from serbench.leaderboard.reproductions import reproductions
from serbench.leaderboard.strict import shown
from serbench.leaderboard.submission import Malformed

Gathered = tuple[list[Entry], list[Rejected]]


def submitted(parent: Path, store: Store) -> Gathered:
    """Every submission below a folder, verified; those that were verified before are not again.

    Raises:
        SerbenchError: there is no submission.
    """
    found = [
        Rejected(_named(folder), verdict.reasons) if verdict else store.outcome(folder, judged)
        for folder, verdict in verifying.found(parent)
    ]
    return (
        [one for one in found if isinstance(one, Entry)],
        [one for one in found if isinstance(one, Rejected)],
    )


def judged(folder: Path) -> Outcome:
    """Verify a submission, and keep what a table needs of it.

    Where a corpus's licence keeps the labels, a submission is "not recomputed" whatever this
    machine has: a page that everybody builds must not depend on who did.
    """
    try:
        sent = submission.load(folder)
        verdict = verifying.judge(sent)
        if verdict.status == "rejected":
            return Rejected(_named(folder), verdict.reasons)
        withheld = sent.card.truth == "withheld"
        status = "not recomputed" if withheld else verdict.status
        records = reproductions(folder)
        return entries.of_submission(submission.of(sent), status, verdict.flags, records)
    except Malformed as error:
        return Rejected(_named(folder), tuple(map(shown, error.reasons)))
    except SerbenchError as error:
        return Rejected(_named(folder), (shown(str(error)),))


def _named(folder: Path) -> str:
    return shown(f"{folder.parent.name}/{folder.name}")


def own(parent: Path) -> Gathered:
    """Every run below a folder of results; where it has a card, that is not looked at."""
    found, broken = runs.readable(parent)
    return [entries.of_run(run) for run in found], [Rejected("", (reason,)) for reason in broken]
