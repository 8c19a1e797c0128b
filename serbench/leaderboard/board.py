"""The leaderboard: measured runs, and beside them, never ranked with them, the literature."""

from collections.abc import Callable, Sequence
from pathlib import Path

from serbench import literature, runs, tables
from serbench.errors import nearest
from serbench.leaderboard.naming import TITLES, names
from serbench.runs import Run

MEASURED = (
    "model",
    "accuracy (WA)",
    "F1",
    "recall (UAR)",
    "UAR, 95 % over speakers",
    "folds",
    "seed",
    "remarks",
)
PUBLISHED = ("reference", "system", "modality", "accuracy", "F1", "recall", "caveats")

Setting = tuple[str, str, str, str, str]
"""Dataset, protocol, labels, and the digests of corpus and protocol: what makes runs comparable."""


def board(parent: Path, corpus: str | None = None, form: str = "markdown") -> str:
    """For each corpus the measured runs below `parent`, then Table III of the paper.

    Args:
        parent: the folder of all runs; one that holds none gives the literature alone.
        corpus: only this one.
        form: "markdown" or "text".

    Raises:
        UnknownName: neither runs nor literature are about that corpus.
    """
    measured, broken = runs.readable(parent)
    corpora = [*TITLES, *sorted({run.corpus for run in measured} - set(TITLES))]
    if corpus is not None and corpus not in corpora:
        raise nearest("corpus", corpus, corpora, f" in {parent} or the literature")
    parts = [
        "# Leaderboard",
        "Measured: % mean ± sample standard deviation over folds, best F1 first. A table holds "
        "only runs on the same utterances under the same protocol and labels. Published: as "
        f"reported in Table III of {literature.PAPER}; never ranked with what was measured here.",
        *(
            _corpus(name, [run for run in measured if run.corpus == name], form)
            for name in corpora
            if corpus in (None, name)
        ),
        *(f"Unreadable: {reason}" for reason in broken),
    ]
    return "\n\n".join(part for part in parts if part)


def _corpus(name: str, measured: Sequence[Run], form: str) -> str:
    parts = [f"## {TITLES.get(name, name)}"]
    for setting in sorted({_setting(run) for run in measured}, key=_leaky_last(measured)):
        together = [run for run in measured if _setting(run) == setting]
        parts += _table(setting, sorted(together, key=_order), form)
    published = literature.rows(name, "III")
    if published:
        rows = [_published(row) for row in published]
        parts += ["### Published", tables.table(PUBLISHED, rows, form)]
    return "\n\n".join(parts)


def _setting(run: Run) -> Setting:
    pins = run.facts["pins"]
    words = (run.config["dataset"], run.config["protocol"], run.config["labels"])
    return *words, pins["corpus"], pins["protocol"]


def _leaky_last(measured: Sequence[Run]) -> Callable[[Setting], tuple[bool, Setting]]:
    leaky = {_setting(run) for run in measured if run.facts["protocol"]["leaks"] or not run.clean}
    return lambda setting: (setting in leaky, setting)


def _order(run: Run) -> tuple[bool, float]:
    return not run.ranked, -run.mean_std("f1").mean


def _table(setting: Setting, together: Sequence[Run], form: str) -> list[str]:
    dataset, protocol, labels, corpus, folds = setting
    named = names(together)
    rows = [_measured(run, named[run.name]) for run in together]
    whole = next((run for run in together if not run.missing), None)
    if whole is not None:  # chance depends on the test sets alone
        rows += [_chance(row) for row in runs.chance_rows(whole)]
    words = f"corpus {corpus[:8]}, protocol {folds[:8]}"
    return [
        f"### Measured: {_text(dataset)}, protocol {_text(protocol)}, labels {_text(labels)}",
        f"Digests: {words}.",
        tables.table(MEASURED, rows, form),
    ]


def _text(word: str) -> str:
    return word.replace("<", "&lt;").replace("\n", " ")


def _measured(run: Run, name: str) -> list[str]:
    total = run.facts["protocol"]["folds"]
    return [
        f"{name} ({run.name.rpartition('_')[2]})",
        tables.spread(run.mean_std("accuracy")),
        tables.spread(run.mean_std("f1")),
        tables.spread(run.mean_std("uar")),
        tables.interval(run.interval("uar")),
        f"{total - run.missing} of {total}",
        str(run.config["seed"]),
        _remarks(run),
    ]


def _remarks(run: Run) -> str:
    """Why a run is not ranked, or "-"."""
    leaks = run.facts["protocol"]["leaks"]
    remarks = [
        f"leaks: {leaks}" if leaks else "",
        "" if run.clean or leaks else "sets share speakers or audio",
        "incomplete" if run.missing else "",
        "labels depend on the batch" if run.batch_dependent else "",
        run.objection,
    ]
    return "; ".join(filter(None, remarks)) or "-"


def _chance(row: Sequence[str]) -> list[str]:
    name, accuracy, _, uar, f1 = row
    return [name, accuracy, f1, uar, *["-"] * (len(MEASURED) - 4)]


def _published(row: literature.Row) -> list[str]:
    return [
        row.reference,
        row.system,
        row.modality,
        *(runs.reported(row, name) for name in ("accuracy", "f1", "uar")),
        "; ".join(row.caveats) or "-",
    ]
