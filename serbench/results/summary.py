"""Runs' scores, computed again from their stored predictions, in the form that is asked for."""

from collections.abc import Sequence

from serbench import tables, text
from serbench.metrics.classification import METRICS
from serbench.results.run import Run

FORMATS = (*tables.FORMATS, "json")


def several(runs: Sequence[Run], metrics: Sequence[str] | None, form: str) -> str:
    """The scores of runs in one table; of a single run as `table` has them.

    Args:
        runs: of which.
        metrics: names; None is all.
        form: one of `FORMATS`; json is a list of what a single run gives.
    """
    if len(runs) == 1:
        return table(runs[0], metrics, form)
    names = list(metrics or METRICS)
    if form == "json":
        return text.as_json([as_json(run, names) for run in runs])
    rows = [[run.name, *row] for run in runs for row in _rows(run, names)]
    return tables.table(["run", "of", *names], rows, form)


def table(run: Run, metrics: Sequence[str] | None, form: str) -> str:
    """Scores of each fold, their mean and standard deviation, pooled, and over speakers.

    Args:
        run: of which.
        metrics: names; None is all.
        form: one of `tables.FORMATS`, or "json": fractions in full precision.
    """
    names = list(metrics or METRICS)
    if form == "json":
        return text.as_json(as_json(run, names))
    return tables.table([run.name, *names], _rows(run, names), form)


def _rows(run: Run, names: Sequence[str]) -> list[list[str]]:
    folds = [fold.facts["fold"]["name"] for fold in run.folds]
    columns = {name: run.scores(name) for name in names}
    return [
        *(
            [f"fold {fold}", *(tables.percent(float(columns[name][index])) for name in names)]
            for index, fold in enumerate(folds)
        ),
        ["mean ± std", *(tables.spread(run.mean_std(name)) for name in names)],
        ["pooled", *(tables.percent(run.pooled(name)) for name in names)],
        ["95 % over speakers", *(tables.interval(run.interval(name)) for name in names)],
    ]


def listing(runs: Sequence[Run], form: str) -> str:
    """The runs that there are: how many folds each has, whether it is complete, UAR and F1.

    Args:
        runs: in this order.
        form: one of `FORMATS`; json has fractions in full precision.
    """
    if form == "json":
        return text.as_json([_listed(run) for run in runs])
    rows = [
        [
            run.name,
            str(len(run.folds)),
            f"{run.missing} missing" if run.missing else "complete",
            *(tables.spread(run.mean_std(one)) for one in LISTED),
        ]
        for run in runs
    ]
    return tables.table(["run", "folds", "state", "UAR", "F1"], rows, form)


LISTED = ("uar", "f1")


def _listed(run: Run) -> dict[str, object]:
    return {
        "run": run.name,
        "folder": str(run.folder),
        "folds": len(run.folds),
        "missing_folds": run.missing,
        **{one: run.mean_std(one)._asdict() for one in LISTED},
    }


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
