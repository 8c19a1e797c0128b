"""Plan a study: find its runs, and which of their folds are finished or missing."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from serbench import tables
from serbench.errors import SerbenchError
from serbench.escaping import one_line
from serbench.evaluation.plan import Plan, Planner
from serbench.results import fold_file
from serbench.results.config import Config, Request
from serbench.settings import settings
from serbench.study.matrix import Combination, Matrix

HEAD = ("model", "dataset", "protocol", "labels", "seed", "folds", "there", "missing")
LONGEST = 1000  # characters of a reason


@dataclass(frozen=True)
class PlannedRun:
    """A run of a study before, during or after its computation."""

    request: Request
    folder: Path | None = None  # of its results; None if the run's name is unknown
    config: Config | None = None
    plan: Plan | None = None  # None if it cannot be planned here, as without the corpus
    problem: str = ""  # why it cannot be planned

    def result(self, position: int) -> Path:
        """Return the result file of a fold."""
        return self._resolved / f"{fold_file.stem(position)}.safetensors"

    @cached_property
    def _resolved(self) -> Path:
        assert self.folder is not None
        return self.folder.resolve()

    @cached_property
    def fold_names(self) -> list[str]:
        """The names of all folds; without a plan, as far as finished folds tell them."""
        if self.plan is not None:
            return [fold.name for fold in self.plan.folds]
        facts = []
        for path in [] if self.folder is None else sorted(self.folder.glob("*.safetensors")):
            with contextlib.suppress(SerbenchError):  # a damaged file: reading the run reports it
                facts.append(fold_file.read(path).facts)
        names = [str(at + 1) for at in range(facts[0].protocol.folds if facts else 0)]
        for fold in (each.fold for each in facts):
            if fold.index < len(names):  # else it comes from another run
                names[fold.index] = fold.name
        return names

    @property
    def missing(self) -> list[int]:
        """The positions of the folds without a result."""
        return [at for at in range(len(self.fold_names)) if not self.result(at).exists()]


@dataclass(frozen=True)
class StudyPlan:
    """All runs of a study; planning computes nothing and writes nothing."""

    name: str
    matrix: Matrix
    results: Path  # the parent folder of all runs
    runs: tuple[PlannedRun, ...]  # one per combination of the matrix

    def table(self, form: str = "text") -> str:
        """Return a row per run in one of `tables.FORMATS`, with its finished and missing folds."""
        return tables.table(HEAD, [_row(run) for run in self.runs], form)

    def distinct(self) -> list[tuple[Combination, PlannedRun]]:
        """Return each named run once: two combinations may be the same run."""
        runs = {
            run.folder: (combination, run)
            for combination, run in zip(self.matrix.combinations, self.runs, strict=True)
            if run.folder is not None
        }
        return list(runs.values())

    def to_json(self) -> dict[str, object]:
        """Return the name, and a row per run with the keys of `HEAD`; "-" is unknown."""
        rows = [dict(zip(HEAD, _row(run), strict=True)) for run in self.runs]
        return {"name": self.name, "runs": rows, "problems": self.problems()}

    def problems(self) -> list[str]:
        """Return a line per reason why runs cannot be planned here."""
        by_reason: dict[str, list[str]] = {}
        for run in self.runs:
            if run.plan is None:
                title = f"{run.request.model} on {run.request.dataset}"
                by_reason.setdefault(run.problem, []).append(title)
        return [
            f"{', '.join(dict.fromkeys(titles))}: {one_line(reason, LONGEST)}"
            for reason, titles in by_reason.items()
        ]

    def totals(self) -> str:
        """Return one line with the numbers of runs and folds."""
        runs = [run for _, run in self.distinct()]
        folds = sum(len(run.fold_names) for run in runs)
        missing = sum(len(run.missing) for run in runs)
        refused = sum(run.plan is None for run in self.runs)
        return (
            f"{tables.count(len(self.runs), 'run')} with {tables.count(folds, 'fold')}: "
            f"{folds - missing} {tables.are(folds - missing)} there, {missing} "
            f"{tables.are(missing)} missing"
            + (f"; {tables.count(refused, 'run')} cannot be planned here" if refused else "")
        )


def _row(run: PlannedRun) -> list[str]:
    request, config = run.request, run.config
    setting = (request.protocol or "-", request.labels or "-")
    if config is not None:
        setting = (config.protocol, config.labels)
    numbers = ["-"] * 3
    if folds := len(run.fold_names):
        missing = len(run.missing)
        numbers = [str(folds), str(folds - missing), str(missing)]
    return [request.model, request.dataset, *setting, str(request.seed), *numbers]


def plan(name: str, matrix: Matrix, results: Path) -> StudyPlan:
    """Plan all runs of a study; a run that cannot be planned has a reason."""
    return StudyPlan(name, matrix, results, tuple(planned_runs(matrix.requests, results)))


def planned_runs(requests: Sequence[Request], results: Path) -> list[PlannedRun]:
    """Plan runs; read each corpus once."""
    planner, runs = Planner(settings()), []
    for request in requests:
        try:
            plan = planner.plan(request)
            runs.append(PlannedRun(request, results / plan.config.name, plan.config, plan))
        except SerbenchError as error:
            runs.append(refused(request, results, planner, error))
    return runs


def refused(request: Request, results: Path, planner: Planner, error: SerbenchError) -> PlannedRun:
    """Return a run that cannot be planned here; if its name is known, its folds can be read."""
    try:
        config = planner.identify(request)
    except SerbenchError:
        return PlannedRun(request, problem=str(error))
    return PlannedRun(request, results / config.name, config, problem=str(error))
