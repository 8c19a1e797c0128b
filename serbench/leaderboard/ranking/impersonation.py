"""Find names on submissions that look like the names of others."""

import functools
import re
from collections.abc import Iterator, Sequence

from serbench.leaderboard.ledger import OWN
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.submissions.submission import Submission
from serbench.plugins import shipped
from serbench.protocols.lookalike_names import REMEMBERED, disguised, skeleton
from serbench.results import literature

TAKEN = (
    f"its submitter's name is {OWN}, or looks like it: that name is reserved for the "
    "repository's own runs"
)


@functools.lru_cache(maxsize=REMEMBERED)
def is_reserved(name: str) -> bool:
    """Return whether a name contains the repository's own name, or a word that looks like it."""
    return skeleton(OWN) in map(skeleton, [name, *re.split(r"[\W_]+", name)])


def remarks(submission: Submission) -> Iterator[str]:
    """Yield remarks on texts of a card that tables do not show."""
    model, code = submission.card.model, submission.card.code
    texts = {
        "description": model.description,
        "training data": model.training_data,
        "licence": model.licence,
        "code's address": code.address,
        "command to install it": code.install,
    }
    yield from filter(None, (_disguise(kind, text) for kind, text in texts.items()))


def _disguise(kind: str, text: str) -> str:
    letter = disguised(text)
    return f"its {kind} has a letter of another script or form: {letter}" if letter else ""


def notes_by_folder(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Return notes on suspicious names in submissions, by the submissions' folders.

    Args:
        entries: all entries of the board. Of two names that look alike, only the newer gets a note.
            A name that looks like one of the literature or of serbench gets a note in any case.
    """
    first: dict[tuple[str, str], Entry] = {}
    notes: dict[str, list[str]] = {entry.folder: [] for entry in entries}
    for entry in sorted(entries, key=lambda entry: entry.age):
        for kind in ("submitter", "model", "checkpoint"):
            name = getattr(entry, kind)
            if disguise := _disguise(kind, name):
                notes[entry.folder].append(disguise)
            if famous := _famous(name):
                notes[entry.folder].append(f"its {kind} {name!r} looks like {famous}")
            other = first.setdefault((kind, skeleton(name) or name), entry)
            theirs = getattr(other, kind)
            if theirs != name and (kind != "submitter" or entry.sender != other.sender):
                notes[entry.folder].append(
                    f"its {kind} {name!r} looks like {theirs!r} of {other.run}"
                )
        if not shipped.title(entry.model, entry.params) and (famous := _famous(entry.title)):
            notes[entry.folder].append(f"its title {entry.title!r} looks like {famous}")
    return {folder: list(dict.fromkeys(texts)) for folder, texts in notes.items()}


@functools.lru_cache(maxsize=REMEMBERED)
def _famous(name: str) -> str:
    """Return whose name a name looks like; "" if it is like none that a board shows.

    Of a path, `user/name` or `package.module:Name`, the last part is looked at as well.
    """
    names = _famous_names()
    parts = {skeleton(part) for part in (name, re.split("[/:]", name)[-1])}
    return next((names[part] for part in sorted(parts) if part in names), "")


@functools.cache
def _famous_names() -> dict[str, str]:
    """Return who has a name, by the name's skeleton."""
    names = {
        skeleton(name): f"{name!r}, a row of every table"
        for name in ("chance", "chance (majority)", "chance (stratified)")
    }
    names |= {skeleton(title): f"{title!r}, a title of serbench" for title in shipped.titles()}
    for row in literature.rows():
        published = f"{row.system!r}, published: {row.reference}"
        table = f"{row.system} ({row.reference}, Table {row.table})"
        for name in (row.system, f"{row.system} ({row.reference})", table):
            names.setdefault(skeleton(name), published)
        names[skeleton(row.reference)] = f"{row.reference!r} of the literature"
    return names
