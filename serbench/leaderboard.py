"""The leaderboard: measured runs, and beside them, never ranked with them, the literature."""

from collections.abc import Sequence
from pathlib import Path

from serbench import literature, runs, tables
from serbench.runs import Run

TITLES = {"ravdess": "RAVDESS", "crema-d": "CREMA-D", "iemocap": "IEMOCAP"}
MEASURED = (
    "model",
    "protocol",
    "labels",
    "accuracy (WA)",
    "F1",
    "recall (UAR)",
    "UAR, 95 % over speakers",
    "leaks",
    "folds",
    "seed",
)
PUBLISHED = ("reference", "system", "modality", "accuracy", "F1", "recall", "caveats")


def board(parent: Path, corpus: str | None = None, form: str = "markdown") -> str:
    """For each corpus the measured runs below `parent`, then Table III of the paper.

    Args:
        parent: the folder of all runs; one that holds none gives the literature alone.
        corpus: only this one.
        form: "markdown" or "text".
    """
    measured = [runs.read(folder) for folder in runs.folders(parent)]
    names = [*TITLES, *sorted({run.corpus for run in measured} - set(TITLES))]
    parts = [
        "# Leaderboard",
        "Measured: % mean ± sample standard deviation over folds, best F1 first; runs under "
        "different protocols or label sets are not ranked against each other. Published: as "
        f"reported in Table III of {literature.PAPER}; not ranked with what was measured here.",
        *(
            _corpus(name, [run for run in measured if run.corpus == name], form)
            for name in names
            if corpus in (None, name)
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def _corpus(name: str, measured: Sequence[Run], form: str) -> str:
    parts = [f"## {TITLES.get(name, name)}"]
    if measured:
        ordered = sorted(measured, key=_order)
        parts += ["### Measured", tables.table(MEASURED, [_measured(run) for run in ordered], form)]
        chance = [row for run in _one_a_setting(ordered) for row in _chance(run)]
        parts += ["Guessing, on the same test sets:", tables.table(CHANCE, chance, form)]
    published = literature.rows(name, "III")
    if published:
        rows = [_published(row) for row in published]
        parts += ["### Published", tables.table(PUBLISHED, rows, form)]
    return "\n\n".join(parts)


def _order(run: Run) -> tuple[bool, str, str, float]:
    """Leaky last, then by protocol and labels, then by F1."""
    leaky = bool(run.facts["protocol"]["leaks"]) or not run.clean
    return leaky, run.config["protocol"], run.config["labels"], -run.mean_std("f1").mean


def _measured(run: Run) -> list[str]:
    total = run.facts["protocol"]["folds"]
    return [
        _model(run),
        str(run.config["protocol"]),
        str(run.config["labels"]),
        tables.spread(run.mean_std("accuracy")),
        tables.spread(run.mean_std("f1")),
        tables.spread(run.mean_std("uar")),
        tables.interval(run.interval("uar")),
        "yes" if run.facts["protocol"]["leaks"] or not run.clean else "no",
        f"{total - run.missing} of {total}",
        str(run.config["seed"]),
    ]


def _model(run: Run) -> str:
    """The model's name, with the digest that tells its configurations apart."""
    return f"{run.config['model']} ({run.name.rpartition('_')[2]})"


CHANCE = ("chance", "protocol", "labels", "accuracy (WA)", "F1", "recall (UAR)")


def _one_a_setting(measured: Sequence[Run]) -> list[Run]:
    """One run for each corpus, protocol and label set: chance depends on nothing else."""
    return list({(r.config["protocol"], r.facts["pins"]["corpus"]): r for r in measured}.values())


def _chance(run: Run) -> list[list[str]]:
    return [
        [name, str(run.config["protocol"]), str(run.config["labels"]), accuracy, f1, uar]
        for name, accuracy, _, uar, f1 in runs.chance_rows(run)
    ]


def _published(row: literature.Row) -> list[str]:
    return [
        row.reference,
        row.system,
        row.modality,
        *(runs.reported(row, name) for name in ("accuracy", "f1", "uar")),
        "; ".join(row.caveats) or "-",
    ]
