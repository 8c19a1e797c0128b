"""Tables about one run: its test sets, emotions, mistakes and leakage certificates."""

from dataclasses import astuple

import numpy as np

from serbench.corpus import Fold
from serbench.metrics import classification, intervals
from serbench.protocols import leakage
from serbench.report import analysis
from serbench.report.tables.table import FRACTIONS, HEADS, SCORES, Cell, Column, Table
from serbench.results.run import Run


def folds(run: Run, name: str) -> Table:
    """Return the scores of every test set, the pooled scores, and their intervals over speakers."""
    columns = [run.scores(metric).tolist() for metric in SCORES]
    rows: list[tuple[Cell, ...]] = [
        (f"test set {fold}", int(counts.sum()), *scores)
        for fold, counts, *scores in zip(
            analysis.fold_names(run), run.confusions, *columns, strict=True
        )
    ]
    low, high = zip(*(run.interval(metric) for metric in SCORES), strict=True)
    rows += [
        ("all utterances", int(run.confusions.sum()), *map(run.pooled, SCORES)),
        ("95 % over speakers, low", None, *low),
        ("95 % over speakers, high", None, *high),
    ]
    return Table(
        "folds",
        f"{name}: every test set",
        f"Scores of each test set, of all test utterances pooled, and the ends of pooled scores' "
        f"intervals by bootstrap over speakers; {FRACTIONS}.",
        (
            Column("test set"),
            Column("utterances", "count"),
            *(Column(head, "percent") for head in HEADS),
        ),
        tuple(rows),
    )


def emotions(run: Run, name: str) -> Table:
    """Return precision, recall and F1 of every emotion, as mean ± std over test sets."""
    rows: list[tuple[Cell, ...]] = []
    scores = classification.per_class(run.confusions)
    for position, label in enumerate(run.facts.labels):
        columns = [score[:, position] for score in (scores.precision, scores.recall, scores.f1)]
        present = [column[~np.isnan(column)] for column in columns]
        spread = [intervals.mean_std(values) if len(values) else None for values in present]
        rows.append((label, int(run.confusions[:, position].sum()), *spread))
    return Table(
        "emotions",
        f"{name}: every emotion",
        f"Mean ± sample standard deviation over the test sets that have the emotion, {FRACTIONS}.",
        (
            Column("emotion"),
            Column("utterances", "count"),
            *(Column(head, "spread") for head in ("precision", "recall", "F1")),
        ),
        tuple(rows),
    )


def mistakes(run: Run, name: str) -> Table:
    """Return every wrongly predicted test utterance, the most confident first."""
    rows = tuple(astuple(mistake) for mistake in analysis.mistakes(run))
    return Table(
        "mistakes",
        f"{name}: most confident mistakes",
        f"{len(rows)} of {int(run.confusions.sum())} test utterances are predicted "
        f"wrongly. Confidence: the probability of the prediction; margin: confidence minus the "
        f"runner-up's probability; {FRACTIONS}. The CSV file has all rows.",
        (
            *(Column(head) for head in ("utterance", "speaker", "fold", "truth", "prediction")),
            Column("confidence", "percent"),
            Column("margin", "percent"),
            Column("probability of the truth", "percent"),
        ),
        rows,
    )


def leakage_certificate(run: Run, name: str) -> Table:
    """Return what the sets of every fold share, from its leakage certificate, with a verdict."""
    certificates = [
        (Fold(fold, (), (), ()), leakage.from_json(result.facts.certificate))
        for fold, result in zip(analysis.fold_names(run), run.folds, strict=True)
    ]
    rows = [
        (
            str(row["fold"]),
            str(row["sets"]).replace(" | ", " and "),
            *(
                count if isinstance(count := row[kind], int) else "not compared"
                for kind in leakage.KINDS
            ),
            str(row["verdict"]),
        )
        for row in leakage.rows(certificates)
    ]
    return Table(
        "leakage",
        f"{name}: leakage certificate",
        "How many speakers, recordings (sample for sample), sessions and dialogues two sets of a "
        "fold share. Speakers and recordings must not be shared.",
        (
            Column("fold"),
            Column("sets"),
            *(Column(kind, "count") for kind in leakage.KINDS),
            Column("verdict"),
        ),
        tuple(rows),
    )
