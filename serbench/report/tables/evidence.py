"""The tables of a report on what is behind its scores: mistakes, calibration, leaks, cost."""

from collections.abc import Sequence

from serbench.corpus import Fold
from serbench.metrics import intervals
from serbench.protocols import leakage
from serbench.report import analysis
from serbench.report.tables.sheet import FRACTIONS, Cell, Column, Sheet
from serbench.results.run import Run

SPENT = ("fit", "predict")


def mistakes(run: Run, name: str) -> Sheet:
    """Every test utterance that got another label than its own, the most confident first."""
    found = analysis.mistakes(run)
    rows = tuple(
        (
            one.utterance,
            one.speaker,
            one.fold,
            one.truth,
            one.prediction,
            one.confidence,
            one.margin,
            one.likelihood,
        )
        for one in found
    )
    return Sheet(
        "mistakes",
        f"{name}: most confident mistakes",
        f"{len(rows)} of {int(run.confusions.sum())} test utterances got another label than their "
        f"own. Confidence: the probability of the prediction; margin: that, less the runner-up's; "
        f"{FRACTIONS}. The CSV file has all of them.",
        (
            *(Column(title) for title in ("utterance", "speaker", "fold", "truth", "prediction")),
            Column("confidence", "percent"),
            Column("margin", "percent"),
            Column("probability of the truth", "percent"),
        ),
        rows,
    )


def calibration(runs: Sequence[Run], names: Sequence[str]) -> Sheet:
    """How much each run's probabilities can be believed."""
    rows = []
    for run, name in zip(runs, names, strict=True):
        found = analysis.reliability(run)
        ece, brier, nll = (intervals.mean_std(column) for column in found.folds.T)
        rows.append((name, found.ece, ece, found.brier, brier, found.nll, nll))
    return Sheet(
        "calibration",
        "Calibration",
        f"Expected calibration error ({analysis.BINS} bins; {FRACTIONS}), Brier score (0 to 2) and "
        "negative log-likelihood (nats): of all test utterances pooled, and mean ± sample standard "
        "deviation over test sets. Lower is better.",
        (
            Column("model"),
            Column("ECE", "percent"),
            Column("ECE over test sets", "spread"),
            Column("Brier", "number"),
            Column("Brier over test sets", "number spread"),
            Column("NLL", "number"),
            Column("NLL over test sets", "number spread"),
        ),
        tuple(rows),
    )


def leaks(run: Run, name: str) -> Sheet:
    """What the sets of every fold share, by its leakage certificate, judged anew."""
    checked = [
        (Fold(fold, (), (), ()), leakage.from_json(result.facts["certificate"]))
        for fold, result in zip(analysis.fold_names(run), run.folds, strict=True)
    ]
    rows = [
        (
            str(row["fold"]),
            str(row["sets"]).replace(" | ", " and "),
            *(_count(row[kind]) for kind in leakage.KINDS),
            str(row["verdict"]),
        )
        for row in leakage.rows(checked)
    ]
    return Sheet(
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


def _count(value: object) -> int | str:
    return value if isinstance(value, int) else "not compared"


def costs(runs: Sequence[Run], names: Sequence[str]) -> Sheet:
    """Time and memory of every run, and what it was computed on."""
    return Sheet(
        "costs",
        "Time and memory",
        "Fitting and predicting, summed over folds; the largest peak memory of a fold's process, "
        "its reading of features included.",
        (
            Column("model"),
            Column("folds", "count"),
            Column("fitting", "duration"),
            Column("predicting", "duration"),
            Column("peak memory (MB)", "count"),
            Column("parameters", "count"),
            Column("device"),
            Column("threads", "count"),
        ),
        tuple((name, *_cost(run)) for run, name in zip(runs, names, strict=True)),
    )


def _cost(run: Run) -> tuple[Cell, ...]:
    found = [fold.facts for fold in run.folds]
    fit, predict = (sum(float(one["seconds"].get(of, 0)) for one in found) for of in SPENT)
    memory = [one["peak_memory_mb"] for one in found if one.get("peak_memory_mb")]
    return (
        len(found),
        fit,
        predict,
        round(max(memory)) if memory else None,
        run.facts.get("model", {}).get("parameters"),
        ", ".join(sorted({str(one["device"]) for one in found})),
        ", ".join(sorted({str(one["threads"]) for one in found})),
    )
