"""The three hooks by which an installed package offers datasets, features and models."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pluggy

hookspec = pluggy.HookspecMarker("serbench")
hookimpl = pluggy.HookimplMarker("serbench")


@dataclass(frozen=True)
class Entry:
    """What a plugin offers, as plain words: naming it imports nothing.

    Attributes:
        name: lower case, digits, hyphens: "crema-d".
        target: "serbench_corpora.crema_d:CremaD", imported when it is first used.
        summary: one line for a listing.
        requires: modules it needs, looked for before anything runs.
        install: what to `pip install` where one of them is missing.
    """

    name: str
    target: str
    summary: str
    requires: tuple[str, ...] = ()
    install: str = ""


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A model, and which features it learns from.

    Attributes:
        features: the extractor it takes.
        feature_params: which of its parameters are the extractor's: ("n_mels",).
        defaults: parameters that differ per corpus: {"iemocap": {"epochs": 3}}. Those of "*" hold
            for every corpus, a corpus's own before them, so that a preset of another model is an
            entry and no code; what the user sets comes before both.
        gpus: how many GPUs a fold wants; if it wants one and may use it, folds run one at a time
            unless the user says how many.
        threads: how many a fold computes with unless the user says; part of a run's identity.
        memory: gigabytes that a fold takes; only as many folds run at a time as fit into memory.
    """

    features: str = "waveform"
    feature_params: tuple[str, ...] = ()
    defaults: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    gpus: float = 0
    threads: int = 1
    memory: float = 1.0


@hookspec
def serbench_datasets() -> Iterable[Entry]:  # type: ignore[empty-body]
    """The datasets that this plugin reads; each target meets `serbench.contracts.Dataset`."""


@hookspec
def serbench_features() -> Iterable[Entry]:  # type: ignore[empty-body]
    """The features that it extracts; each target meets `serbench.contracts.Extractor`."""


@hookspec
def serbench_models() -> Iterable[ModelEntry]:  # type: ignore[empty-body]
    """The models that it trains; each target meets `serbench.contracts.Model`."""
