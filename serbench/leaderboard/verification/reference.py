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
    """A corpus under a label set, and the folds of a protocol on it; there is one of each."""

    corpus: Corpus  # from its manifest, or from this disk if its licence keeps that
    folds: tuple[Fold, ...]  # in the protocol's order
    leaks: str  # why its sets share speakers or audio, or ""
    digest: str  # of the protocol on this corpus
    shared: tuple[Overlaps, ...]  # the speakers that the sets of each fold share
    is_licensed: bool  # labels must not be in a submission

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The label of each utterance, as position in the labels."""
        place = {label: index for index, label in enumerate(self.corpus.labels)}
        return {name: place[one.label] for name, one in self.corpus.by_id.items()}

    @cached_property
    def speakers(self) -> Mapping[str, str]:
        """The speaker of each utterance."""
        return {name: one.speaker for name, one in self.corpus.by_id.items()}


@lru_cache(maxsize=KEPT)
def find(dataset: str, labels: str, protocol: str, places: Settings) -> Reference:
    """Return the corpus and the folds of these names, as a submission spells them.

    Args:
        dataset: its name with parameters.
        labels: the label set's name.
        protocol: its name with parameters.
        places: where a corpus is looked for whose licence keeps its labels.

    Raises:
        NotAtHand: the corpus is not known here, or not on this machine.
        SerbenchError: it has no such label set or protocol, or the protocol is a file.
    """
    _require_no_file(protocol)
    source = _source(dataset, places)
    datasets.label_set_name(source, labels)
    offered = _spelled(lookup.find_protocol(protocol, source.dataset), protocol)
    try:
        corpus = datasets.manifest(source, labels)
    except CorpusError as error:
        raise NotAtHand(f"the corpus is not on this machine: {error}") from error
    folds = tuple(lookup.make_folds(offered, corpus))
    return Reference(
        corpus,
        folds,
        offered.leaks,
        protocol_digest(folds),
        tuple(leakage.shared_speakers(corpus, fold) for fold in folds),
        is_licensed(dataset, places),
    )


@lru_cache(maxsize=KEPT)
def declared(dataset: str, protocol: str, places: Settings) -> tuple[str, int | None]:
    """Return what is known of a protocol if the corpus is not at hand.

    Returns:
        Why its sets share speakers or audio, or ""; and how many folds it has, or None if only the
        corpus can tell.

    Raises:
        NotAtHand: the protocol is the corpus's own, and the corpus is not known here.
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
        family = make(**checked(f"protocol {name}", settable(make), given))
        return _spelled(family, protocol).leaks, family.n
    offered = _spelled(lookup.find_protocol(protocol, source.dataset), protocol)
    try:
        return offered.leaks, len(lookup.make_folds(offered, datasets.outline(source)))
    except CorpusError:  # there is no outline before the corpus is here
        return offered.leaks, offered.n


def is_licensed(dataset: str, places: Settings) -> bool:
    """Return whether the corpus's licence keeps its labels with its holders.

    Raises:
        NotAtHand: the corpus is not known here.
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
        return _own_source(dataset, places)
    known = settable(target)
    values = checked(name, known, parse_name(dataset)[1])
    changed = {key: value for key, value in values.items() if value != known[key][1]}
    _require_spelling(dataset, name, changed)
    return datasets.find(dataset, places)


def _own_source(dataset: str, places: Settings) -> datasets.Source:
    """Return a corpus of the submitter's own, if it is here and can be read."""
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


def _require_spelling(dataset: str, name: str, params: Mapping[str, object]) -> None:
    """One corpus has one name: two would be two tables."""
    options = ",".join(typed(key, value) for key, value in sorted(params.items()))
    canonical = f"{name}:{options}" if options else name
    if dataset != canonical:
        raise SerbenchError(f"its dataset is called {canonical} here, not {dataset}")


def _require_no_file(protocol: str) -> None:
    if protocol.partition(":")[0].strip() == "file" or protocol.strip().endswith(".csv"):
        raise SerbenchError(
            "its protocol is a file that nobody else has: offer the split as a protocol of a "
            "plugin, and run it under that name"
        )


def _spelled(protocol: Protocol, name: str) -> Protocol:
    """Return a protocol, once the submission spells its name as it is here."""
    if protocol.name != name:
        raise SerbenchError(f"its protocol is called {protocol.name} here, not {name}")
    return protocol
