"""Tables that compare the runs of a section: Table II, calibration, sexes, time and memory."""

import math
from collections.abc import Sequence

from serbench import tables
from serbench.metrics import classification, intervals
from serbench.metrics.classification import METRICS
from serbench.metrics.fairness import SIMULATIONS
from serbench.report import analysis, takes
from serbench.report.groups import by_group
from serbench.report.tables.table import FRACTIONS, HEADS, SCORES, Cell, Column, Table
from serbench.results import literature
from serbench.results.extra_summary import CrossCorpus, Robustness
from serbench.results.run import Run, circumstances, computed, controls


def table_two(runs: Sequence[Run], names: Sequence[str]) -> Table:
    """Return these runs with chance, controls and the paper's Table II for the same corpus."""
    rows: list[tuple[Cell, ...]] = [
        (name, *(run.mean_std(metric) for metric in SCORES), _remarks(run))
        for run, name in zip(runs, names, strict=True)
    ]
    whole = next((run for run in runs if not run.missing), None)
    if whole is not None:  # chance depends only on the test sets
        guesses = classification.chance(whole.confusions.sum(axis=-1))
        rows += [
            (
                f"chance ({name})",
                *(intervals.mean_std(METRICS[metric].compute(matrix)) for metric in SCORES),
                None,
            )
            for name, matrix in zip(("majority", "stratified"), guesses, strict=True)
        ]
        rows += [
            (control.config.model, *(control.mean_std(metric) for metric in SCORES), None)
            for control in controls(whole)
            if control.folder not in [run.folder for run in runs]
        ]
    published = literature.rows(runs[0].corpus, "II")
    rows += [_published(row) for row in published]
    how = [(name, computed(run.facts)) for name, run in zip(names, runs, strict=True)]
    caveats = [f" {sentence}" for sentence in circumstances(how)]
    caveats += [
        f" On its {row.model}: {'; '.join(row.caveats)}." for row in published if row.caveats
    ]
    return Table(
        "table2",
        "Precision, recall and F1 beside the paper's Table II",
        f"Mean ± sample standard deviation over test sets, {FRACTIONS}; macro averages. "
        f"The paper: {literature.PAPER}.{''.join(caveats)}",
        (Column("model"), *(Column(head, "spread") for head in HEADS), Column("remarks")),
        tuple(rows),
    )


def _remarks(run: Run) -> str | None:
    return "; ".join([*run.objections, *([f"sees {run.sees}"] if run.sees else [])]) or None


def _published(row: literature.PublishedRow) -> tuple[Cell, ...]:
    scores = (row.score(metric) for metric in SCORES)
    reported = (None if math.isnan(score.mean) else score for score in scores)
    return (f"the paper, {row.model}: {row.system}", *reported, None)


