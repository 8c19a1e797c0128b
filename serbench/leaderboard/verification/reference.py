"""The reference that a submission is checked against: its corpus and protocol as installed here."""

import contextlib
import re
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
from serbench.parameters import parse_name, spelled
from serbench.plugins import registry
from serbench.protocols import leakage, lookup
from serbench.protocols.families import FAMILIES
from serbench.protocols.leakage import Overlaps
from serbench.settings import Settings

KEPT = 16  # settings: a leaderboard with hundreds of runs has only a few


class NotAtHand(SerbenchError):
    """The corpus is not installed here, or it is licensed and not on this machine."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A corpus under a label set, and the folds of a protocol on it; the same object every time."""

    corpus: Corpus  # from its manifest, or from this disk if its licence forbids a manifest
    folds: tuple[Fold, ...]  # in the protocol's order
    leaks: str  # why its sets share speakers or audio, or ""
    digest: str  # of the protocol on this corpus
    shared: tuple[Overlaps, ...]  # the speakers that the sets of each fold share
    is_licensed: bool  # whether the labels must not be in a submission

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The label of each utterance, as a position in the label set."""
        place = {label: index for index, label in enumerate(self.corpus.labels)}
        return {name: place[utterance.label] for name, utterance in self.corpus.by_id.items()}

    @cached_property
    def speakers(self) -> Mapping[str, str]:
        """The speaker of each utterance."""
        return {name: utterance.speaker for name, utterance in self.corpus.by_id.items()}


@lru_cache(maxsize=KEPT)
def find(dataset: str, labels: str, protocol: str, places: Settings) -> Reference:
    """Return the reference for the names that a submission has.

    Args:
        dataset: name of the dataset, with parameters.
        labels: name of the label set.
        protocol: name of the protocol, with parameters.
        places: folders of this machine, where licensed corpora are looked up.

    Raises:
        NotAtHand: the corpus is not installed here, or not on this machine.
        SerbenchError: it has no such label set or protocol, or the protocol is a file.
    """
    _require_no_file(protocol)
    source = _source(dataset, places)
    spelled = datasets.label_set_name(source, labels)
    if spelled != labels:
        raise SerbenchError(f"its label set is called {spelled} here, not {labels}")
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
    """Return what can be known about a protocol without the corpus.

    Returns:
        Why its sets share speakers or audio, or ""; and its number of folds, or None if that
        depends on the corpus.

    Raises:
        NotAtHand: the protocol is defined by the corpus, and the corpus is not installed here.
        SerbenchError: the corpus has no such protocol, or its name is spelled differently.
    """
    _require_no_file(protocol)
    try:
        source = _source(dataset, places)
    except NotAtHand:
        name, given = parse_name(protocol)
        if not {name, parse_name(str(given.get("base", name)))[0]} <= FAMILIES.keys():
            raise
        family = lookup.family(protocol)
        return _spelled(family, protocol).leaks, family.n
    offered = _spelled(lookup.find_protocol(protocol, source.dataset), protocol)
    try:
        return offered.leaks, len(lookup.make_folds(offered, datasets.outline(source)))
    except CorpusError:  # the outline needs the corpus on this machine
        return offered.leaks, offered.n


def is_licensed(dataset: str, places: Settings) -> bool:
    """Return whether the corpus's licence forbids sharing its labels.

    Raises:
        NotAtHand: the corpus is not installed here.
        SerbenchError: a parameter of the dataset is wrong.
    """
    return datasets.is_licensed(_source(dataset, places).dataset)


def _source(dataset: str, places: Settings) -> datasets.Source:
    name = dataset.partition(":")[0]
    try:
        target: Any = registry.load(registry.find("dataset", name))
    except (UnknownName, MissingRequirement, PluginError) as error:
        with contextlib.suppress(BadParameter):  # the name may have a path instead of parameters
            _require_spelling(dataset, spelled(*parse_name(dataset)))
        raise NotAtHand(f"the corpus {name} is not installed here: {error}") from error
    if isinstance(target, PathDataset):
        return _own_source(dataset, places)
    if target is datasets.JointDataset:
        for part in datasets.joined(dataset):
            _source(part, places)  # is it at hand?
    source = datasets.find(dataset, places)
    _require_spelling(dataset, source.spec)
    return source


def _own_source(dataset: str, places: Settings) -> datasets.Source:
    """Return a submitter's own corpus, if it is on this machine and can be read."""
    source = datasets.named(dataset, places)
    place = source.page or source.root
    if not place.exists():
        raise NotAtHand(
            f"{dataset} is the submitter's own corpus: a machine that has it as "
            f"$SERBENCH_DATA/{dataset.partition(':')[0]}/{place.name} can recompute "
            "everything"
        )
    try:
        source.dataset.manifest()
    except CorpusError as error:
        raise NotAtHand(f"{dataset}, the submitter's own corpus: {error}") from error
    return source


def _require_spelling(dataset: str, canonical: str) -> None:
    """Refuse a second name for a corpus, which would make a second table."""
    if dataset != canonical:
        raise SerbenchError(f"its dataset is called {canonical} here, not {dataset}")


def _require_no_file(protocol: str) -> None:
    # a protocol may also be made from a file: speaker-dependent:base=file:path=split.csv
    if "file" in re.split(r"[:=,\s]+", protocol) or ".csv" in protocol:
        raise SerbenchError(
            "its protocol is a file that only the submitter has: add the split to a plugin as a "
            "protocol, and run it under that name"
        )


def _spelled(protocol: Protocol, name: str) -> Protocol:
    """Return a protocol; refuse another spelling of its name."""
    if protocol.name != name:
        raise SerbenchError(f"its protocol is called {protocol.name} here, not {name}")
    return protocol
