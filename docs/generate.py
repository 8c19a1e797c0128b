"""Write the pages made from results and code, or check that the committed ones are current.

Usage: python docs/generate.py [--check]
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import checking_page
import controls_page
import corpora_page
import example_pictures
import kinds_page
import leakage_page
import literature_page
import numpy as np
import performance_page
import robustness_page
import table_three_page

from serbench import tables
from serbench.leaderboard.ranking.entry import of_run
from serbench.metrics.classification import METRICS
from serbench.metrics.intervals import MeanStd, mean_std
from serbench.results import literature
from serbench.results import run as runs
from serbench.results.config import Config
from serbench.results.display_names import TITLES, model_names
from serbench.results.run import Run

ROOT = Path(__file__).resolve().parent.parent
SUBMISSIONS = ROOT / "leaderboard" / "submissions"
COMMANDS = (
    ("evaluate",),
    ("predict",),
    ("export",),
    ("score",),
    ("compare",),
    ("cross-corpus",),
    ("robustness",),
    ("leakage",),
    ("report",),
    ("runs",),
    ("runs", "rm"),
    ("cache", "info"),
    ("cache", "clean"),
    ("study", "plan"),
    ("study", "run"),
    ("study", "status"),
    ("study", "collect"),
    ("study", "table"),
    ("study", "report"),
    ("study", "cancel"),
    ("leaderboard", "show"),
    ("leaderboard", "build"),
    ("leaderboard", "submit"),
    ("leaderboard", "verify"),
    ("leaderboard", "import"),
    ("leaderboard", "reproduce"),
    ("leaderboard", "badge"),
    ("datasets",),
    ("features",),
    ("models",),
    ("perturbations",),
    ("engines",),
    ("protocols",),
    ("corpus", "check"),
    ("corpus", "describe"),
    ("protocol", "show"),
    ("protocol", "export"),
    ("protocol", "check"),
    ("plugin", "new"),
    ("plugin", "check"),
    ("download",),
    ("bench",),
)
MADE = "<!-- made by docs/generate.py from the code and the committed results; do not edit -->"


def reproduction() -> str:
    """Return the page of all full runs on a corpus, beside the paper's Table II."""
    found = _ours()
    parts = [
        "# Reproduction",
        MADE,
        "This page lists every full run ever made on a corpus, the bad ones too. All are in "
        "`leaderboard/submissions`; `serbench score RUN --results leaderboard/submissions` prints "
        "their scores again. Runs of frozen encoders are older than today's features: `serbench "
        "leaderboard reproduce` repeats them with today's, and says so. Runs that only compared "
        "processors are in [Trust](trust.md). One of them has a recipe that is not listed here: on "
        "RAVDESS, `functionals-linear` on features version 2, with a solver that stopped at a "
        "tolerance of 1e-4, had a UAR of 58.85 ± 5.64, and 59.83 ± 6.07 with other BLAS kernels, "
        "since the choice of C depended on the last bits. The "
        "[tutorials](tutorials/index.md) show their own runs, since their plugins are not part of "
        "serbench. Predictions that others made are on [another page](importing.md). "
        "A recipe is fixed in a commit before its first full run, or chosen in "
        "each fold by code from that fold's own training and validation speakers. Scores are % "
        "mean ± sample standard deviation over test sets, as in Table II of the paper: "
        f"{literature.PAPER}. What was not run, and why, is in [the user guide](guide.md).",
    ]
    for name, title in (*TITLES.items(), ("toy", "toy, the built-in synthetic corpus")):
        of_corpus = [run for run in found if run.corpus == name]
        if of_corpus or literature.rows(name, "II"):
            parts += [f"## {title}", *_corpus(name, sorted(of_corpus, key=_finished))]
    return "\n\n".join(parts) + "\n"


def _ours() -> list[Run]:
    """Return the committed runs, without predictions that others made."""
    found = [runs.read(folder) for folder in runs.folders(SUBMISSIONS)]
    return [run for run in found if run.facts.imported is None]


def _finished(run: Run) -> str:
    return max(fold.facts.finished for fold in run.folds)


HEAD = ("system", "protocol", "labels", "precision", "recall (UAR)", "F1", "accuracy (WA)")
COLUMNS = ("precision", "uar", "f1", "accuracy")


