"""The facts of a fold: everything in its file besides arrays, with types and bounds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from serbench.contracts import Link
from serbench.errors import SerbenchError
from serbench.results.config import IMPORTED, Config
from serbench.results.json_schema import (
    INFINITE,
    Count,
    Digest,
    Like,
    Name,
    Names,
    Number,
    Open,
    Text,
    Whole,
    fit,
)

Amount = Annotated[float, Number(1e9)]
"""Seconds (up to 30 years) or megabytes (up to a petabyte), so that sums stay finite."""

Example = Annotated[str, Text(600)]
"""Two ids of at most 200 characters each, with a separator."""

Parameters = Annotated[int, Whole(10**15)]


@dataclass(frozen=True)
class Pins(Open):
    """Digests of the data; "" for the page of a corpus that has none, and for unknown audio."""

    corpus: Digest
    protocol: Digest
    audio: Digest = ""
    page: Digest = ""


@dataclass(frozen=True)
class ProtocolFacts(Open):
    """The protocol: its name, why its sets share speakers or audio (or ""), its number of folds."""

    name: Annotated[str, Text()]
    leaks: Annotated[str, Text(500)]
    folds: Count


@dataclass(frozen=True)
class SetSizes(Open):
    """The number of utterances in each set."""

    train: Count
    validation: Count
    test: Count


@dataclass(frozen=True)
class FoldFacts(Open):
    """The position in the protocol, the name, the group (or ""), and the sizes of the sets."""

    index: Count
    name: Name
    group: Name
    utterances: Annotated[Mapping[str, Count], Like(SetSizes)]


@dataclass(frozen=True)
class SharedFacts(Open):
    """The number of things that two sets share, and examples."""

    count: Count
    examples: tuple[Example, ...]


Shared = Annotated[Mapping[str, SharedFacts], Names(10)]


@dataclass(frozen=True)
class CertificateFacts(Open):
    """The leakage certificate; `serbench.protocols.leakage` refuses incomplete certificates."""

    clean: bool
    schema: Count = 0
    audio_checked: bool = False
    speakers: Shared = field(default_factory=dict)
    audio: Shared = field(default_factory=dict)
    sessions: Shared = field(default_factory=dict)
    dialogues: Shared = field(default_factory=dict)
    speakerless: Annotated[Mapping[str, Count], Names(3)] = field(default_factory=dict)


@dataclass(frozen=True)
class ValidationFacts(Open):
    """The metric by which folds compete."""

    f1: float


@dataclass(frozen=True)
class Alone(Open):
    """How predicting test utterances one by one changed scores; older files lack `utterances`."""

    largest_difference: float
    utterances: Count | None = None
    other_labels: Count = 0
    unchecked: Annotated[str, Text(300)] = ""


NEVER_ALONE = Alone(math.nan, 0, unchecked="not run here")


@dataclass(frozen=True)
class Imported(Open):
    """Where predictions were published that others made, and what is known about them.

    All of it is what the importer states, except the table's digest and what was counted in it.
    """

    system: Annotated[str, Text(100, r".*\S.*")]  # what was tested
    table: Digest  # sha256 of the published file
    scores: Literal["scores", "labels"]  # "labels": only predicted labels were published
    publisher: Annotated[str, Text(200)] = ""
    source: Annotated[str, Text(300)] = ""  # address of the table
    commit: Annotated[str, Text(100)] = ""
    licence: Annotated[str, Text(200)] = ""  # of the table
    modality: Annotated[str, Text(100)] = "speech"  # what the system sees or hears
    seed: Name = ""  # as the table writes it, "" if it does not say
    dropped: Count = 0  # utterances of the table that the corpus lacks, left out
    dropped_examples: tuple[Example, ...] = ()
    leaks: Annotated[str, Text(500)] = ""  # how training saw the test set, or ""
    caveats: tuple[Annotated[str, Text(300)], ...] = ()


@dataclass(frozen=True)
class Description(Open):
    """The parts of a model's description that other code relies on."""

    parameters: Parameters | None = None
    trained_parameters: Parameters | None = None
    checkpoint: Annotated[str, Text(300)] | None = None
    revision: Annotated[str, Text(300)] | None = None
    licence: Annotated[str, Text(300)] | None = None
    pretrained: bool | None = None
    fine_tuned_before: Annotated[str, Text(500)] | None = None
    precision: Name | None = None
    bfloat16_gain: float = 0.0


@dataclass(frozen=True)
class Facts(Open):
    """The facts of a fold; `docs/results.md` describes each.

    Only imported predictions lack the facts `MEASURED`, which nobody here knows.
    """

    config: Config
    pins: Pins
    protocol: ProtocolFacts
    fold: FoldFacts
    labels: tuple[Annotated[str, Text(100, ".+")], ...]
    link: Link
    certificate: Annotated[Mapping[str, Any], Like(CertificateFacts)]
    versions: Mapping[str, Name]
    validation: Annotated[Mapping[str, float], Like(ValidationFacts)] = field(default_factory=dict)
    alone: Alone = NEVER_ALONE
    seconds: Mapping[str, Amount] = field(default_factory=dict)
    device: Name = "unknown"
    threads: Count = 0
    sources: Mapping[str, Name] = field(default_factory=dict)
    machine: Mapping[str, Annotated[str, Text(300)]] = field(default_factory=dict)
    imported: Imported | None = None
    model: Annotated[Mapping[str, Any], Like(Description)] = field(default_factory=dict)
    curve: tuple[Annotated[Mapping[str, Annotated[float, INFINITE] | None], Names(100)], ...] = ()
    warnings: tuple[Annotated[str, Text(300)], ...] = ()
    peak_memory_mb: Amount = 0.0
    folds_before: Count = 0
    sees: Annotated[str, Text(100)] = ""
    material: Annotated[Mapping[str, Count], Names(3)] = field(default_factory=dict)
    finished: Name = ""

    @property
    def duration(self) -> float:
        """Seconds of fitting and predicting."""
        return float(sum(self.seconds.values()))


MEASURED = ("validation", "alone", "seconds", "device", "threads", "sources", "machine")
"""The facts that every fold that was run has."""


def facts_of(stored: Any, where: str, bounded: bool) -> Facts:
    """Check and return the facts that a fold file stores.

    Args:
        stored: the JSON value.
        where: place of the facts, for messages.
        bounded: whether they are untrusted; see `serbench.results.json_schema.fit`.

    Raises:
        SerbenchError: the message says which fact is missing or wrong.
    """
    facts: Facts = fit(stored, Facts, where, bounded)
    is_imported = facts.config.model.startswith(IMPORTED)
    if is_imported != (facts.imported is not None):
        raise SerbenchError(
            f"{where}: models are called {IMPORTED}... if, and only if, others published the "
            "predictions, as the fact `imported` then says"
        )
    known = [name for name in MEASURED if name in stored]
    if is_imported and (known or facts.pins.audio):
        raise SerbenchError(f"{where}: imported predictions have no {(*known, 'audio')[0]}")
    if not is_imported and len(known) < len(MEASURED):
        lacking = ", ".join(name for name in MEASURED if name not in known)
        raise SerbenchError(f"{where} lacks {lacking}")
    if not is_imported and not facts.pins.audio:
        raise SerbenchError(f"{where}: pins lacks audio")
    if not facts.labels or len(set(facts.labels)) != len(facts.labels):
        raise SerbenchError(f"{where}: labels must be there, each once")
    return facts
