"""A run: the folds of one configuration, and the scores computed from them."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench import tables
from serbench.errors import SerbenchError, nearest
from serbench.escaping import markdown, shown
from serbench.metrics import calibration, classification, intervals
from serbench.metrics.classification import METRICS, Floats
from serbench.results import eligibility, fold_file, literature
from serbench.results.config import Config, name_start
from serbench.results.fold_file import FoldResult
from serbench.results.fold_schema import Facts

DEPENDENT = "_speaker-dependent"  # in the names of runs whose test speakers train
CONTROL = "control-"  # begins the name of a control model
FEW = 8  # speakers; a 95 % interval covers the true score in 88 % of cases with 4, 93-94 % with 10
SHOWN = ("accuracy", "precision", "uar", "f1")
HEAD = ("", "accuracy (WA)", "precision", "recall (UAR)", "F1")


@dataclass(frozen=True)
class Run:
    """One model configuration on one corpus under one protocol, label set and seed.

    Prints as a table, in notebooks too; `to_frame()` gives the folds as a data frame, and
    `utterances()` the test utterances.

    Attributes:
        folder: the folder of its results.
        folds: in the protocol's order; if folds compete in a group, only the winner.
        missing: how many folds of the protocol are not there yet.
    """

    folder: Path
    folds: tuple[FoldResult, ...]
    missing: int = 0

    @property
    def name(self) -> str:
        """The name of the run and of its folder."""
        return self.folder.name

    @cached_property
    def facts(self) -> Facts:
        """The facts of the first fold."""
        return self.folds[0].facts

    @property
    def config(self) -> Config:
        """The run's configuration."""
        return self.facts.config

    @property
    def corpus(self) -> str:
        """The corpus's name, without parameters."""
        return self.config.corpus

    @cached_property
    def confusions(self) -> npt.NDArray[np.int64]:
        """One confusion matrix per fold: (folds, labels, labels)."""
        return np.stack(
            [
                classification.confusion(
                    fold.test.truth,
                    classification.predicted(fold.test.activations),
                    len(fold.facts.labels),
                )
                for fold in self.folds
            ]
        )

    @cached_property
    def speaker_confusions(self) -> npt.NDArray[np.int64]:
        """One confusion matrix per test speaker, over all folds: (speakers, labels, labels)."""
        speakers = [speaker for fold in self.folds for speaker in fold.test.speakers]
        known = np.array(
            [bool(speaker) for speaker in speakers]
        )  # only leaky protocols test others
        return intervals.speaker_confusions(
            np.concatenate([fold.test.truth for fold in self.folds])[known],
            classification.predicted(
                np.concatenate([fold.test.activations for fold in self.folds])
            )[known],
            [speaker for speaker in speakers if speaker],
            len(self.folds[0].facts.labels),
        )

    def scores(self, metric: str) -> Floats:
        """Return a metric of each fold: (folds,)."""
        scores: Floats = _metric(metric)(self.confusions)
        return scores

    def mean_std(self, metric: str) -> intervals.MeanStd:
        """Return mean and sample standard deviation over the folds, as in the paper's tables."""
        return intervals.mean_std(self.scores(metric))

    def pooled(self, metric: str) -> float:
        """Return a metric of all test utterances together."""
        return float(_metric(metric)(self.confusions.sum(axis=0)))

    def interval(self, metric: str) -> intervals.Interval:
        """Return the 95 % interval of the pooled metric, by bootstrap over speakers."""
        return intervals.speaker_interval(self.speaker_confusions, _metric(metric))

    @property
    def alone(self) -> float:
        """The largest difference between scores of an utterance alone and in a batch."""
        return max(fold.facts.alone.largest_difference for fold in self.folds)

    @property
    def tested_twice(self) -> int:
        """How many utterances are in more than one fold's test set."""
        tested = [id_ for fold in self.folds for id_ in fold.test.ids]
        return len(tested) - len(set(tested))

    @cached_property
    def objections(self) -> tuple[str, ...]:
        """Every reason why the run has no rank, most serious first; see `results.eligibility`."""
        return eligibility.objections([fold.facts for fold in self.folds], self.missing)

    @property
    def ranked(self) -> bool:
        """Whether the run may be ranked: there are no objections."""
        return not self.objections

    @property
    def sees(self) -> str:
        """What its models see of the test set besides the utterance to predict, or ""."""
        return eligibility.sees(self.config)

    @property
    def leaks(self) -> str:
        """Why training, validation and test sets share speakers or audio, or ""."""
        return eligibility.leak([fold.facts for fold in self.folds])

    def seconds(self) -> float:
        """Return the seconds of fitting and predicting, summed over folds."""
        return sum(fold.facts.duration for fold in self.folds)

    def differing(self) -> list[str]:
        """Return the circumstances that differ between the folds: "threads", "versions", ..."""
        facts = [fold.facts for fold in self.folds]
        kinds = differing(facts, ("device", "threads", "versions", "sources", "machine"))
        precisions = {fold.model.get("precision") for fold in facts}
        return [*kinds, "precision"] if len(precisions) > 1 else kinds

    def table(self, form: str = "text") -> str:
        """Return a table of the scores, chance, controls and the paper's rows.

        Args:
            form: "text", "markdown", "html", "csv" or "latex".
        """
        name = self.config.model
        rows = [
            [
                markdown(name, 300) if form == "markdown" else name,
                *(tables.spread(self.mean_std(name)) for name in SHOWN),
            ],
            ["  pooled over folds", *(tables.percent(self.pooled(name)) for name in SHOWN)],
            ["  95 % over speakers", *(tables.interval(self.interval(name)) for name in SHOWN)],
            [],
            *chance_rows(self),
            *control_rows(self),
            *paper_rows(self),
        ]
        return tables.table(HEAD, rows, form)

    def page(self, form: str = "text") -> str:
        """Return the table with its title and notes, as "text", "markdown" or "html"."""
        return tables.page(_title(self), self.table(form), _notes(self), form)

    def __repr__(self) -> str:
        config, uar = self.config, tables.spread(self.mean_std("uar"))
        name = shown(f"{config.model} on {config.dataset}, {config.protocol}, seed {config.seed}")
        return f"<Run {name}: {tables.count(len(self.folds), 'fold')}, UAR {uar} %>"

    def __str__(self) -> str:
        return self.page()

    def _repr_markdown_(self) -> str:
        return self.page("markdown")

    def _repr_html_(self) -> str:
        return self.page("html")

    def to_frame(self) -> Any:
        """Return a pandas data frame with a row per fold and a column per metric, as fractions.

        Raises:
            SerbenchError: pandas is not installed.
        """
        pandas = tables.pandas()
        names = [fold.facts.fold.name for fold in self.folds]
        index = pandas.Index(names, name="fold")
        return pandas.DataFrame({name: self.scores(name) for name in METRICS}, index=index)

    def utterances(self) -> Any:
        """Return a pandas data frame with a row per test utterance, in the order of the folds.

        Its index is the utterance's id; its columns are fold, speaker, truth, prediction and
        confidence, the probability of the prediction.

        Raises:
            SerbenchError: pandas is not installed, or activations are not finite.
        """
        pandas = tables.pandas()
        rows: list[tuple[object, ...]] = []
        ids: list[str] = []
        for fold in self.folds:
            test, labels, name = fold.test, fold.facts.labels, fold.facts.fold.name
            likely = calibration.probabilities(test.activations, fold.facts.link).max(axis=-1)
            predictions = classification.predicted(test.activations)
            columns = (test.speakers, test.truth, predictions, likely.tolist())
            ids += test.ids
            rows += [
                (name, speaker, labels[truth], labels[prediction], confidence)
                for speaker, truth, prediction, confidence in zip(*columns, strict=True)
            ]
        head = ["fold", "speaker", "truth", "prediction", "confidence"]
        return pandas.DataFrame(rows, pandas.Index(ids, name="utterance"), head)


