"""What a submission is held against: its corpus and protocol, as this installation knows them."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from serbench import datasets
from serbench.contracts import PathDataset
from serbench.corpus import Corpus, Fold, Protocol, protocol_digest
from serbench.errors import (
    BadParameter,
    CorpusError,
    MissingRequirement,
    PluginError,
    SerbenchError,
    UnknownName,
)
from serbench.parameters import checked, parse_name, settable, typed
from serbench.plugins import registry
from serbench.protocols import leakage, lookup
from serbench.protocols.families import FAMILIES
from serbench.protocols.leakage import Overlaps
from serbench.settings import Settings

KEPT = 16  # of the commonest settings: a leaderboard of hundreds has few


class NotAtHand(SerbenchError):
    """The corpus is not known here, or its licence keeps it and it is not on this machine."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A corpus under a label set, and the folds of a protocol on it; there is one of each.

    Attributes:
        corpus: from its manifest, or from this disk where its licence keeps that.
        folds: in the protocol's order.
        leaks: why its sets share speakers or audio, or "".
        digest: of the protocol on this corpus.
        shared: the speakers that the sets of each fold share.
        licensed: its labels must not be in a submission.
    """

    corpus: Corpus
    folds: tuple[Fold, ...]
    leaks: str
    digest: str
    shared: tuple[Overlaps, ...]
    licensed: bool

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Of each utterance its label, as position in the labels."""
        place = {label: index for index, label in enumerate(self.corpus.labels)}
        return {one: place[found.label] for one, found in self.corpus.by_id.items()}

    @cached_property
    def speakers(self) -> Mapping[str, str]:
        """Of each utterance its speaker."""
        return {one: found.speaker for one, found in self.corpus.by_id.items()}


def licensed(dataset: str, places: Settings) -> bool:
    """Whether the corpus's licence keeps its labels with its holders.

    Raises:
        NotAtHand: nobody here knows the corpus.
        SerbenchError: a parameter of it is wrong.
    """
    return _source(dataset, places).dataset.manifest() is None


def _source(dataset: str, places: Settings) -> datasets.Source:
    name = dataset.partition(":")[0]
    try:
        target: Any = registry.load(registry.find("dataset", name))
    except (UnknownName, MissingRequirement, PluginError) as error:
        with contextlib.suppress(BadParameter):  # it may be named by its place, not by parameters
            _require_spelling(dataset, *parse_name(dataset))
        raise NotAtHand(f"the corpus {name} is not known here: {error}") from error
    if isinstance(target, PathDataset):
        return _owned(dataset, places)
    _, given = parse_name(dataset)
    known = settable(target)
    values = checked(name, known, given)
    _require_spelling(
        dataset, name, {one: value for one, value in values.items() if value != known[one][1]}
    )
    return datasets.find(dataset, places)


def _owned(dataset: str, places: Settings) -> datasets.Source:
    """A corpus of somebody's own, which only its name tells of; once it is here and can be read."""
    source = datasets.named(dataset, places)
    if not source.root.exists():
        raise NotAtHand(
            f"{dataset} is a corpus of the submitter's own: whoever has it as "
            f"$SERBENCH_DATA/{dataset.partition(':')[0]}/{source.root.name} can work everything "
            "out anew"
        )
    try:
        source.dataset.manifest()
    except CorpusError as error:
        raise NotAtHand(f"{dataset}, a corpus of the submitter's own: {error}") from error
    return source


def _require_spelling(dataset: str, name: str, others: Mapping[str, object]) -> None:
    """One corpus has one name: two would be two tables."""
    words = ",".join(typed(one, value) for one, value in sorted(others.items()))
    canonical = f"{name}:{words}" if words else name
    if dataset != canonical:
        raise SerbenchError(f"its dataset is called {canonical} here, not {dataset}")


@dataclass(frozen=True)
class Declared:
    """What is known of a protocol without the corpus.

    Attributes:
        leaks: why its sets share speakers or audio, or "".
        folds: how many it has; None where only the corpus can tell.
    """

    leaks: str
    folds: int | None


@lru_cache(maxsize=KEPT)
def declared(dataset: str, protocol: str, places: Settings) -> Declared:
    """What is known of a protocol where the corpus is not at hand.

    Raises:
        NotAtHand: the protocol is the corpus's own, and nobody here knows that.
        SerbenchError: the corpus has no such protocol, or it is written otherwise.
    """
    _require_no_file(protocol)
    name, given = parse_name(protocol)
    try:
        source = _source(dataset, places)
    except NotAtHand:
        if name not in FAMILIES:
            raise
        make = FAMILIES[name]
        found = make(**checked(f"protocol {name}", settable(make), given))
    else:
        found = lookup.find_protocol(protocol, source.dataset)
        try:
            outline = datasets.outline(source)
        except CorpusError:
            pass  # nothing is known of it before it is here
        else:
            _require_called(found, protocol)
            return Declared(found.leaks, len(lookup.make_folds(found, outline)))
    _require_called(found, protocol)
    return Declared(found.leaks, found.n)


def _require_no_file(protocol: str) -> None:
    if protocol.partition(":")[0].strip() == "file" or protocol.strip().endswith(".csv"):
        raise SerbenchError(
            "its protocol is a file that nobody else has: offer the split as a protocol of a "
            "plugin, and run it under that name"
        )


def _require_called(found: Protocol, protocol: str) -> None:
    if found.name != protocol:
        raise SerbenchError(f"its protocol is called {found.name} here, not {protocol}")


@lru_cache(maxsize=KEPT)
def find(dataset: str, labels: str, protocol: str, places: Settings) -> Reference:
    """The corpus and the folds of these names.

    Args:
        dataset: its name with parameters.
        labels: the label set's name.
        protocol: its name with parameters.
        places: where a corpus is looked for whose licence keeps its labels.

    Raises:
        NotAtHand: nobody here knows the corpus, or has it.
        SerbenchError: it has no such label set or protocol, or the protocol is a file.
    """
    _require_no_file(protocol)
    source = _source(dataset, places)
    kept = source.dataset.manifest() is None
    datasets.label_set_name(source, labels)
    found = lookup.find_protocol(protocol, source.dataset)
    _require_called(found, protocol)
    try:
        corpus = datasets.manifest(source, labels)
    except CorpusError as error:
        raise NotAtHand(f"the corpus is not on this machine: {error}") from error
    folds = tuple(lookup.make_folds(found, corpus))
    shared = tuple(leakage.shared_speakers(corpus, fold) for fold in folds)
    return Reference(corpus, folds, found.leaks, protocol_digest(folds), shared, kept)
