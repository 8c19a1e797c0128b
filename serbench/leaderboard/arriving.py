"""Checks a submission as the board would take it: by itself, and beside those that are there."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from serbench.leaderboard import cache, gathering, ledger, screening, verifying
from serbench.leaderboard.board import Rejected
from serbench.leaderboard.disguises import TAKEN, reserved
from serbench.leaderboard.entries import SAYS_SUBMITTER, Entry
from serbench.leaderboard.ledger import Ledger
from serbench.leaderboard.strict import shown
from serbench.leaderboard.verifying import Verdict
from serbench.settings import settings

Outcomes = dict[str, Entry | Rejected]


@dataclass
class Arrivals:
    """Verifies submissions one after another; those that they lie beside are read once.

    Attributes:
        account: who sends what the ledger does not have: "github:ada"; "" where nobody can tell.
        known: what the board makes of the submissions of a folder.
    """

    account: str = ""
    known: dict[Path, Outcomes] = field(default_factory=dict)

    def verify(self, folder: Path) -> Verdict:
        """Check a submission by itself, and beside the others.

        Where there is a ledger those are all of its board, else those on the same corpus.

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
        found = outcomes[f"{place.parent.name}/{place.name}"]
        if isinstance(found, Rejected):
            return Verdict("rejected", found.reasons)
        return replace(
            verdict,
            flags=(*verdict.flags, *map(shown, self._remarks(found))),
            submitter=shown(self._submitter(found, book)),
        )

    def _outcomes(self, root: Path, book: Ledger) -> Outcomes:
        if root not in self.known:
            store = cache.opened(root, settings())  # only read: `build` knows what is to be kept
            entries, rejected, _ = gathering.submitted(root, store, book, self.account or None)
            groups = map(screening.groups, screening.by_setting(entries))
            screened = [one for found in groups for _, together in found for one in together]
            self.known[root] = {
                **{one.folder: one for one in screened},
                **{one.folder: one for one in rejected},
            }
        return self.known[root]

    def _remarks(self, entry: Entry) -> list[str]:
        found = list(entry.notes)
        if entry.objection:
            found.append(f"it has no rank: {entry.objection}")
        if not entry.account and reserved(entry.submitter):
            found.append(TAKEN)
        said = [one for one in entry.reproductions if one.endswith(SAYS_SUBMITTER)]
        return found + [
            f"reproduced, {SAYS_SUBMITTER}, which does not count: {one}" for one in said
        ]

    def _submitter(self, entry: Entry, book: Ledger) -> str:
        line = book.find(entry.folder, entry.traces.answers)
        if line and line.account:
            return f"submitter {line.account}, in the ledger since {line.seen[:10]}"
        if line is None and self.account:
            return f"submitter {self.account}, who sends it"
        return f"submitter {entry.submitter!r} as the card says, not confirmed"
