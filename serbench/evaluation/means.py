"""How and where an evaluation computes: the engine, the device and the folders."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serbench.errors import BadParameter
from serbench.evaluation.extra_sets import Wanted


def with_jobs(
    engine: str, options: Mapping[str, object] | None, jobs: int | None
) -> Mapping[str, object]:
    """Return the options of an engine with `jobs`, an option of the engine "local"."""
    if jobs is None:
        return options or {}
    if engine != "local":
        raise BadParameter(
            f"jobs is {jobs}, but only the engine local has it: leave it out, or use an option of "
            f"{engine}"
        )
    return {**(options or {}), "jobs": jobs}


@dataclass(frozen=True)
class Means:
    """How and where an evaluation computes; none of this changes a result."""

    engine: str = "local"
    options: Mapping[str, object] = field(default_factory=dict)  # of the engine
    device: str | None = None  # "auto", "cpu" or "cuda"; None takes the one of the settings
    results: str | Path | None = None  # the parent folder of all runs; None takes the settings'
    keep_models: bool = False
    detach: bool = False  # return once the engine's queue has the tasks
    folds: Collection[str] | None = None  # names of the folds to run; None means all
    extras: Wanted = field(default_factory=Wanted)  # extra test sets
