"""A run's scores, computed again from its stored predictions, in the form that is asked for."""

import json
import math
from collections.abc import Sequence

from serbench import tables
from serbench.metrics import METRICS
from serbench.runs import Run


def table(run: Run, metrics: Sequence[str] | None, form: str) -> str:
    """Scores of each fold, their mean and standard deviation, pooled, and over speakers.

    Args:
        run: of which.
        metrics: names; None is all.
        form: one of `tables.FORMATS`, or "json": fractions in full precision.
    """
    names = list(metrics or METRICS)
    if form == "json":
        return json.dumps(numbers(as_json(run, names)), indent=1, allow_nan=False)
    folds = [fold.facts["fold"]["name"] for fold in run.folds]
    columns = {name: run.scores(name) for name in names}
    rows = [
        [f"fold {fold}", *(tables.percent(float(columns[name][index])) for name in names)]
        for index, fold in enumerate(folds)
    ]
    rows += [
        ["mean ± std", *(tables.spread(run.mean_std(name)) for name in names)],
        ["pooled", *(tables.percent(run.pooled(name)) for name in names)],
        ["95 % over speakers", *(tables.interval(run.interval(name)) for name in names)],
    ]
    return tables.table([run.name, *names], rows, form)


def numbers(value: object) -> object:
    """The same with null for what is no number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [numbers(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_json(run: Run, names: Sequence[str]) -> dict[str, object]:
    """The same as plain values; chance is what guessing reaches on the same test sets."""
    return {
        "run": run.name,
        "config": dict(run.config),
        "missing_folds": run.missing,
        "leaks": run.facts["protocol"]["leaks"],
        "folds": {
            fold.facts["fold"]["name"]: {name: float(run.scores(name)[index]) for name in names}
            for index, fold in enumerate(run.folds)
        },
        "metrics": {
            name: {
                "mean": run.mean_std(name).mean,
                "std": run.mean_std(name).std,
                "pooled": run.pooled(name),
                "interval": list(run.interval(name)),
            }
            for name in names
        },
    }
