"""A user's request, and the configuration that identifies the run."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from serbench.errors import BadParameter
from serbench.files import digest
from serbench.parameters import short_spec
from serbench.results.json_schema import Names, Text, Whole

MOST_THREADS = 1024
IMPORTED = "imported-"  # begins the model's name in runs whose predictions others published
NONE = ("none",)
NO_NORMALISING = "none"
NORMALISING = r"none|set|speaker(:n=[1-9][0-9]{0,5})?"
Named = Annotated[str, Text(200, ".+")]
Version = Annotated[str, Text(100)]
Values = Annotated[Mapping[str, object], Names(100)]
Versions = Annotated[Mapping[str, Version], Names(20)]


@dataclass(frozen=True)
class Request:
    """A user's request, in names and parameters, as the arguments of `serbench.evaluate`."""

    model: str
    dataset: str
    protocol: str | None = None
    labels: str | None = None
    seed: int = 0
    params: Mapping[str, object] = field(default_factory=dict)
    trim_db: float | None = 60.0
    data: str | Path | None = None
    features: str | None = None
    precision: str = "float32"
    threads: int | None = None
    augment: tuple[str, ...] | None = None  # perturbations; None is the model's own, NONE is none
    normalise: str = NO_NORMALISING


@dataclass(frozen=True)
class Config:
    """The identity of a run: everything that its predictions depend on except the audio.

    Two runs with equal configurations are the same run. The data behind the names (corpus,
    protocol, audio) is pinned by digests in every fold's result. A key added after runs were
    published has a default here, the behaviour before the key existed, and is stored only if its
    value differs, so that older runs keep their names. The same holds for parameters that models
    and extractors add later; see `contracts.HasAddedParams`.
    """

    dataset: Annotated[str, Text(200, r"[a-z0-9-]+(:.+)?")]  # so that no names look alike
    labels: Named
    protocol: Named
    model: Named
    model_version: Version
    params: Values
    feature: Named
    feature_version: Version
    feature_params: Values
    reading: Values
    seed: Annotated[int, Whole(2**63)]
    precision: Annotated[str, Text(20)] = "float32"
    threads: Annotated[int, Whole(MOST_THREADS)] = 1
    augment: Versions = field(default_factory=dict)  # of the perturbations of training copies
    normalise: Annotated[str, Text(20, NORMALISING)] = NO_NORMALISING

    @property
    def corpus(self) -> str:
        """The dataset's name, without parameters."""
        return self.dataset.partition(":")[0]

    @property
    def copies(self) -> str:
        """The perturbations of the training copies as users write them: "noise:snr=15"; or ""."""
        return ", ".join(map(short_spec, sorted(self.augment)))

    @property
    def name(self) -> str:
        """A readable folder name with a digest: "ravdess_alexnet-mel_paper_seed0_1a2b3c4d"."""
        start = name_start(self.dataset, self.model, self.protocol, f"seed{self.seed}")
        return f"{start}_{digest(self.stored())[:8]}"

    def stored(self) -> dict[str, Any]:
        """Return the identity as JSON values; `Config(**stored)` reads them."""
        values = {key.name: getattr(self, key.name) for key in fields(self)}
        defaults = {
            key.name: key.default if key.default_factory is MISSING else key.default_factory()
            for key in fields(self)
        }
        return {name: value for name, value in values.items() if value != defaults[name]}


def require_normalising(spec: object) -> None:
    """Refuse what is not a way to standardise features; see `serbench.features.normalisation`.

    Raises:
        BadParameter: it is none.
    """
    if not isinstance(spec, str) or not re.fullmatch(NORMALISING, spec, re.ASCII):
        raise BadParameter(
            f"normalise is {spec!r}, but must be none, speaker, set, or speaker:n=K with K from 1"
        )


def name_start(*parts: str) -> str:
    """Return the readable start of a run's name, from the dataset on, without its digest."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", "_".join(parts))[:120]