def calibration(runs: Sequence[Run], names: Sequence[str]) -> Table:
    """Return the calibration of each run's probabilities."""
    rows = []
    for run, name in zip(runs, names, strict=True):
        pooled = analysis.reliability(run)
        ece, brier, nll = (intervals.mean_std(column) for column in pooled.folds.T)
        rows.append((name, pooled.ece, ece, pooled.brier, brier, pooled.nll, nll))
    return Table(
        "calibration",
        "Calibration",
        f"Expected calibration error ({analysis.BINS} bins; {FRACTIONS}), Brier score (0 to 2) and "
        "negative log-likelihood (nats): over all test utterances, and mean ± sample standard "
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


def groups(runs: Sequence[Run], names: Sequence[str], metric: str = "uar") -> Table:
    """Return the scores of the groups of test utterances: by sex, and by every attribute."""
    rows: list[tuple[Cell, ...]] = []
    notes = []
    for run, name in zip(runs, names, strict=True):
        scores = by_group(run, metric)
        notes += [f" {name}: {scores.note}."] if scores.note else []
        for attribute in scores.attributes:
            rows += [
                (
                    *(name, attribute.name, group.group, group.speakers, group.utterances),
                    *(group.score, group.interval),
                )
                for group in attribute.groups
            ]
            if attribute.unknown:
                utterances = tables.count(attribute.unknown, "utterance")
                notes.append(f" {name}: the {attribute.name} of {utterances} is not known.")
    title = METRICS[metric].title
    return Table(
        "groups",
        f"{title} by group",
        f"Scores of the test utterances of each group, {FRACTIONS}, with 95 % intervals by "
        f"bootstrap over its speakers.{''.join(notes)}",
        (
            *(Column("model"), Column("attribute"), Column("group"), Column("speakers", "count")),
            *(Column("utterances", "count"), Column(title, "percent")),
            Column("95 % over speakers", "interval"),
        ),
        tuple(rows),
    )


def gaps(runs: Sequence[Run], names: Sequence[str], metric: str = "uar") -> Table:
    """Return the gaps between groups, beside those that arise by chance."""
    rows: list[tuple[Cell, ...]] = [
        (
            *(name, attribute.name, attribute.gap.highest, attribute.gap.lowest),
            *(attribute.gap.gap, attribute.gap.interval, attribute.gap.by_chance),
            *(attribute.gap.most_by_chance, attribute.gap.p),
        )
        for run, name in zip(runs, names, strict=True)
        for attribute in by_group(run, metric).attributes
    ]
    return Table(
        "gaps",
        f"Gaps in {METRICS[metric].title} between groups",
        f"The difference between the groups with the highest and the lowest score, {FRACTIONS}, "
        "with its paired 95 % interval by bootstrap over speakers. By chance: the median gap, and "
        f"the gap that 95 % of {SIMULATIONS} simulations do not exceed, with groups assigned at "
        "random: to speakers, or, if a speaker is in several groups, to the utterances of each "
        "speaker and label. p: the share of simulations with a gap at least as large. Each "
        "attribute is a test of its own; p is not corrected for their number.",
        (
            *(Column("model"), Column("attribute"), Column("highest"), Column("lowest")),
            *(Column("gap", "percent"), Column("95 % over speakers", "interval")),
            *(Column("by chance", "percent"), Column("95 % by chance", "percent")),
            Column("p", "number"),
        ),
        tuple(rows),
    )


def retest(runs: Sequence[Run], names: Sequence[str]) -> Table:
    """Return how often each model agrees with itself on takes of the same sentence."""
    rows: list[tuple[Cell, ...]] = []
    notes = []
    for run, name in zip(runs, names, strict=True):
        found, note = takes.between(run)
        notes += [f" {name}: {note}."] if note else []
        if found is not None:
            rows.append(
                (
                    *(name, found.takes, found.pairs, found.agreement, found.interval),
                    *(found.accuracy, found.ceiling),
                )
            )
    return Table(
        "retest",
        "Takes of the same sentence",
        "How often two takes of a sentence, by one speaker with one emotion, get the same label, "
        f"right or wrong, with its 95 % interval by bootstrap over speakers, {FRACTIONS}. Ceiling: "
        "the accuracy on these utterances if the label that most takes of a sentence get were "
        f"right; a model that labels takes differently cannot exceed it.{''.join(notes)}",
        (
            *(Column("model"), Column("takes", "count"), Column("pairs", "count")),
            *(Column("agreement", "percent"), Column("95 % over speakers", "interval")),
            *(Column("accuracy", "percent"), Column("ceiling", "percent")),
        ),
        tuple(rows),
    )


def costs(runs: Sequence[Run], names: Sequence[str]) -> Table:
    """Return time, memory and device of every run."""
    rows: list[tuple[Cell, ...]] = []
    for run, name in zip(runs, names, strict=True):
        facts = [fold.facts for fold in run.folds]
        memory = [fold.peak_memory_mb for fold in facts if fold.peak_memory_mb]
        rows.append(
            (
                name,
                len(facts),
                *(sum(fold.seconds.get(step, 0) for fold in facts) for step in ("fit", "predict")),
                round(max(memory)) if memory else None,
                run.facts.model.get("parameters"),
                ", ".join(sorted({fold.device for fold in facts})),
                ", ".join(sorted({str(fold.threads) for fold in facts})),
            )
        )
    return Table(
        "costs",
        "Time and memory",
        "Time of fitting and predicting, summed over folds; the largest peak memory of a fold's "
        "process, which also reads features.",
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
        tuple(rows),
    )


def cross_corpus(scores: CrossCorpus) -> Table:
    """Return the scores on other corpora, beside the run's own with the same labels."""
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            test.title,
            len(test.set.words),
            len(test.folds[0].test.ids),
            test.score(scores.metric),
            test.interval(scores.metric),
            test.same_labels(scores.metric),
        )
        for name, test in scores.pairs()
    ]
    metric = METRICS[scores.metric].title
    return Table(
        "cross-corpus",
        "Tested on other corpora",
        f"{metric} {FRACTIONS}. {' '.join(scores.notes())}",
        (
            *(Column("model"), Column("tested on"), Column("labels", "count")),
            *(Column("utterances", "count"), Column(metric, "percent")),
            *(Column("95 % over speakers", "interval"), Column("own, same labels", "percent")),
        ),
        tuple(rows),
    )


def robustness(scores: Robustness) -> Table:
    """Return the scores on perturbed audio, and how far they fall."""
    rows: list[tuple[Cell, ...]] = []
    for name, test in scores.pairs():
        drop, interval = test.drop(scores.metric)
        perturbed, recorded = test.pooled(scores.metric), test.own_pooled(scores.metric)
        rows.append(
            (
                *(name, scores.titles[test.set.perturbation], perturbed, recorded, drop),
                *(interval, test.changed),
            )
        )
    metric = METRICS[scores.metric].title
    return Table(
        "robustness",
        "Tested on perturbed audio",
        f"{metric} {FRACTIONS}. {' '.join(scores.notes())}",
        (
            *(Column("model"), Column("perturbation"), Column(metric, "percent")),
            *(Column("as recorded", "percent"), Column("drop", "percent")),
            *(Column("95 % over speakers", "interval"), Column("changed labels", "percent")),
        ),
        tuple(rows),
    )
