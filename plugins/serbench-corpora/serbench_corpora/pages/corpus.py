"""The datasets that pages describe: published ones, and a user's own, `toml:my.toml`."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

from serbench import About, Corpus, Fold, LabelSet, LeakageError, Protocol
from serbench.corpus import PARTS, held_out, sha256
from serbench.files import digest
from serbench.protocols.lookup import family
from serbench_corpora import subsets
from serbench_corpora.own.corpus import ABOUT, FOLDS, LABEL_SET
from serbench_corpora.own.split import NAMES
from serbench_corpora.pages import reader
from serbench_corpora.pages.page import Page
from serbench_corpora.pages.page import read as read_page

# ---- protocols ----


def _split_folds(corpus: Corpus) -> list[Fold]:
    """Return the one fold that the group `split` gives."""
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for utterance in corpus.utterances:
        part = NAMES.get(utterance.attributes.get("split", "").casefold())
        if part is not None:
            parts[part].append(utterance.id)
    train, validation, test = map(tuple, parts.values())
    if not validation:
        train, validation = held_out(corpus, train, test)
    return [Fold("1", train, validation, test)]


def _cross_speaker_folds(corpus: Corpus) -> list[Fold]:
    """Return a fold per speaker; a tenth of the training ids of each label validates.

    That tenth, at least one, are the ids with the lowest sha256.
    """
    folds = []
    for speaker in corpus.speakers:
        others = [u for u in corpus.utterances if u.speaker != speaker]
        validation: list[str] = []
        for label in corpus.labels:
            ids = sorted((u.id for u in others if u.label == label), key=sha256)
            validation += ids[: max(1, len(ids) // 10)]
        train = sorted({utterance.id for utterance in others}.difference(validation))
        test = corpus.of_speakers([speaker])
        folds.append(Fold(speaker, tuple(train), tuple(sorted(validation)), test))
    return folds


SPLIT = Protocol("split", "the corpus's own split into training, validation and test", _split_folds)
CROSS_SPEAKER = Protocol(
    "cross-speaker",
    "test on each speaker once; a tenth of the others' utterances of each label validates",
    _cross_speaker_folds,
    leaks="training and validation have the same speakers",
)

# ---- datasets ----


class PageCorpus:
    """Reads a corpus whose file names a page of TOML describes.

    Attributes:
        subset: a part of the corpus that the page names.
    """

    def __init__(self, path: Path, label_set: str = "", subset: str = subsets.ALL):
        self._path = path
        self._label_set = label_set or path.stem
        self._subset = subset

    @cached_property
    def page(self) -> Page:
        """The page; its file is opened at first use.

        Raises:
            SerbenchError: the page is missing or wrong.
        """
        return read_page(self._path, self._label_set)

    @property
    def about(self) -> About:
        """The corpus's origin and licence."""
        return self.page.about

    @property
    def label_sets(self) -> dict[str, LabelSet]:
        """All labels, then the sets that the page lists."""
        return subsets.labels(self.page.label_sets, self._part)

    @property
    def page_digest(self) -> str:
        """The digest of the page, and of the subset that is read."""
        chosen = {field: list(values) for field, values in self._part.items()}
        return digest([self.page.digest, chosen]) if chosen else self.page.digest

    @property
    def speaker_space(self) -> str:
        """The speakers of all subsets are the same people."""
        return self.page.name

    @property
    def _part(self) -> subsets.Subset:
        return self.page.subsets.get(self._subset, {})

    @property
    def shares_labels(self) -> bool:
        """Whether submissions may have the labels."""
        return self.page.shares_labels

    @property
    def unknown_speakers(self) -> bool:
        """Whether utterances may have no known speaker."""
        return bool(self.page.unknown_speakers) or "speaker" not in self.page.groups

    @property
    def protocols(self) -> Sequence[Protocol]:
        """The corpus's own split, and the default protocol if its sets share something."""
        rule = self.page.protocol
        own = [SPLIT] if "split" in self.page.groups else []
        if rule.kind != "declared":
            return own
        named = {protocol.name: protocol for protocol in (*own, CROSS_SPEAKER)}
        default = named.get(rule.default) or family(rule.default)
        return [replace(default, leaks=rule.reason), *(p for p in own if p.name != default.name)]

    @property
    def default_protocol(self) -> str:
        """The page's protocol; else a family, by the number of speakers.

        Raises:
            LeakageError: the page refuses to name one; the message says why and what to do.
        """
        rule, speakers = self.page.protocol, self.page.counts.speakers or len(self.page.speakers)
        if rule.kind == "refused":
            raise LeakageError(
                f"{self.page.name} has no protocol that keeps speakers apart: {rule.reason}. Name "
                "one that is never ranked, such as --protocol random:n=6, or a split of your own "
                "with --protocol file:path=split.csv,leaks=true"
            )
        return rule.default or ("loso" if 0 < speakers < FOLDS else f"kfold:n={FOLDS}")

    def manifest(self) -> None:
        """Return None: a page has counts, but does not list the utterances."""
        self.page  # noqa: B018 - a wrong page is told now

    def read(self, root: Path) -> Corpus:
        """Read the corpus below `root`, in any folders.

        Raises:
            CorpusError: the corpus is missing, incomplete or another edition.
        """
        return subsets.part(reader.read(self.page, root), self._part)

    def of_names(self, names: Sequence[str]) -> Corpus:
        """Return an utterance for each name of a file; see `serbench.contracts.NamingDataset`.

        Raises:
            CorpusError: the page has a table, or no name fits the page.
        """
        return subsets.part(reader.of_names(self.page, names), self._part)


class _About:
    """The origin of a user's corpus: that of its page, or of the class that `toml:` names."""

    def __get__(self, dataset: "Toml | None", owner: type) -> About:
        return ABOUT if dataset is None or dataset.is_nowhere else dataset.page.about


class Toml(PageCorpus):
    """Reads a corpus of your own that a page of TOML describes: one pattern of names, and labels.

    The audio is in SERBENCH_DATA/NAME, else beside the page; `--data DIR` names another folder.
    """

    about = _About()  # type: ignore[assignment]
    endings = (".toml",)
    shares_labels = True  # type: ignore[assignment] # only the owner can submit them
    speaker_space = ""  # type: ignore[assignment] # names of pages are not unique

    def __init__(self) -> None:
        super().__init__(Path(), LABEL_SET)

    @property
    def is_nowhere(self) -> bool:
        """Whether no page is named yet."""
        return self._path == Path()

    def at(self, place: Path) -> Self:
        """Return the dataset for the page at this path."""
        placed = copy.copy(self)
        placed.__dict__.pop("page", None)
        placed._path = place
        return placed
