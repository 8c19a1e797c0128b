"""Offer a corpus's own split into training, validation and test set as the protocol `split`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serbench import Corpus, CorpusError, Fold, Protocol, held_out
from serbench.corpus import PARTS
from serbench_corpora.audio_tree import listed
from serbench_corpora.own.listing import Listing

NAME = "split"
NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


@dataclass(frozen=True)
class OwnSplit:
    """A corpus's own split: the part of each utterance."""

    parts: Mapping[str, str]  # from an utterance's id to "train", "validation" or "test"
    shared: tuple[str, ...]  # the speakers that are in more than one part, sorted
    left_out: int = 0  # how many utterances are in no part

    @property
    def protocol(self) -> Protocol:
        """The protocol `split`, with one fold."""
        counts = Counter(self.parts.values())
        sizes = ", ".join(f"{counts[part]} {part}" for part in PARTS if counts[part])
        drawn = "" if counts["validation"] else "; validation is drawn from training"
        left = f"; {self.left_out} are in no set" if self.left_out else ""
        summary = f"the corpus's own split: {sizes} utterances{drawn}{left}"
        return Protocol(NAME, summary, self.folds, self.leaks)

    @property
    def leaks(self) -> str:
        """The reason why the split leaks, or ""."""
        if not self.shared:
            return ""
        subject = "speaker is" if len(self.shared) == 1 else "speakers are"
        return f"{len(self.shared)} {subject} in more than one of its sets: {listed(self.shared)}"

    def folds(self, corpus: Corpus) -> list[Fold]:
        """Return the one fold, of the utterances that the corpus's label set keeps."""
        train, validation, test = (
            tuple(key for key in corpus.by_id if self.parts.get(key) == part) for part in PARTS
        )
        if "validation" not in self.parts.values():
            train, validation = held_out(corpus, train, test)
        return [Fold("1", train, validation, test)]


def own_split(listing: Listing, source: Path, partial: bool = False) -> OwnSplit | None:
    """Return the split of a corpus, or None without one or if one part has all utterances.

    If `partial`, utterances may be in no part.

    Raises:
        CorpusError: a part has an unknown name, or there is no training or no test set.
    """
    parts = {}
    for key, name in listing.splits.items():
        if partial and not name:
            continue
        if name.casefold() not in NAMES:
            raise CorpusError(
                f"{listing.lines[key]}: the split is {name!r}, but must be train, validation or "
                "test; ,split= behind the path reads no split"
            )
        parts[key] = NAMES[name.casefold()]
    used = set(parts.values())
    if len(used) < 2:
        return None
    for part in ("train", "test"):
        if part not in used:
            raise CorpusError(
                f"{source} splits the corpus into {' and '.join(sorted(used))}, without a {part} "
                "set: add one, or write ,split= behind the path to read no split"
            )
    pairs = {(u.speaker, parts[u.id]) for u in listing.utterances if u.id in parts}
    counts = Counter(speaker for speaker, _ in pairs)
    shared = tuple(sorted(speaker for speaker, count in counts.items() if count > 1))
    return OwnSplit(parts, shared, len(listing.utterances) - len(parts))
