"""Find names on submissions that look like the names of others."""

import functools
import re
from collections.abc import Iterator, Sequence

from serbench.leaderboard.ledger import OWN
from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.submissions.submission import Sent
from serbench.lookalike_names import REMEMBERED, disguised, skeleton

TAKEN = (
    f"its submitter is called {OWN}, or looks like it: that name is reserved for the "
    "repository's own runs"
)


@functools.lru_cache(maxsize=REMEMBERED)
def reserved(name: str) -> bool:
    """Return whether a name contains the repository's own, or something that looks like it."""
    parts = [name, *re.split(r"[\W_]+", name)]
    return any(skeleton(part) == skeleton(OWN) for part in parts)


def remarks(sent: Sent) -> Iterator[str]:
    """Yield remarks on the texts of a card that no table shows."""
    card = sent.card
    said = {
        "description": card.model.description,
        "training data": card.model.training_data,
        "licence": card.model.licence,
        "code's address": card.code.address,
        "command to install it": card.code.install,
    }
    for what, text in said.items():
        if odd := disguised(text):
            yield f"its {what} has a letter of another script or form: {odd}"


def among(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Return remarks on the names in each folder's submission.

    Args:
        entries: of the whole board. Of two names that look alike, only the newer gets a remark.
    """
    first: dict[tuple[str, str], Entry] = {}
    found: dict[str, list[str]] = {}
    for entry in sorted(entries, key=lambda one: one.age):
        for kind in ("submitter", "model", "checkpoint"):
            name = getattr(entry, kind)
            if odd := disguised(name):
                words = f"its {kind} has a letter of another script or form: {odd}"
                found.setdefault(entry.folder, []).append(words)
            other = first.setdefault((kind, skeleton(name) or name), entry)
            theirs = getattr(other, kind)
            if theirs != name and (kind != "submitter" or entry.sender != other.sender):
                words = f"its {kind} {name!r} looks like {theirs!r} of {other.run}"
                found.setdefault(entry.folder, []).append(words)
    return found
