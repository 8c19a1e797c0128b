"""The results of a study: many runs in one table, read from their stored predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from serbench import tables
from serbench.errors import SerbenchError
from serbench.escaping import latex, shown
from serbench.metrics.classification import METRICS
from serbench.results import run as stored
from serbench.results.run import Run
from serbench.study import table
from serbench.study.matrix import Matrix
from serbench.study.plan import PlannedRun, StudyPlan
from serbench.study.status import fold_states, queues
from serbench.study.study_run import StudyRun
from serbench.study.table import SHOWN, StudyTable


@dataclass(frozen=True)
class Study:
    """The results of many runs.

    Prints as one table, in notebooks too; `to_frame()` gives every fold as a data frame.

    Attributes:
        name: the study's name; "" if it has none.
        matrix: the models, corpora and seeds.
        results: one item per run, in the order of computation.
        untested: a line for each extra test set that failed.
    """

    name: str
    matrix: Matrix
    results: tuple[StudyRun, ...]
    untested: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs with at least one fold, each once."""
        return tuple({each.run.name: each.run for each in self.results if each.run}.values())

    @property
    def complete(self) -> tuple[Run, ...]:
        """The runs that have all folds of their protocols and no problem, each once."""
        kept = [each for each in self.results if each.is_complete and not each.problem]
        return tuple({each.run.name: each.run for each in kept if each.run}.values())

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """A line for each run that lacks folds, tests or has a problem, with the reasons."""
        lines = [
            f"{each.title}: {'; '.join(each.reasons)}"
            for each in self.results
            if not each.is_complete or each.problem
        ]
        return (*lines, *self.untested)

    def count(self, *states: str) -> int:
        """Return how many folds are in one of these states; see `status.STATES`."""
        return sum(fold.state in states for each in self.results for fold in each.folds)

    def table(self, form: str = "text", metrics: Sequence[str] = SHOWN) -> str:
        """Return the table without its notes.

        Args:
            form: "text", "markdown", "latex", "html" or "csv"; csv has a row per model and corpus,
                with fractions in full precision.
            metrics: names of metrics, a column for each.
        """
        return self._table(metrics).format(form)

    def page(self, form: str = "text", metrics: Sequence[str] = SHOWN) -> str:
        """Return the table with its title and notes; as csv, the table alone."""
        made = self._table(metrics)
        if form == "csv":
            return made.format(form)
        notes = [*made.notes(form), *self.untested]
        if form == "latex":
            lines = [rf"\par{{\footnotesize {latex(note)}}}" for note in notes]
            return "\n".join([made.format(form), *lines])
        return tables.page(self.title, made.format(form), notes, form)

    @property
    def title(self) -> str:
        """The study's name, and how many models, corpora and runs it has."""
        columns = self.matrix.columns
        is_plain = len({column.dataset for column in columns}) == len(columns)
        counts = [
            f"{count} {many if count != 1 else one}"
            for count, one, many in (
                (len(self.matrix.rows), "model", "models"),
                (len(columns), *(("corpus", "corpora") if is_plain else ("setting", "settings"))),
                (len(self.results), "run", "runs"),
            )
        ]
        return ": ".join(filter(None, [self.name, ", ".join(counts)]))

    def __repr__(self) -> str:
        finished = tables.count(sum(len(run.folds) for run in self.runs), "finished fold")
        return f"<Study {shown(self.title)}, {finished}>"

    def __str__(self) -> str:
        return self.page("text")

    def _repr_markdown_(self) -> str:
        return self.page("markdown")

    def _repr_html_(self) -> str:
        return self.page("html")

    def to_frame(self) -> Any:
        """Return a pandas data frame with a row per run and fold.

        It has the columns model, dataset, protocol, labels, seed and fold, a column per metric, as
        fractions, and the column state; scores of folds that are not finished are missing values.

        Raises:
            SerbenchError: pandas is not installed.
        """
        return tables.pandas().DataFrame(self.records())

    def records(self) -> list[dict[str, object]]:
        """Return the rows of `to_frame` as plain values."""
        records: list[dict[str, object]] = []
        for each in self.results:
            column, run = self.matrix.columns[each.column], each.run
            common: dict[str, object] = {
                "model": self.matrix.model_name(each.row, each.column),
                "dataset": column.dataset,
                "protocol": run.config.protocol if run else column.protocol,
                "labels": run.config.labels if run else column.labels,
                "seed": each.seed,
            }
            for at, fold in enumerate(run.folds if run else ()):
                scores = {name: float(run.scores(name)[at]) for name in METRICS} if run else {}
                name = fold.facts.fold.name
                records.append({**common, "fold": name, **scores, "state": "finished"})
            unknown = dict.fromkeys(METRICS)
            if not each.folds and run is None:
                records.append({**common, "fold": None, **unknown, "state": "missing"})
            for state in each.folds:
                if state.state != "finished":
                    more = {"fold": state.name, **unknown, "state": state.state}
                    records.append({**common, **more})
        return records

    def _table(self, metrics: Sequence[str]) -> StudyTable:
        return table.make(self.matrix, self.results, metrics)


def read(plan: StudyPlan, is_computed: bool = False, untested: Sequence[str] = ()) -> Study:
    """Read the results of a planned study, as far as it is computed.

    Args:
        plan: the study's runs.
        is_computed: whether the study was just computed, so that a complete run with a problem was
            refused; else, a complete run needs no corpus.
        untested: a line for each extra test set that failed.
    """
    places = queues(plan.results)
    runs: dict[object, tuple[Run | None, str]] = {}
    results = []
    for combination, planned in zip(plan.matrix.combinations, plan.runs, strict=True):
        folder, problem = planned.folder, planned.problem
        if folder not in runs:
            runs[folder] = (None, "")
            if folder is not None and any(folder.glob("*.safetensors")):
                try:
                    runs[folder] = (stored.read(folder), "")
                except SerbenchError as error:
                    runs[folder] = (None, str(error))
        run, unreadable = runs[folder]
        if run is None or run.missing or is_computed:
            unreadable = unreadable or problem
        results.append(
            StudyRun(
                combination.row,
                combination.column,
                combination.request.seed,
                plan.matrix.title(combination),
                run,
                fold_states(planned, places),
                unreadable or _changed(planned, run),
            )
        )
    return Study(plan.name, plan.matrix, tuple(results), tuple(untested))


def _changed(planned: PlannedRun, run: Run | None) -> str:
    """Return which data have changed since a run was computed, or ""."""
    if planned.plan is None or run is None:
        return ""
    pins = run.facts.pins
    changed = [name for name, pin in planned.plan.pins.items() if getattr(pins, name) != pin]
    if not changed:
        return ""
    return (
        f"the {' and the '.join(changed)} changed after these folds were computed: "
        f"`serbench runs rm {run.name}` removes them"
    )
