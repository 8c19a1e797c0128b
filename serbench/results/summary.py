"""Tables of runs and their scores, computed from the stored predictions."""

from collections.abc import Sequence

from serbench import escaping, tables
from serbench.metrics.classification import METRICS
from serbench.results.eligibility import PARTIAL
from serbench.results.run import Run

FORMATS = (*tables.FORMATS, "json")
LISTED = ("uar", "f1")


def scores(runs: Sequence[Run], metrics: Sequence[str] | None, form: str) -> str:
    """Return each fold's scores, their mean and deviation, pooled scores and their intervals.

    Args:
        runs: one or more; json is possible for none.
        metrics: names of metrics; None for all.
        form: one of `FORMATS`; json has fractions in full precision, for several runs a list.
    """
    names = list(metrics or METRICS)
    if form == "json":
        contents = [_as_json(run, names) for run in runs]
        return escaping.as_json(contents[0] if len(runs) == 1 else contents)
    if len(runs) == 1:
        return tables.table([runs[0].name, *names], _rows(runs[0], names), form)
    rows = [[run.name, *row] for run in runs for row in _rows(run, names)]
    return tables.table(["run", "of", *names], rows, form)


def _rows(run: Run, names: Sequence[str]) -> list[list[str]]:
    columns = [run.scores(name) for name in names]
    return [
        *(
            [
                f"fold {fold.facts.fold.name}",
                *(tables.percent(column[at]) for column in columns),
            ]
            for at, fold in enumerate(run.folds)
        ),
        [_mean_title(run), *(tables.spread(run.mean_std(name)) for name in names)],
        ["pooled", *(tables.percent(run.pooled(name)) for name in names)],
        ["95 % over speakers", *(tables.interval(run.interval(name)) for name in names)],
    ]


def _mean_title(run: Run) -> str:
    total = tables.count(run.facts.protocol.folds, "fold")
    return f"mean ± std over {len(run.folds)} of {total}" if run.missing else "mean ± std"


def listing(runs: Sequence[Run], form: str) -> str:
    """Return a list of runs with number of folds, state (complete or not), UAR and F1.

    Text and Markdown end with a line on runs that lack folds.

    Args:
        runs: the runs to list, in order.
        form: one of `FORMATS`; json has fractions in full precision.
    """
    if form == "json":
        return escaping.as_json(
            [
                {
                    "run": run.name,
                    "folder": str(run.folder),
                    "folds": len(run.folds),
                    "missing_folds": run.missing,
                    **({"augment": sorted(run.config.augment)} if run.config.augment else {}),
                    **{name: run.mean_std(name)._asdict() for name in LISTED},
                }
                for run in runs
            ]
        )
    are_augmented = any(run.config.augment for run in runs)
    rows = [
        [
            run.name,
            str(len(run.folds)),
            f"{run.missing} missing" if run.missing else "complete",
            *(tables.spread(run.mean_std(name)) for name in LISTED),
            *([run.config.copies] if are_augmented else []),
        ]
        for run in runs
    ]
    head = ["run", "folds", "state", "UAR", "F1", *(["training copies"] if are_augmented else [])]
    table = tables.table(head, rows, form)
    is_partial = len(runs) > 1 and any(run.missing for run in runs)
    return f"{table}\n\n{PARTIAL}" if is_partial and form in ("text", "markdown") else table


def best(runs: Sequence[Run]) -> list[int]:
    """Return the positions of the runs with the highest UAR among runs that can be compared.

    These are runs without objections on the same corpus, under the same protocol and labels, that
    see the same of the test set.
    """
    groups: dict[object, list[int]] = {}
    for at, run in enumerate(runs):
        if run.ranked:
            pins = run.facts.pins
            setting = (run.config.dataset, run.config.labels, pins.corpus, pins.protocol, run.sees)
            groups.setdefault(setting, []).append(at)
    return [
        max(group, key=lambda at: runs[at].mean_std("uar").mean)
        for group in groups.values()
        if len(group) > 1
    ]


def _as_json(run: Run, names: Sequence[str]) -> dict[str, object]:
    return {
        "run": run.name,
        "config": run.config.stored(),
        "missing_folds": run.missing,
        "leaks": run.facts.protocol.leaks,
        "sees": run.sees,
        "folds": {
            fold.facts.fold.name: {name: float(run.scores(name)[index]) for name in names}
            for index, fold in enumerate(run.folds)
        },
        "metrics": {
            name: {
                **run.mean_std(name)._asdict(),
                "pooled": run.pooled(name),
                "interval": list(run.interval(name)),
            }
            for name in names
        },
    }
