"""Look up in the ledger who sent each submission, and who was first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from serbench.leaderboard.ledger import OWN, Ledger, Line
from serbench.leaderboard.ranking import impersonation
from serbench.leaderboard.ranking.entry import REPRODUCED, SAYS_SUBMITTER, Entry
from serbench.results import eligibility


@dataclass(frozen=True)
class Origins:
    """The entries of a board with what the ledger says of them.

    Attributes:
        entries: with their account, their order, and a status by the records that count.
        refused: folders that are not accepted, each with the reason.
        ledger: with a line for everything that was not in it before.
    """

    entries: list[Entry]
    refused: dict[str, str]
    ledger: Ledger


def origins(entries: Sequence[Entry], ledger: Ledger, account: str | None, now: str) -> Origins:
    """Look up entries in the ledger, and add those that are missing.

    Args:
        entries: of the whole board.
        ledger: as it is.
        account: who sends what is new; "" if unknown, None if nobody was asked.
        now: the time that new lines get.
    """
    refused = {one.folder: _refusal(account) for one in entries if _taken(one, ledger, account)}
    taken = [one for one in entries if one.folder not in refused]
    new = [thing for one in taken for thing in _things(one)]
    whole = ledger.extended(new, account or "", now)
    present = {one.folder for one in entries}
    placed = [_placed(one, whole, present) for one in taken]
    notes = impersonation.among(placed)
    named = [replace(one, notes=(*one.notes, *notes.get(one.folder, ()))) for one in placed]
    return Origins(named, refused, whole)


def _taken(entry: Entry, ledger: Ledger, account: str | None) -> bool:
    """Return whether an entry uses the repository's name without being its own."""
    if not impersonation.reserved(entry.submitter):
        return False
    line = ledger.find(entry.folder, entry.traces.answers)
    sender = line.account if line else account
    return sender not in (OWN, None)


def _refusal(account: str | None) -> str:
    remedy = "" if account else f"; to add those, give `--account {OWN}`"
    return impersonation.TAKEN + remedy


def _things(entry: Entry) -> list[tuple[str, str]]:
    """Return what the ledger has of an entry: itself and its records, each with its digest."""
    records = [(_named(entry, one.file), one.digest) for one in entry.records]
    return [(entry.folder, entry.traces.answers), *records]


def _named(entry: Entry, file: str) -> str:
    return f"{entry.folder}/reproductions/{file}"


def _placed(entry: Entry, ledger: Ledger, present: set[str]) -> Entry:
    """Return an entry with what the ledger says of it."""
    answers = entry.traces.answers
    own = ledger.places[entry.folder, answers]
    line = ledger.lines[own]
    alike = [(at, ledger.lines[at]) for at in ledger.alike[answers]]
    # the same answers in a folder of another name: a run that was renamed keeps its place
    mine = [at for at, one in alike if line.account and one.account == line.account]
    order = min([own, *mine])
    gone = [one for at, one in alike if at < order and one.what not in present]
    counting = [_separate(entry, line, ledger, at) for at in range(len(entry.records))]
    agreed = any(one.agrees for one, yes in zip(entry.records, counting, strict=True) if yes)
    return replace(
        entry,
        account=line.account,
        seen=ledger.lines[order].seen,
        order=order + 1,
        objections=(*entry.objections, *_sent_before(line, gone)),
        status=REPRODUCED if agreed and entry.status == "recomputed" else entry.status,
        reproductions=tuple(
            one.words + ("" if yes or not one.agrees else f", {SAYS_SUBMITTER}")
            for one, yes in zip(entry.records, counting, strict=True)
        ),
    )


def _sent_before(line: Line, gone: Sequence[Line]) -> list[str]:
    """Return why an entry with the answers of another account's removed run has no rank."""
    others = [one for one in gone if line.account and one.account not in ("", line.account)]
    return [eligibility.SENT_BEFORE.format(one.what, one.account) for one in others[:1]]


def _separate(entry: Entry, line: Line, ledger: Ledger, at: int) -> bool:
    """Return whether, by the ledger, another account than the submitter's sent a record."""
    record = entry.records[at]
    sent = ledger.find(_named(entry, record.file), record.digest)
    return (
        sent is not None
        and not record.by_submitter
        and "" not in (sent.account, line.account)
        and sent.account != line.account
    )
