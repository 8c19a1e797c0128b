"""The base class of users' own corpora: their label set and protocols."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from serbench import About, Corpus, LabelSet, LeakageError, Protocol
from serbench.protocols import speakers
from serbench_corpora.own import listing
from serbench_corpora.own.listing import Listing, Row
from serbench_corpora.own.split import NAME, OwnSplit, own_split

LABEL_SET = "original"
FOLDS = 5
ABOUT = About(
    title="a corpus of your own",
    licence="",
    size="",
    home="",
    obtain="it is yours: name its place behind the colon, or with --data",
    cite="",
)


class OwnCorpus:
    """A corpus that its owner describes without code; subclasses read the description.

    The label set `original` has all labels unchanged, sorted. The default protocol is the corpus's
    own split if there is one, else `kfold:n=5`, or `loso` with fewer than five speakers.
    """

    about = ABOUT
    endings: Sequence[str] = ()
    speakers: Literal["several", "single"] = "several"
    """"single": the user says that every utterance has a different speaker."""
    _place = Path()
    _partial = False
    """Whether the split may leave utterances out."""

    def at(self, place: Path) -> Self:
        """Return the dataset for the corpus that is described in this file or folder."""
        placed = copy.copy(self)
        placed.__dict__.pop("_listing", None)
        placed._place = place.resolve()  # paths are relative to the target of a link
        return placed

    def _read(self, place: Path) -> Listing:
        raise NotImplementedError

    def _collect(self, rows: Iterable[Row], folder: Path, source: Path, remedy: str) -> Listing:
        single = speakers.is_single(self)
        return listing.collect(rows, folder, source, remedy=remedy, single=single)

    @cached_property
    def _listing(self) -> Listing:
        return self._read(self._place)

    @property
    def _split(self) -> OwnSplit | None:
        return own_split(self._listing, self._place, self._partial)

    @property
    def label_sets(self) -> Mapping[str, LabelSet]:
        """All labels unchanged, sorted."""
        return {LABEL_SET: {label: label for label in self._listing.labels}}

    @property
    def protocols(self) -> Sequence[Protocol]:
        """The corpus's own split, if there is one."""
        return (self._split.protocol,) if self._split else ()

    @property
    def default_protocol(self) -> str:
        """The corpus's own split, or a protocol family that shares no speaker.

        Raises:
            LeakageError: the parts of the split share speakers, so the user must choose a protocol.
        """
        speakers_are_few = len(self._listing.speakers) < FOLDS
        family = "loso" if speakers_are_few else f"kfold:n={FOLDS}"
        split = self._split
        if split and split.leaks:
            raise LeakageError(
                f"the split of {self._place.name} leaks: {split.leaks}. Choose --protocol "
                f"{family}, which shares no speaker, or --protocol {NAME}, which is never ranked"
            )
        return NAME if split else family

    def manifest(self) -> Corpus:
        """Return the described corpus without paths; its audio need not exist."""
        bare = tuple(replace(utterance, path=None) for utterance in self._listing.utterances)
        return Corpus(self._place.name, self._listing.labels, bare, "raw", self._listing.remarks)

    def read(self, root: Path) -> Corpus:
        """Read the corpus that is described in `root`; all its files must exist.

        Raises:
            CorpusError: the description is broken, or files are missing.
        """
        root = root.resolve()
        described = self._listing if root == self._place else self._read(root)
        utterances = listing.present(described, root)
        return Corpus(root.name, described.labels, utterances, "raw", described.remarks)
