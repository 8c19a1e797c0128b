"""The four kinds of plugins that can be checked: their checks, and what is examined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serbench.parallel import Tell
from serbench.plugins import registry
from serbench.testing.checks import dataset, features, learning, model
from serbench.testing.checks.package import CHECKS
from serbench.testing.examination import Check
from serbench.testing.subjects.dataset import Known
from serbench.testing.subjects.features import Extracting
from serbench.testing.subjects.model import Learner
from serbench.testing.subjects.package import Package


@dataclass(frozen=True)
class Asked:
    """Which plugin is to be checked, and with what.

    Attributes:
        name: of the plugin.
        params: of it, as a user would give them.
        data: the folder of a dataset's corpus.
        complete: a dataset's protocols that say they test every utterance.
        folder: to write into.
        threads: that a model may use.
        tell: hears a model's reports.
    """

    name: str
    params: Mapping[str, object]
    folder: Path
    data: Path | None = None
    complete: Sequence[str] = ()
    threads: int = 1
    tell: Tell = field(default=lambda words: None)


@dataclass(frozen=True)
class Kind:
    """What is checked of one kind of plugin.

    Attributes:
        checks: in the order of reports.
        subject: what they look at.
        package: the first word of where a plugin's code is, for errors.
    """

    checks: Sequence[Check]
    subject: Callable[[Asked], object]
    package: Callable[[str], str]


def _owner(kind: str) -> Callable[[str], str]:
    def package(name: str) -> str:
        entry = registry.find(kind, name)
        return entry.target.partition(":")[0].partition(".")[0]

    return package


def _of_dataset(name: str) -> str:
    return _owner("dataset")(name.partition(":")[0])


def _of_package(name: str) -> str:
    return Package(name).points[0].module.partition(".")[0]


KINDS: Mapping[str, Kind] = {
    "model": Kind(
        (*model.CHECKS, *learning.CHECKS),
        lambda asked: Learner(asked.name, asked.params, asked.folder, asked.threads, asked.tell),
        _owner("model"),
    ),
    "features": Kind(
        features.CHECKS,
        lambda asked: Extracting(asked.name, asked.params),
        _owner("feature"),
    ),
    "dataset": Kind(
        dataset.CHECKS,
        lambda asked: Known(asked.name, asked.params, asked.folder, asked.data, asked.complete),
        _of_dataset,
    ),
    "package": Kind(CHECKS, lambda asked: Package(asked.name), _of_package),
}


def lines() -> list[tuple[str, Any]]:
    """Every check with its kind, for the page that lists them."""
    return [(kind, check) for kind, each in KINDS.items() for check in each.checks]
