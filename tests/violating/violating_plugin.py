"""Offers what keeps its contract, and what breaks it in one way each."""

import inspect
import re
from collections.abc import Iterable

from serbench.contracts import Entry, ModelEntry, hookimpl


def name(made: type) -> str:
    """What a class is called: "HalfSafe" is half-safe.

    >>> name(type("HalfSafe", (), {}))
    'half-safe'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", made.__name__).lower()


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    import violating_models as models

    return [
        ModelEntry(name(made), f"violating_models:{made.__name__}", inspect.getdoc(made) or "")
        for made in vars(models).values()
        if isinstance(made, type) and made.__module__ == models.__name__
    ]


@hookimpl
def serbench_features() -> Iterable[Entry]:
    import violating_features as features

    return [
        Entry(name(made), f"violating_features:{made.__name__}", inspect.getdoc(made) or "")
        for made in vars(features).values()
        if isinstance(made, type) and made.__module__ == features.__name__
    ]


@hookimpl
def serbench_datasets() -> Iterable[Entry]:
    import violating_datasets as datasets

    return [
        Entry(name(made), f"violating_datasets:{made.__name__}", inspect.getdoc(made) or "")
        for made in vars(datasets).values()
        if isinstance(made, type) and made.__module__ == datasets.__name__
    ]


@hookimpl
def serbench_perturbations() -> Iterable[Entry]:
    import violating_perturbations as perturbations

    return [
        Entry(name(made), f"violating_perturbations:{made.__name__}", inspect.getdoc(made) or "")
        for made in vars(perturbations).values()
        if isinstance(made, type) and made.__module__ == perturbations.__name__
    ]


@hookimpl
def serbench_engines() -> Iterable[Entry]:
    import violating_engines as engines

    return [
        Entry(name(made), f"violating_engines:{made.__name__}", inspect.getdoc(made) or "")
        for made in vars(engines).values()
        if isinstance(made, type) and made.__module__ == engines.__name__
    ]
