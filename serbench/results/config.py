"""What a user asks for, and the identity of the run that it makes."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from serbench.files import digest


@dataclass(frozen=True)
class Request:
    """What a user asks for: names, and what differs from the defaults; see `serbench.evaluate`."""

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


@dataclass(frozen=True)
class Config:
    """The identity of a run: everything that its predictions depend on, but for the audio.

    Two runs with the same words are the same run. The data behind the words (corpus, protocol,
    audio) is pinned by digests in every fold's result. A key that was added after runs were
    published has a default here, which stands for the behaviour before the key existed; while it
    has that value it is left out of the words, so that older runs keep theirs. Parameters that
    models and extractors add later are left out in the same way; see `contracts.HasAddedParams`.
    """

    dataset: str
    labels: str
    protocol: str
    model: str
    model_version: str
    params: Mapping[str, object]
    feature: str
    feature_version: str
    feature_params: Mapping[str, object]
    reading: Mapping[str, object]
    seed: int
    precision: str = "float32"
    threads: int = 1

    @property
    def name(self) -> str:
        """A readable folder name with a digest: "ravdess_alexnet-mel_paper_seed0_1a2b3c4d"."""
        words = [self.dataset, self.model, self.protocol, f"seed{self.seed}"]
        readable = re.sub(r"[^A-Za-z0-9._-]", "-", "_".join(words))
        return f"{readable[:120]}_{digest(self.words())[:8]}"

    def words(self) -> dict[str, Any]:
        """Return the identity as plain words; `Config(**words)` reads them."""
        later = {each.name: each.default for each in fields(self) if each.default is not MISSING}
        words = asdict(self)
        return {name: words[name] for name in words if words[name] != later.get(name, MISSING)}
