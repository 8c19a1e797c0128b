"""What corpora of one's own have in common: labels as found, and a split that shares no speaker."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from serbench.contracts import About
from serbench.corpus import Corpus, LabelSet, Protocol
from serbench.errors import LeakageError
from serbench.protocols import speakers
from serbench_corpora.own import rows
from serbench_corpora.own.rows import Listed, Row
from serbench_corpora.own.split import NAME, OwnSplit, of

LABEL_SET = "original"
FOLDS = 5
ABOUT = About(
    title="a corpus of its owner's",
    licence="known to its owner",
    size="known to its owner",
    home="with its owner",
    obtain="it is yours: name its place behind the colon, or with --data",
    cite="ask its owner",
)


class Own:
    """A corpus that its owner describes, without code; subclasses read the description.

    The label set `original` is all labels as found, in sorted order. The default protocol is the
    corpus's own split where it has one, else `kfold:n=5`, or `loso` with fewer than five speakers.
    """

    about = ABOUT
    endings: Sequence[str] = ()
    _place = Path()
    speakers: Literal["several", "single"] = "several"
    """"single": the user says that every utterance has a different speaker."""
    _in_part = False
    """Its split may leave utterances out."""

    def at(self, place: Path) -> Self:
        """The corpus that is described in this place."""
        made = copy.copy(self)
        made.__dict__.pop("_listed", None)
        made._place = place.resolve()  # paths are relative to where a link leads
        return made

    def _read(self, place: Path) -> Listed:
        raise NotImplementedError

    def _collected(self, found: Iterable[Row], place: Path, source: Path, mend: str) -> Listed:
        single = speakers.is_single(self)
        return rows.collected(found, place, source, mend=mend, single=single)

    @cached_property
    def _listed(self) -> Listed:
        return self._read(self._place)

    @property
    def _split(self) -> OwnSplit | None:
        return of(self._listed, self._place, self._in_part)

    @property
    def label_sets(self) -> Mapping[str, LabelSet]:
        """All labels as found, in sorted order."""
        return {LABEL_SET: {label: label for label in self._listed.labels}}

    @property
    def protocols(self) -> Sequence[Protocol]:
        """Its own split, where it has one."""
        split = self._split
        return () if split is None else (split.protocol,)

    @property
    def default_protocol(self) -> str:
        """Its own split, or a family that shares no speaker.

        Raises:
            LeakageError: its own split shares speakers, so that nobody should get it unasked.
        """
        few = len(self._listed.speakers) < FOLDS
        family = "loso" if few else f"kfold:n={FOLDS}"
        split = self._split
        if split is None:
            return family
        if split.leaks:
            raise LeakageError(
                f"the split of {self._place.name} leaks: {split.leaks}. Choose --protocol "
                f"{family}, which shares none, or --protocol {NAME}, which is never "
                "ranked"
            )
        return NAME

    def manifest(self) -> Corpus:
        """The corpus as it is described, whether its audio is there or not."""
        found = self._listed
        bare = tuple(replace(one, path=None) for one in found.utterances)
        return Corpus(self._place.name, found.labels, bare, "raw", found.remarks)

    def read(self, root: Path) -> Corpus:
        """The corpus that is described in `root`, whose files must all be there.

        Raises:
            CorpusError: the description is broken, or files are missing.
        """
        root = root.resolve()
        found = self._listed if root == self._place else self._read(root)
        utterances = rows.present(found, root)
        return Corpus(root.name, found.labels, utterances, "raw", found.remarks)
