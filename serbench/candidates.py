"""What can be measured on this machine: features and models, ready to run without a download."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serbench import datasets, specs
from serbench.contracts import Rehearses, Resolves
from serbench.datasets import Source
from serbench.evaluation import plan
from serbench.features.audio import Reading
from serbench.features.store import Feature
from serbench.plugins import registry
from serbench.settings import Settings


@dataclass(frozen=True)
class Candidate:
    """A model that can be measured.

    Attributes:
        name: of the model.
        params: exact.
        feature: what it learns from.
        labels: of the corpus whose utterances are imitated.
        threads: of a fold.
    """

    name: str
    params: Mapping[str, object]
    feature: Feature
    labels: tuple[str, ...]
    threads: int

    @property
    def epochs(self) -> int:
        """Of a training, at most; 1 where it has none."""
        found = self.params.get("epochs")
        return found if isinstance(found, int) else 1

    def words(self) -> dict[str, Any]:
        """What its process is told."""
        return {
            "model": self.name,
            "params": dict(self.params),
            "feature": dataclasses.asdict(self.feature),
            "labels": list(self.labels),
            "seed": 0,
        }


def model(
    name: str,
    given: Mapping[str, object],
    source: Source,
    places: Settings,
    features: str | None = None,
) -> Candidate:
    """A model with the parameters that it would have on a corpus.

    What it would have to fetch first is made up, where it knows how.

    Args:
        name: of the model.
        given: parameters that the user sets.
        source: the corpus.
        places: of this machine.
        features: that a model by import path learns from.

    Raises:
        SerbenchError: a name or parameter is unknown, or it cannot do without what is not here.
    """
    request = plan.Request(name, source.spec, params=given, features=features)
    entry = plan.entry_of(request)
    corpus = source.spec.partition(":")[0]
    wanted = {**entry.defaults.get("*", {}), **entry.defaults.get(corpus, {}), **given}
    for owner in (registry.load(registry.find("feature", entry.features)), registry.load(entry)):
        target: object = owner
        if isinstance(target, Rehearses):
            wanted |= target.rehearsed(wanted, places.cache / "rehearsal")
    _, params, feature = plan.made_of(entry, dataclasses.replace(request, params=wanted))
    sets = source.dataset.label_sets
    labels = tuple(dict.fromkeys(sets[datasets.label_set_name(source, None)].values()))
    return Candidate(name, params, feature, labels, entry.threads)


def feature(name: str) -> Feature:
    """A feature with its own defaults.

    Raises:
        SerbenchError: it cannot do with them, or a package is missing.
    """
    entry = registry.find("feature", name)
    extractor: Any = registry.load(entry)
    params = specs.checked(name, specs.parameters(extractor), {})
    if isinstance(extractor, Resolves):
        params = dict(extractor.resolved(params))
    extractor(**params)  # it may refuse them
    return Feature(name, registry.version(entry, extractor), params, Reading().identity())
