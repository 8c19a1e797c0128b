"""Find names on submissions that look like the names of others."""

import functools
import re
from collections.abc import Iterator, Sequence

from serbench.leaderboard.ledger import OWN
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.submissions.submission import Submission
from serbench.protocols.lookalike_names import REMEMBERED, disguised, skeleton

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
    """
    first: dict[tuple[str, str], Entry] = {}
    notes: dict[str, list[str]] = {entry.folder: [] for entry in entries}
    for entry in sorted(entries, key=lambda entry: entry.age):
        for kind in ("submitter", "model", "checkpoint"):
            name = getattr(entry, kind)
            if disguise := _disguise(kind, name):
                notes[entry.folder].append(disguise)
            other = first.setdefault((kind, skeleton(name) or name), entry)
            theirs = getattr(other, kind)
            if theirs != name and (kind != "submitter" or entry.sender != other.sender):
                notes[entry.folder].append(
                    f"its {kind} {name!r} looks like {theirs!r} of {other.run}"
                )
    return notes
