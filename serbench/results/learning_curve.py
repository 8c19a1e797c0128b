"""Read the learning curve that a fold file stores: what a model reported while it was trained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from serbench.metrics.classification import Floats
from serbench.results.fold_schema import Facts

LOSSES = ("train_loss", "validation_loss")
SERIES = (*LOSSES, "validation_uar")


@dataclass(frozen=True)
class Curve:
    """The values that a model reported while it was trained on a fold."""

    fold: str  # name
    epochs: bool  # whether reports are epochs, not settings that were tried
    steps: Floats  # (reports,), the numbers of the epochs or settings, from 1
    values: Mapping[str, Floats]  # (reports,) by name in `SERIES`; nan if not reported
    best: int | None  # the number of the epoch that was kept, if known


def of_fold(facts: Facts) -> Curve | None:
    """Return a fold's learning curve, None if its model reported nothing.

    Models that try settings (a grid, layers) report each like an epoch, without losses.
    """
    reports, best = facts.curve, facts.model.get("best_epoch")
    if not reports:
        return None
    series = [key for key in SERIES if any(key in report for report in reports)]
    return Curve(
        fold=facts.fold.name,
        epochs=any(key in LOSSES for key in series),
        steps=_numbers([report.get("epoch", at) for at, report in enumerate(reports, start=1)]),
        values={key: _numbers([report.get(key) for report in reports]) for key in series},
        best=int(best) if isinstance(best, int | float) else None,
    )


def _numbers(values: list[object]) -> Floats:
    """Return the values as floats, with nan for values that are not numbers."""
    return np.array(
        [float(value) if isinstance(value, int | float) else math.nan for value in values],
        dtype=np.float64,
    )