def _corpus(name: str, found: list[Run]) -> list[str]:
    rows = [
        [f"paper, {row.model}: {row.system}", row.tested, row.classes.partition(":")[0]]
        + [tables.spread(row.score(metric)) for metric in COLUMNS]
        for row in literature.rows(name, "II")
    ]
    named = model_names(found)
    often = Counter(named.values())
    for run in found:
        seed = f", seed {_seed(run)}" if often[named[run.name]] > 1 else ""
        rows.append(_measured(run, named[run.name] + seed))
    parts = [tables.table(HEAD, rows, "markdown"), *_seeds(found)]
    caveats = [
        f"- {row.model}: {caveat}." for row in literature.rows(name, "II") for caveat in row.caveats
    ]
    parts += ["The paper's rows:\n\n" + "\n".join(caveats)] if caveats else []
    if not found:
        return [*parts, "Nothing was run: the audio was not available."]
    return [*parts, *(_details(run) for run in found)]


def _seeds(found: list[Run]) -> list[str]:
    """Return a table of the models with several seeds, with their scores over all seeds."""
    groups = [(name, group) for name, group in _groups(found) if len(group) > 1]
    if not groups:
        return []
    head = ["system", "seeds", *HEAD[3:], "F1 of each seed"]
    rows = [
        [
            name,
            ", ".join(str(run.config.seed) for run in group),
            *(tables.spread(_together(group, metric)) for metric in COLUMNS),
            ", ".join(tables.percent(run.mean_std("f1").mean) for run in group),
        ]
        for name, group in groups
    ]
    return [
        "Several seeds together: each fold's score is the mean over the seeds, then mean ± sample "
        "standard deviation over folds.",
        tables.table(head, rows, "markdown"),
    ]


def _groups(found: list[Run]) -> list[tuple[str, list[Run]]]:
    """Group runs that differ only in the seed, each group under its name."""
    groups: dict[tuple[str, ...], list[Run]] = {}
    named = model_names(found)
    for run in found:
        setting = (run.config.protocol, run.config.labels, run.config.dataset)
        groups.setdefault((named[run.name], *setting), []).append(run)
    return [(key[0], sorted(runs, key=_seed)) for key, runs in groups.items()]


def _seed(run: Run) -> int:
    return run.config.seed


def _together(group: list[Run], metric: str) -> MeanStd:
    """Average a metric over seeds in each fold; return mean and deviation over folds."""
    return mean_std(np.mean([run.scores(metric) for run in group], axis=0))


def _measured(run: Run, name: str) -> list[str]:
    scores = [tables.spread(run.mean_std(metric)) for metric in COLUMNS]
    leaks = " (leaky)" if run.facts.protocol.leaks else ""
    return [
        f"{name} ({run.name.rpartition('_')[2]})",
        f"{run.config.protocol}{leaks}",
        run.config.labels,
        *scores,
    ]


def _details(run: Run) -> str:
    config, facts = run.config, run.facts
    folds = [
        [fold.facts.fold.name]
        + [tables.percent(float(run.scores(metric)[index])) for metric in COLUMNS]
        + [tables.duration(fold.facts.seconds["fit"]), str(len(fold.facts.curve))]
        for index, fold in enumerate(run.folds)
    ]
    head = ["fold", "precision", "recall (UAR)", "F1", "accuracy (WA)", "fitted in", "reports"]
    note = run.folder / "note.md"
    intervals = ", ".join(
        f"{METRICS[metric].title} {tables.percent(run.pooled(metric))} "
        f"{tables.interval(run.interval(metric))}"
        for metric in COLUMNS
    )
    chance = tables.percent(mean_std(_majority(run)).mean)
    return "\n\n".join(
        [
            f"### {config.model}, {run.name.rpartition('_')[2]}",
            *([note.read_text().strip()] if note.exists() else []),
            f"Run `{run.name}`, finished {_finished(run)}: seed {config.seed}, parameters "
            f"`{_words({**config.feature_params, **config.params})}`, trimmed at "
            f"{config.reading['trim_db']:g} dB; {facts.device}, {facts.threads} threads, "
            f"{tables.duration(run.seconds())} in all; sets share "
            f"{'' if run.leaks else 'no '}speakers or recordings; predicting one by one changes "
            f"scores by at most {_alone(run):.1g}.{_checkpoint(run)}",
            f"Pooled, with 95 % intervals over {len(run.speaker_confusions)} speakers: "
            f"{intervals}. Chance (majority): accuracy {chance}.",
            tables.table(head, folds, "markdown"),
        ]
    )


def _checkpoint(run: Run) -> str:
    """Return a sentence about the checkpoint of a pretrained model, else ""."""
    model = run.facts.model
    if "checkpoint" not in model:
        return ""
    pretrained = "yes" if model["pretrained"] else "no, random weights"
    return (
        f" Checkpoint {model['checkpoint']}, revision {model['revision']}, licence "
        f"{model['licence']}, pretrained: {pretrained}."
    )


def _majority(run: Run) -> list[float]:
    counts = run.confusions.sum(axis=-1)
    return list(counts.max(axis=-1) / counts.sum(axis=-1))


def _words(params: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params.items())


