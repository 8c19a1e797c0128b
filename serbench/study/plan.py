"""Plan a study: which runs it has, which folds of them are there, and which are missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench import tables
from serbench.errors import SerbenchError
from serbench.escaping import one_line
from serbench.evaluation.plan import Plan, Planner, identify
from serbench.results import fold_file
from serbench.results.config import Config, Request
from serbench.settings import settings
from serbench.study.matrix import Matrix

HEAD = ("model", "dataset", "protocol", "labels", "seed", "folds", "there", "missing")
LONGEST = 1000  # characters of a reason


@dataclass(frozen=True)
class PlannedRun:
    """A run of a study before, during or after its computation."""

    request: Request
    folder: Path | None = None  # of its results; None if the run cannot even be named
    config: Config | None = None
    plan: Plan | None = None  # None if it cannot be planned here, as without the corpus
    problem: str = ""  # why not

    def result(self, position: int) -> Path:
        """Return the result file of a fold."""
        assert self.folder is not None
        return self.folder.resolve() / f"{fold_file.stem(position)}.safetensors"

    @property
    def missing(self) -> list[int]:
        """The positions of the folds without a result; [] if the folds are unknown."""
        folds = self.plan.folds if self.plan else ()
        return [at for at in range(len(folds)) if not self.result(at).exists()]


@dataclass(frozen=True)
class StudyPlan:
    """All runs of a study; planning computes nothing and writes nothing."""

    name: str
    matrix: Matrix
    results: Path  # the parent folder of all runs
    runs: tuple[PlannedRun, ...]  # of each combination of the matrix

    def table(self, form: str = "text") -> str:
        """Return a row per run in one of `tables.FORMATS`, with what is there and missing."""
        return tables.table(HEAD, [_row(run) for run in self.runs], form)

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
        runs = {run.folder: run for run in self.runs if run.plan is not None}.values()
        folds = sum(len(run.plan.folds) for run in runs if run.plan)
        missing = sum(len(run.missing) for run in runs)
        refused = sum(run.plan is None for run in self.runs)
        return (
            f"{len(self.runs)} runs with {folds} folds: {folds - missing} are there, {missing} are "
            "missing" + (f"; {refused} runs cannot be planned here" if refused else "")
        )


def _row(run: PlannedRun) -> list[str]:
    request, config = run.request, run.config
    setting = (request.protocol or "-", request.labels or "-")
    if config is not None:
        setting = (config.protocol, config.labels)
    folds = len(run.plan.folds) if run.plan else None
    numbers = ["-"] * 3
    if folds is not None:
        numbers = [str(folds), str(folds - len(run.missing)), str(len(run.missing))]
    return [request.model, request.dataset, *setting, str(request.seed), *numbers]


def plan(name: str, matrix: Matrix, results: Path) -> StudyPlan:
    """Plan all runs of a study; a run that cannot be planned has a reason."""
    return StudyPlan(name, matrix, results, tuple(planned_runs(matrix.requests, results)))


def planned_runs(requests: Sequence[Request], results: Path) -> list[PlannedRun]:
    """Plan runs, each corpus once."""
    places = settings()
    planner = Planner(places)
    runs = []
    for request in requests:
        try:
            plan = planner.plan(request)
            runs.append(PlannedRun(request, results / plan.config.name, plan.config, plan))
        except SerbenchError as error:
            try:  # finished folds can be read without the corpus
                config = identify(request, places)
                folder = results / config.name
                runs.append(PlannedRun(request, folder, config, problem=str(error)))
            except SerbenchError:
                runs.append(PlannedRun(request, problem=str(error)))
    return runs
