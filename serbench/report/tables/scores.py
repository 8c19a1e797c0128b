"""The tables of a report that hold scores: beside the paper's, of folds, emotions, sexes."""

import math
from collections.abc import Sequence

import numpy as np

from serbench.metrics import classification, intervals
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import MeanStd
from serbench.report import analysis, speakers
from serbench.report.tables.sheet import FRACTIONS, Cell, Column, Sheet
from serbench.results import literature
from serbench.results.run import Run, circumstances, computed

SCORES = ("precision", "uar", "f1", "accuracy")
HEADS = ("precision", "recall (UAR)", "F1", "accuracy (WA)")


def table_two(runs: Sequence[Run], names: Sequence[str]) -> Sheet:
    """These runs of one setting, chance, and the paper's rows on the same corpus: its Table II."""
    rows: list[tuple[Cell, ...]] = [
        (name, *(run.mean_std(one) for one in SCORES), _remarks(run))
        for run, name in zip(runs, names, strict=True)
    ]
    whole = next((run for run in runs if not run.missing), None)
    if whole is not None:  # chance depends on the test sets alone
        rows += _chance(whole)
    published = literature.rows(runs[0].corpus, "II")
    rows += [_published(row) for row in published]
    spread = [Column(title, "spread") for title in HEADS]
    found = [(name, computed(run.facts)) for name, run in zip(names, runs, strict=True)]
    caveats = [f" {words}" for words in circumstances(found)]
    caveats += [
        f" On its {row.model}: {'; '.join(row.caveats)}." for row in published if row.caveats
    ]
    return Sheet(
        "table2",
        "Precision, recall and F1 beside the paper's Table II",
        f"Mean ± sample standard deviation over test sets, {FRACTIONS}; macro averages. "
        f"The paper: {literature.PAPER}.{''.join(caveats)}",
        (Column("model"), *spread, Column("remarks")),
        tuple(rows),
    )


def _chance(run: Run) -> list[tuple[Cell, ...]]:
    guesses = classification.chance(run.confusions.sum(axis=-1))
    return [
        (
            f"chance ({name})",
            *(intervals.mean_std(METRICS[one].compute(matrix)) for one in SCORES),
            None,
        )
        for name, matrix in zip(("majority", "stratified"), guesses, strict=True)
    ]


def _published(row: literature.Row) -> tuple[Cell, ...]:
    known = ("recall" if one == "uar" else one for one in SCORES)
    scores = [
        MeanStd(row.scores[one], row.stds.get(one, math.nan)) if one in row.scores else None
        for one in known
    ]
    return (f"the paper, {row.model}: {row.system}", *scores, None)


def _remarks(run: Run) -> str | None:
    """Why a run must not be compared with the others, or nothing."""
    leaks, total = str(run.facts["protocol"]["leaks"]), run.facts["protocol"]["folds"]
    found = (
        f"leaks: {leaks}" if leaks else "" if run.clean else "its sets share speakers or audio",
        f"incomplete: {run.missing} of {total} folds missing" if run.missing else "",
        "labels depend on the batch" if run.batch_dependent else "",
        run.objection,
    )
    return "; ".join(filter(None, found)) or None


def folds(run: Run, name: str) -> Sheet:
    """Every metric of every test set, pooled, and its interval over speakers."""
    columns = {one: run.scores(one) for one in SCORES}
    rows: list[tuple[Cell, ...]] = [
        (f"test set {fold}", int(size), *(float(columns[one][at]) for one in SCORES))
        for at, (fold, size) in enumerate(
            zip(analysis.fold_names(run), run.confusions.sum(axis=(1, 2)), strict=True)
        )
    ]
    pooled = tuple(run.pooled(one) for one in SCORES)
    low, high = zip(*(run.interval(one) for one in SCORES), strict=True)
    rows += [
        ("all utterances", int(run.confusions.sum()), *pooled),
        ("95 % over speakers, low", None, *low),
        ("95 % over speakers, high", None, *high),
    ]
    scores = [Column(title, "percent") for title in HEADS]
    return Sheet(
        "folds",
        f"{name}: every test set",
        f"Scores of each test set, of all test utterances pooled, and the ends of the interval of "
        f"the latter by bootstrap over speakers; {FRACTIONS}.",
        (Column("test set"), Column("utterances", "count"), *scores),
        tuple(rows),
    )


def emotions(run: Run, name: str) -> Sheet:
    """Precision, recall and F1 of every emotion, as mean ± std over test sets."""
    per_class = classification.per_class(run.confusions)
    scores = (per_class.precision, per_class.recall, per_class.f1)
    rows = [
        (label, int(total), *(_spread(score[:, at]) for score in scores))
        for at, (label, total) in enumerate(
            zip(analysis.labels(run), run.confusions.sum(axis=(0, 2)), strict=True)
        )
    ]
    spread = [Column(title, "spread") for title in ("precision", "recall", "F1")]
    return Sheet(
        "emotions",
        f"{name}: every emotion",
        f"Mean ± sample standard deviation over the test sets that have the emotion, {FRACTIONS}.",
        (Column("emotion"), Column("utterances", "count"), *spread),
        tuple(rows),
    )


def _spread(values: classification.Floats) -> MeanStd | None:
    known = values[~np.isnan(values)]
    return intervals.mean_std(known) if len(known) else None


def sexes(runs: Sequence[Run], names: Sequence[str], metric: str = "uar") -> Sheet:
    """Scores over the utterances of each sex."""
    rows: list[tuple[Cell, ...]] = []
    notes = []
    for run, name in zip(runs, names, strict=True):
        found = speakers.by_sex(run, metric)
        rows += [
            (name, one.group, one.speakers, one.utterances, one.score, one.interval)
            for one in found.groups
        ]
        notes += [f" {name}: {found.note}."] if found.note else []
    title = METRICS[metric].title
    return Sheet(
        "sexes",
        f"{title} by sex",
        f"Over the test utterances of each sex, {FRACTIONS}, with 95 % intervals by bootstrap over "
        f"its speakers.{''.join(notes)}",
        (
            Column("model"),
            Column("sex"),
            Column("speakers", "count"),
            Column("utterances", "count"),
            Column(title, "percent"),
            Column("95 % over speakers", "interval"),
        ),
        tuple(rows),
    )