def _alone(run: Run) -> float:
    return max(fold.facts.alone.largest_difference for fold in run.folds)


def command_line() -> str:
    """Return the page with the help of every command."""
    parts = ["# Command line", MADE]
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "serbench", *command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "100", "PATH": ""},
        )
        text = done.stdout.replace("python -m serbench", "serbench").strip()
        parts.append(f"## serbench {' '.join(command)}\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def metrics() -> str:
    """Return the page of metrics with their formulas."""
    rows = [[one.name, one.title, one.formula] for one in METRICS.values()]
    return (
        "\n\n".join(
            [
                "# Metrics",
                MADE,
                "C is a confusion matrix (rows truth, columns prediction), n its sum; k runs over "
                "the K labels that occur in the truth.",
                tables.table(["name", "title", "formula"], rows, "markdown"),
            ]
        )
        + "\n"
    )


def readme() -> str:
    """Return the README with new tables between its marks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = _ours()
    for corpus in ("toy", "ravdess"):
        shown = [
            run
            for run in found
            if run.corpus == corpus
            and run.config.protocol in SHOWN
            and run.config.model != "dummy"  # chance has rows of its own
            and run.ranked
            and not _is_made_anew(run, found)
        ]
        groups = sorted(_first_recipes(shown), key=lambda one: -_together(one[1], "f1").mean)
        rows = [[_with_seeds(group), *_cells(group)] for _, group in groups]
        rows += [*runs.chance_rows(shown[0])[:1], *runs.paper_rows(shown[0])]
        start, end = f"<!-- {corpus}: made by docs/generate.py -->", f"<!-- {corpus}: end -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        table = tables.table(["", *runs.HEAD[1:]], rows, "markdown")
        text = f"{before}{start}\n\n{table}\n\n{end}{after}"
    return text


SHOWN = ("paper", "kfold:n=6")


def _is_made_anew(run: Run, found: list[Run]) -> bool:
    """Return whether a later run differs only in versions and in parameters that were removed."""

    def lasting(config: Config) -> Config:
        params = {name: value for name, value in config.params.items() if name != "compute"}
        return replace(config, params=params, model_version="", feature_version="")

    later = (one.config for one in found if _finished(one) > _finished(run))
    return lasting(run.config) in map(lasting, later)


def _first_recipes(found: list[Run]) -> list[tuple[str, list[Run]]]:
    """Return for each model and checkpoint the recipe that was run first, with all its seeds.

    The best recipe would be a choice by test scores.
    """
    first: dict[str, tuple[str, list[Run]]] = {}
    for name, group in sorted(_groups(found), key=lambda one: min(map(_finished, one[1]))):
        model = name.partition(", ")[0]
        checkpoint = group[0].facts.model.get("checkpoint", "")
        shown = f"{model}, {checkpoint}" if model == "transformer-probe" else model
        first.setdefault(shown, (shown, group))
    return list(first.values())


def _with_seeds(group: list[Run]) -> str:
    name = of_run(group[0]).title
    return f"{name} ({len(group)} seeds)" if len(group) > 1 else name


def _cells(group: list[Run]) -> list[str]:
    return [tables.spread(_together(group, metric)) for metric in runs.SHOWN]


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reproduction.md": reproduction,
    "docs/command-line.md": command_line,
    "docs/metrics.md": metrics,
    "docs/corpora.md": lambda: corpora_page.page(MADE),
    "docs/performance.md": lambda: f"# Performance\n\n{MADE}\n\n{performance_page.page()}\n",
    "docs/checking.md": lambda: checking_page.page(_text("docs/checking.md")),
    "docs/corpus-check.md": lambda: kinds_page.page(_text("docs/corpus-check.md")),
    "docs/robustness.md": lambda: robustness_page.page(_text("docs/robustness.md")),
    "docs/controls.md": lambda: controls_page.page(_text("docs/controls.md")),
    "docs/table-three.md": lambda: table_three_page.page(_text("docs/table-three.md")),
    "docs/leakage-stories.md": lambda: leakage_page.page(_text("docs/leakage-stories.md")),
    "docs/literature.md": lambda: literature_page.page(_text("docs/literature.md")),
    "README.md": readme,
}


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def main(check: bool) -> int:
    """Write pages and pictures, or, if `check`, print which ones are out of date."""
    stale = []
    for name, make in PAGES.items():
        page, text = ROOT / name, make()
        if check and (not page.exists() or page.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            page.write_text(text, encoding="utf-8")
    for path, content in example_pictures.pictures():
        if check and not (path.exists() and example_pictures.alike(path.read_bytes(), content)):
            stale.append(str(path.relative_to(ROOT)))
        elif not check:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    if stale:
        print(f"stale: {', '.join(stale)}; run `make docs` and commit what it writes")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
