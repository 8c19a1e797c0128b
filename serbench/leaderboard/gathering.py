"""From a folder of submissions, or of one's own runs, to what the leaderboard knows of each."""

from pathlib import Path

from serbench import runs
from serbench.leaderboard import claims, entries, parameters, submission, verifying
from serbench.leaderboard.board import Rejected
from serbench.leaderboard.cache import Outcome, Store
from serbench.leaderboard.entries import Entry
from serbench.leaderboard.reproductions import reproductions
from serbench.leaderboard.strict import shown

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

    def work() -> Outcome:
        sent = submission.load(folder)
        verdict = verifying.judge(sent)
        if verdict.status == "rejected":
            return Rejected(_named(folder), verdict.reasons)
        withheld = sent.card.truth == "withheld"
        status = "not recomputed" if withheld else verdict.status
        records = [one for one in reproductions(folder) if not claims.own(one, sent)]
        # what was not checked for want of a plugin is no remark on the submission
        flags = [flag for flag in verdict.flags if not flag.startswith(parameters.UNCHECKED)]
        return entries.of_submission(submission.of(sent), status, flags, records)

    return verifying.guarded(
        work, lambda reasons: Rejected(_named(folder), tuple(map(shown, reasons)))
    )


def _named(folder: Path) -> str:
    return shown(f"{folder.parent.name}/{folder.name}")


def own(parent: Path) -> Gathered:
    """Every run below a folder of results; where it has a card, that is not looked at."""
    found, broken = runs.readable(parent)
    return [entries.of_run(run) for run in found], [Rejected("", (reason,)) for reason in broken]
