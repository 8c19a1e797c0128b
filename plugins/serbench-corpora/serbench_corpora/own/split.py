"""A corpus's own split into training, validation and test set, as the protocol `split`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serbench.corpus import PARTS, Corpus, Fold, Protocol
from serbench.errors import CorpusError
from serbench.protocols.families import held_out
from serbench_corpora.audio_tree import listed
from serbench_corpora.own.rows import Listed

NAME = "split"
NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


@dataclass(frozen=True)
class OwnSplit:
    """Which utterances are in which set.

    Attributes:
        parts: "train", "validation" or "test" of each utterance that is in one, by id.
        shared: the speakers that are in more than one set, sorted.
        left_out: how many utterances are in none.
    """

    parts: Mapping[str, str]
    shared: tuple[str, ...]
    left_out: int = 0

    @property
    def protocol(self) -> Protocol:
        """The one fold of it."""
        sizes = [(part, list(self.parts.values()).count(part)) for part in PARTS]
        counts = ", ".join(f"{count} {part}" for part, count in sizes if count)
        drawn = "" if self.validates else "; validation is drawn from training"
        left = f"; {self.left_out} are in no set" if self.left_out else ""
        summary = f"the corpus's own split: {counts} utterances{drawn}{left}"
        return Protocol(NAME, summary, self.folds, self.leaks)

    @property
    def validates(self) -> bool:
        """It has a validation set of its own."""
        return "validation" in self.parts.values()

    @property
    def leaks(self) -> str:
        """Why it leaks, or ""."""
        if not self.shared:
            return ""
        some = "speaker is" if len(self.shared) == 1 else "speakers are"
        return f"{len(self.shared)} {some} in more than one of its sets: {listed(self.shared)}"

    def folds(self, corpus: Corpus) -> list[Fold]:
        """The fold, of those utterances that the label set in hand has."""
        train, validation, test = (
            tuple(one for one in corpus.by_id if self.parts.get(one) == part) for part in PARTS
        )
        if not self.validates:
            train, validation = held_out(corpus, train, test)
        return [Fold("1", train, validation, test)]


def of(found: Listed, source: Path, in_part: bool = False) -> OwnSplit | None:
    """The split of a corpus; None where its owner made none.

    One value for all splits nothing, and counts as none.

    Args:
        found: the corpus.
        source: where it is described, for the messages.
        in_part: utterances may be in none of the sets.

    Raises:
        CorpusError: a set has another name, or there is no training or no test set.
    """
    parts = {}
    for one, text in found.splits.items():
        if in_part and not text:
            continue
        if text.casefold() not in NAMES:
            raise CorpusError(
                f"{found.lines[one]}: the split is {text!r}, but must be train, validation or "
                "test; ,split= behind the path reads no split"
            )
        parts[one] = NAMES[text.casefold()]
    there = set(parts.values())
    if len(there) < 2:
        return None
    for part in ("train", "test"):
        if part not in there:
            raise CorpusError(
                f"{source} splits the corpus into {' and '.join(sorted(there))}, without a {part} "
                "set: add one, or write ,split= behind the path to read no split"
            )
    return OwnSplit(parts, _shared(found, parts), len(found.utterances) - len(parts))


def _shared(found: Listed, parts: Mapping[str, str]) -> tuple[str, ...]:
    sets: dict[str, set[str]] = {}
    for one in found.utterances:
        if one.id in parts:
            sets.setdefault(one.speaker, set()).add(parts[one.id])
    return tuple(sorted(speaker for speaker, inside in sets.items() if len(inside) > 1))