def _metric(name: str) -> Any:
    if name not in METRICS:
        raise nearest("metric", name, list(METRICS))
    return METRICS[name].compute


def chance_rows(run: Run) -> list[list[str]]:
    """Return rows with the scores of guessing on the same test sets, mean ± std over folds."""
    return [[name, *map(tables.spread, scores)] for name, scores in chance(run, SHOWN).items()]


def chance(run: Run, metrics: Sequence[str]) -> dict[str, list[intervals.MeanStd]]:
    """Return the scores of each way of guessing on a run's test sets, one per metric."""
    guesses = classification.chance(run.confusions.sum(axis=-1))
    return {
        f"chance ({name})": [intervals.mean_std(_metric(m)(matrix)) for m in metrics]
        for name, matrix in zip(("majority", "stratified"), guesses, strict=True)
    }


def control_rows(run: Run) -> list[list[str]]:
    """Return rows with the scores of the control models beside a run."""
    return [
        [control.config.model, *(tables.spread(control.mean_std(name)) for name in SHOWN)]
        for control in controls(run)
    ]


def controls(run: Run) -> list[Run]:
    """Return the finished runs of control models in the same results folder, with the same folds.

    Control models see only what a model of emotion should not need; their names begin with
    "control-".
    """
    beside: list[Run] = []
    for folder in run.folder.parent.glob(f"{name_start(run.config.dataset, CONTROL)}*"):
        with contextlib.suppress(SerbenchError):  # damaged, or of no use
            beside.append(read(folder))
    found: dict[str, Run] = {}
    for control in sorted(beside, key=lambda each: (each.config.seed, each.name)):
        (ours, theirs), model = (run.facts.pins, control.facts.pins), control.config.model
        same = (ours.corpus, ours.protocol) == (theirs.corpus, theirs.protocol)
        if same and not control.missing and model.startswith(CONTROL) and model != run.config.model:
            found.setdefault(model, control)
    return [found[model] for model in sorted(found)]


