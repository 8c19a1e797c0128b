"""Names on submissions that pass for those of others."""

import functools
import re
from collections.abc import Iterator, Sequence

from serbench.leaderboard.entries import Entry
from serbench.leaderboard.ledger import OWN
from serbench.leaderboard.submission import Sent
from serbench.lookalikes import REMEMBERED, disguised, skeleton

TAKEN = (
    f"it calls its submitter {OWN}, or what looks like it: that name is reserved for the "
    "repository's own runs"
)


@functools.lru_cache(maxsize=REMEMBERED)
def reserved(name: str) -> bool:
    """Whether a name has the repository's own in it, or something that looks like it."""
    parts = [name, *re.split(r"[\W_]+", name)]
    return any(skeleton(part) == skeleton(OWN) for part in parts)


def remarks(sent: Sent) -> Iterator[str]:
    """What somebody should look at in the texts of a card that no table shows."""
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
    """Return what somebody should look at in the names of each folder's submission.

    Args:
        entries: of the whole board. Of two names that look alike the older one is fine.
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
