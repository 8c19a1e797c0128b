"""Look up in the ledger who sent each submission, and which was first."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from serbench.leaderboard.ledger import OWN, Ledger
from serbench.leaderboard.ranking import impersonation
from serbench.leaderboard.ranking.entry import (
    RECOMPUTED,
    REPRODUCED,
    SAYS_SUBMITTER,
    Entry,
    Rejected,
)
from serbench.leaderboard.submissions.reproduction_record import FOLDER
from serbench.results import eligibility


def find_origins(
    entries: Sequence[Entry], ledger: Ledger, account: str | None, now: str
) -> tuple[list[Entry], list[Rejected], Ledger]:
    """Look up all entries of the board in the ledger, and add those that are missing.

    Args:
        entries: all entries of the board.
        ledger: the ledger of earlier builds.
        account: sender of new submissions; "" if unknown, None if the sender was not asked for.
        now: the time for new lines.

    Returns:
        The entries, with account, position and a status by the records that count; the rejected
        submissions that use the repository's name; the ledger with a line for everything new.
    """
    remedy = "" if account else f"; to add such runs, give `--account {OWN}`"
    refused: list[Entry] = []
    accepted: list[Entry] = []
    for entry in entries:
        (refused if _is_impersonation(entry, ledger, account) else accepted).append(entry)
    whole = ledger.extended(chain.from_iterable(map(_keys, accepted)), account or "", now)
    present = {entry.folder for entry in entries}
    placed = [_placed(entry, whole, present) for entry in accepted]
    notes = impersonation.notes_by_folder(placed)
    noted = [replace(entry, notes=(*entry.notes, *notes[entry.folder])) for entry in placed]
    rejected = [Rejected(entry.folder, (impersonation.TAKEN + remedy,)) for entry in refused]
    return noted, rejected, whole


def _is_impersonation(entry: Entry, ledger: Ledger, account: str | None) -> bool:
    """Return whether an entry uses the repository's name without being the repository's run."""
    if not impersonation.is_reserved(entry.submitter):
        return False
    line = ledger.find(entry.folder, entry.fingerprint.answers)
    sender = line.account if line else account
    return sender not in (OWN, None)


def _keys(entry: Entry) -> list[tuple[str, str]]:
    """Return the paths and digests of the ledger lines of an entry: its own, then its records'."""
    records = [(f"{entry.folder}/{FOLDER}/{row.file}", row.digest) for row in entry.records]
    return [(entry.folder, entry.fingerprint.answers), *records]


def _placed(entry: Entry, ledger: Ledger, present: set[str]) -> Entry:
    """Return an entry with its account, position and status from the ledger."""
    own, *records = (ledger.places[key] for key in _keys(entry))
    line = ledger.lines[own]
    same = [(place, ledger.lines[place]) for place in ledger.alike[line.digest]]
    # the same predictions in another folder: a renamed run keeps its position
    mine = [place for place, other in same if line.account and other.account == line.account]
    order = min([own, *mine])
    gone = [other for place, other in same if place < order and other.path not in present]
    others = [other for other in gone if line.account and other.account not in ("", line.account)]
    sent_before = [eligibility.SENT_BEFORE.format(row.path, row.account) for row in others[:1]]
    reproductions, status = [], entry.status
    for record, place in zip(entry.records, records, strict=True):
        sender = ledger.lines[place].account
        independent = not record.by_submitter and "" not in (sender, line.account)
        independent = independent and sender != line.account
        if record.agrees and independent and status == RECOMPUTED:
            status = REPRODUCED
        claim = f", {SAYS_SUBMITTER}" if record.agrees and not independent else ""
        reproductions.append(record.text + claim)
    return replace(
        entry,
        account=line.account,
        seen=ledger.lines[order].seen,
        order=order + 1,
        objections=(*entry.objections, *sent_before),
        status=status,
        reproductions=tuple(reproductions),
    )
