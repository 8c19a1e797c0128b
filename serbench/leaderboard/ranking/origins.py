"""Look up in the ledger who sent each submission, and who was first."""

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
        entries: of the whole board.
        ledger: of earlier builds.
        account: who sends what is new; "" if unknown, None if the sender was not asked for.
        now: the time that new lines get.

    Returns:
        The entries with their account, their order, and a status by the records that count; those
        that use the repository's name; and the ledger with a line for everything new.
    """
    remedy = "" if account else f"; to add those, give `--account {OWN}`"
    refused: list[Entry] = []
    accepted: list[Entry] = []
    for entry in entries:
        (refused if _is_impersonation(entry, ledger, account) else accepted).append(entry)
    whole = ledger.extended(chain.from_iterable(map(_keys, accepted)), account or "", now)
    present = {entry.folder for entry in entries}
    placed = [_placed(entry, whole, present) for entry in accepted]
    notes = impersonation.notes_by_folder(placed)
    noted = [replace(one, notes=(*one.notes, *notes[one.folder])) for one in placed]
    return noted, [Rejected(one.folder, (impersonation.TAKEN + remedy,)) for one in refused], whole


def _is_impersonation(entry: Entry, ledger: Ledger, account: str | None) -> bool:
    """Return whether an entry uses the repository's name without being its own."""
    if not impersonation.is_reserved(entry.submitter):
        return False
    line = ledger.find(entry.folder, entry.fingerprint.answers)
    sender = line.account if line else account
    return sender not in (OWN, None)


def _keys(entry: Entry) -> list[tuple[str, str]]:
    """Return what the ledger has of an entry: itself and its records, each with its digest."""
    records = [(f"{entry.folder}/{FOLDER}/{one.file}", one.digest) for one in entry.records]
    return [(entry.folder, entry.fingerprint.answers), *records]


def _placed(entry: Entry, ledger: Ledger, present: set[str]) -> Entry:
    """Return an entry with what the ledger says of it."""
    own, *records = (ledger.places[key] for key in _keys(entry))
    line = ledger.lines[own]
    same = [(place, ledger.lines[place]) for place in ledger.alike[line.digest]]
    # the same answers in a folder of another name: a run that was renamed keeps its place
    mine = [place for place, other in same if line.account and other.account == line.account]
    order = min([own, *mine])
    gone = [other for place, other in same if place < order and other.path not in present]
    others = [other for other in gone if line.account and other.account not in ("", line.account)]
    sent_before = [eligibility.SENT_BEFORE.format(one.path, one.account) for one in others[:1]]
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