def paper_rows(run: Run) -> list[list[str]]:
    """Return the rows of the paper's Table II on this corpus."""
    return [
        [f"paper, {row.model}", *(tables.spread(row.score(name)) for name in SHOWN)]
        for row in literature.rows(run.corpus, "II")
    ]


def computed(facts: Facts) -> str:
    """Describe how a fold was computed: "float32, 1 thread, cpu, AMD EPYC, avx512_bf16"."""
    precision = facts.model.get("precision") or facts.config.precision
    threads = tables.count(facts.threads, "thread")
    processor = facts.machine.get("model") or facts.machine.get("processor", "unknown")
    return ", ".join([precision, threads, facts.device, str(processor)])


def circumstances(named: Sequence[tuple[str, str]]) -> list[str]:
    """Return lines on how runs were computed; runs that agree share a line.

    Args:
        named: the name of each run, and its description from `computed`.

    >>> circumstances([("a", "float32, 1 thread"), ("b", "float32, 1 thread")])
    ['Computed in float32, 1 thread.']
    """
    groups: dict[str, list[str]] = {}
    for name, description in named:
        groups.setdefault(description, []).append(name)
    alone = len(groups) == 1
    return [
        f"Computed in {description}{'' if alone else ': ' + ', '.join(names)}."
        for description, names in groups.items()
    ]


def _title(run: Run) -> str:
    config, facts = run.config, run.facts
    utterances = int(run.confusions.sum())
    return (
        f"{config.model} on {config.dataset}: protocol {config.protocol} "
        f"({tables.count(len(run.folds), 'fold')}, "
        f"{tables.count(len(run.speaker_confusions), 'test speaker')}, "
        f"{tables.count(utterances, 'test utterance')}), labels {config.labels} "
        f"({len(facts.labels)}), seed {config.seed}"
        + (f", trained on copies too: {config.copies}" if config.copies else "")
    )


def _notes(run: Run) -> list[str]:
    notes = ["% mean ± sample standard deviation over folds."]
    notes += [f"NOT RANKED: {objection}." for objection in run.objections]
    notes += seen(run)
    if run.missing:
        notes.append(eligibility.PARTIAL)
    if run.differing():
        notes.append(f"The folds differ in {', '.join(run.differing())}.")
    published = literature.rows(run.corpus, "II")
    if published:
        notes.append("The paper's rows carry caveats: `serbench leaderboard show` lists them.")
        row = published[0]
        setting = (run.config.dataset, run.config.protocol, run.config.labels)
        if not row.is_comparable(*setting):
            notes.append(
                f"They are for protocol {row.protocol} and labels {row.labels}, not for these."
            )
    lacking = int((run.confusions.sum(axis=2) == 0).any(axis=1).sum())
    if lacking:
        notes.append(
            f"The test sets of {lacking} of {tables.count(len(run.folds), 'fold')} lack a label; "
            "scores of these folds leave it out."
        )
    if run.tested_twice:
        twice = tables.count(run.tested_twice, "utterance")
        notes.append(f"{twice} {tables.are(run.tested_twice)} in more than one test set.")
    if len(run.speaker_confusions) < FEW:
        speakers = tables.count(len(run.speaker_confusions), "speaker")
        notes.append(f"An interval over {speakers} is too narrow.")
    if imported := run.facts.imported:
        notes.append(
            f"Not run here: {', '.join(filter(None, (imported.publisher, imported.source)))} "
            f"published the {imported.scores} of {imported.system} ({imported.modality})."
        )
        if imported.scores == "labels":
            notes.append("Only labels were published, so confidence and calibration mean nothing.")
        return notes
    change = f"changes scores by at most {run.alone:.1g}" if run.alone else "changes no score"
    notes.append(f"Predicting utterances one by one {change}.")
    notes += circumstances(
        [(f"fold {fold.facts.fold.name}", computed(fold.facts)) for fold in run.folds]
    )
    if gain := run.facts.model.get("bfloat16_gain"):
        notes.append(
            f"This GPU multiplies {gain:g} times as fast in bfloat16: --precision bfloat16, which "
            "is another run."
        )
    warned = [fold.facts.warnings for fold in run.folds if fold.facts.warnings]
    if warned:
        notes.append(
            f"Libraries issued warnings in {tables.count(len(warned), 'fold')}, such as: "
            f"{warned[0][0]}"
        )
    spent = tables.duration(run.seconds())
    notes.append(f"Fitted and predicted in {spent}, summed over folds; results: {run.folder}")
    return notes


