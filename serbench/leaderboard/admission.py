"""Check a submission as the board would: by itself, and against other submissions."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from serbench.leaderboard import build, ledger
from serbench.leaderboard.ledger import Ledger
from serbench.leaderboard.ranking import cache, comparability
from serbench.leaderboard.ranking.entry import SAYS_SUBMITTER, Entry, Rejected
from serbench.leaderboard.ranking.impersonation import TAKEN, is_reserved
from serbench.leaderboard.submissions.safe_read import shown
from serbench.leaderboard.verification import verdict as verifying
from serbench.leaderboard.verification.verdict import Verdict
from serbench.settings import settings

Outcomes = dict[str, Entry | Rejected]


@dataclass
class Admission:
    """Verify submissions one after another, and read the other submissions only once."""

    account: str = ""  # sender of submissions not in the ledger: "github:ada"; "" if unknown
    outcomes: dict[Path, Outcomes] = field(default_factory=dict)  # per folder of submissions

    def verify(self, folder: Path) -> Verdict:
        """Check a submission by itself, and against other submissions.

        Those are all submissions of the board if a ledger exists, else those on the same corpus.

        Raises:
            SerbenchError: the ledger is damaged.
        """
        verdict = verifying.verify(folder)
        if verdict.status == "rejected":
            return verdict
        place = folder.resolve()
        path = ledger.beside(place.parents[1])
        book = ledger.read(path)
        outcomes = self._outcomes(place.parents[1] if path.is_file() else place.parent, book)
        outcome = outcomes[f"{place.parent.name}/{place.name}"]
        if isinstance(outcome, Rejected):
            return Verdict("rejected", outcome.reasons)
        return replace(
            verdict,
            flags=(*verdict.flags, *map(shown, _remarks(outcome))),
            submitter=shown(self._submitter(outcome, book)),
        )

    def _outcomes(self, root: Path, book: Ledger) -> Outcomes:
        if root not in self.outcomes:
            store = cache.opened(root, settings())  # only `build` knows which outcomes to save
            entries, rejected, _ = build.read_submissions(root, store, book, self.account or None)
            by_setting = comparability.comparable_groups(entries)
            outcomes: list[Entry | Rejected] = [*rejected]
            outcomes += [run for groups in by_setting for _, runs in groups for run in runs]
            self.outcomes[root] = {outcome.folder: outcome for outcome in outcomes}
        return self.outcomes[root]

    def _submitter(self, entry: Entry, book: Ledger) -> str:
        line = book.find(entry.folder, entry.fingerprint.answers)
        if line and line.account:
            return f"submitter {line.account}, in the ledger since {line.seen[:10]}"
        if line is None and self.account:
            return f"submitter {self.account}, who sends it"
        return f"submitter {entry.submitter!r} as the card says, not confirmed"


def _remarks(entry: Entry) -> Iterator[str]:
    yield from entry.notes
    if entry.faults:
        yield f"it has no rank: {'; '.join(entry.faults)}"
    if not entry.account and is_reserved(entry.submitter):
        yield TAKEN
    for record in entry.reproductions:
        if record.endswith(SAYS_SUBMITTER):
            yield f"reproduced, {SAYS_SUBMITTER}, which does not count: {record}"