def seen(run: Run) -> list[str]:
    """Return a line on what a run's models see of the test set, if they see more than others."""
    if not run.sees:
        return []
    spec = run.config.normalise
    fewest = min(fold.facts.material.get("test", 0) for fold in run.folds)
    wanted = spec.partition(":n=")[2]
    few = (
        f", and some from only {fewest} others, as there are no more"
        if wanted and fewest < int(wanted)
        else ""
    )
    return [
        f"SEES {run.sees}: features are standardised by them (--normalise {spec}){few}. Ranked "
        "apart from runs that see only the utterance to predict."
    ]


def read(folder: Path) -> Run:
    """Read the run in a folder.

    Raises:
        SerbenchError: the folder has no result, or its folds are not of one run.
    """
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise SerbenchError(f"there is no result in {folder}: `serbench runs` lists the runs")
    folds = sorted((fold_file.read(path) for path in paths), key=lambda f: f.facts.fold.index)
    facts = [fold.facts for fold in folds]
    for kind in ("config", "labels"):
        if any(fold.stored[kind] != folds[0].stored[kind] for fold in folds):
            raise SerbenchError(f"{folder} holds folds of different runs: {kind} differs")
    for pin in differing([fold.pins for fold in facts], ("corpus", "protocol")):
        raise SerbenchError(f"{folder} holds folds of different data: the {pin} differs")
    if len({fold.fold.name for fold in facts}) != len(facts):
        raise SerbenchError(f"{folder} holds one fold twice: remove one of the files")
    counting = tuple(folds[position] for position in winners(facts))
    return Run(folder, counting, facts[0].protocol.folds - len(folds))


def differing(rows: Sequence[object], names: Sequence[str]) -> list[str]:
    """Return the names of the attributes in which rows differ."""
    return [
        name for name in names if any(getattr(row, name) != getattr(rows[0], name) for row in rows)
    ]


def winners(folds: Sequence[Facts]) -> list[int]:
    """Return the positions of the folds that count.

    In a group, only the fold with the best macro F1 in validation counts, the first of equals.
    """
    best: dict[tuple[bool, str], int] = {}
    for position, facts in enumerate(folds):
        key = (bool(facts.fold.group), facts.fold.group or facts.fold.name)
        if key not in best or _f1(facts) > _f1(folds[best[key]]):
            best[key] = position
    return list(best.values())


def _f1(facts: Facts) -> float:
    return facts.validation.get("f1", np.nan)  # imported predictions have none


def find(run: Run | str | Path, parent: Path) -> Run:
    """Find a run by its folder, or by the start (or a part) of its name; return a run as it is.

    A run of `serbench leakage`, whose test speakers train, is only found by a name that says so if
    the name fits another run too.

    Raises:
        SerbenchError: no run, or more than one, fits.
    """
    if isinstance(run, Run):
        return run
    if any(Path(run).glob("*.safetensors")):
        return read(Path(run))
    name, found = str(run), folders(parent)
    others = [folder for folder in found if DEPENDENT in name or DEPENDENT not in folder.name]
    is_of_others = any(name in folder.name for folder in others)
    return read(match(name, others if is_of_others else found, parent))


def match(name: str, runs: Sequence[Path], parent: Path) -> Path:
    """Return the only one of these folders whose name begins with, or else contains, a text.

    Raises:
        SerbenchError: no folder, or more than one, fits.
    """
    for fits in (str.startswith, str.__contains__):
        candidates = [folder for folder in runs if fits(folder.name, name)]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(folder.name for folder in candidates)
            raise SerbenchError(f"{name!r} may be any of {names}: type more of the name")
    raise nearest("run", name, [folder.name for folder in runs], f" in {parent}")


def readable(parent: Path) -> tuple[list[Run], list[str]]:
    """Return all runs below `parent` that can be read, and the errors of the others."""
    runs, broken = [], []
    for folder in folders(parent):
        try:
            runs.append(read(folder))
        except SerbenchError as error:
            broken.append(str(error))
    return runs, broken


def folders(parent: Path, files: str = "*.safetensors") -> list[Path]:
    """Return the folders of runs in `parent`, or one level deeper, as on the board; sorted.

    Kept models and extra test sets inside a run are none.

    Args:
        parent: the folder of all runs; hidden folders in it are not searched.
        files: the pattern of the files that a run has.
    """
    paths = (path.parent for at in ("*", "*/*") for path in parent.glob(f"{at}/{files}"))
    hidden = re.compile(r"(^|/)\.")
    inside = re.compile(r"_[0-9a-f]{8}/(models|extra)/[^/]+$")
    return sorted(
        {
            path
            for path in paths
            if not hidden.search(path.relative_to(parent).as_posix())
            and not inside.search(path.absolute().as_posix())
        }
    )
