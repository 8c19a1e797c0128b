"""Find where every fold of a study stands, from files beside the results, without locks."""

import os
import socket
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from serbench import tables
from serbench.errors import SerbenchError, cause
from serbench.escaping import as_json, one_line
from serbench.evaluation.engines.submission import submissions
from serbench.evaluation.progress import fold_status
from serbench.evaluation.progress.fold_status import Progress
from serbench.evaluation.progress.forecast import Forecast
from serbench.files import Holder, holder
from serbench.results import fold_file
from serbench.study.plan import PlannedRun, StudyPlan

State = Literal["finished", "running", "queued", "failed", "stopped", "missing"]
STATES: tuple[State, ...] = ("finished", "running", "queued", "failed", "stopped", "missing")
TIMED = 3  # finished folds of a run that are read to estimate the time of others
MOST = 50  # most lines that list the folds of one state
LATE = 2.0  # seconds; file systems round the times of files
LONGEST = 500  # characters of a reason


@dataclass(frozen=True)
class FoldState:
    """Where a fold stands."""

    name: str
    state: State
    note: str = ""  # where it runs or waits, or why it failed
    progress: Progress | None = None  # of a fold that runs, or was stopped


Queues = Mapping[str, tuple[str, float]]
"""Where each queued task is ("queued", "on node7") and since when, by the result that it writes."""


def queues(results: Path) -> Queues:
    """Ask the engines where the tasks are that they have queued for these results."""
    places: dict[str, tuple[str, float]] = {}
    for submission in submissions(results):
        try:
            since = (submission.folder / "submission.json").stat().st_mtime
            states = submission.make_engine().states(submission.folder)
        except (SerbenchError, OSError) as error:
            since, reason = time.time(), one_line(str(error), LONGEST)
            states = dict.fromkeys(
                range(len(submission.tasks)),
                f"queued; the engine {submission.engine} does not answer: {reason}",
            )
        for at, task in enumerate(submission.tasks):
            if task.result:
                places[task.result] = (states.get(at, ""), since)
    return places


def fold_states(run: PlannedRun, places: Queues) -> tuple[FoldState, ...]:
    """Return where each fold of a run stands."""
    if run.folder is None:
        return ()
    present = set(os.listdir(run.folder)) if run.folder.is_dir() else set()
    return tuple(
        FoldState(name, "finished")
        if run.result(at).name in present
        else _unfinished(name, run.result(at), present, places)
        for at, name in enumerate(run.fold_names)
    )


def _unfinished(name: str, result: Path, present: set[str], places: Queues) -> FoldState:
    """Return where a fold without a result stands; reads only files that are present."""
    last = fold_status.read(result) if fold_status.progress_file(result).name in present else None
    if str(result) in places:
        place, since = places[str(result)]
        if not place:
            note = "it left the queue without a result: `serbench study collect` says why"
            return FoldState(name, "stopped", note, last)
        if last is not None and last.started > since - LATE:
            return FoldState(name, "running", place, last)
        return FoldState(name, "running" if place.startswith("on ") else "queued", place)
    failure = fold_status.failure_file(result)
    lock = f".{result.stem}.lock"
    claim = holder(result.with_name(lock)) if lock in present else None
    claimed = claim.since - LATE if claim is not None and _is_alive(claim) else None
    # progress or a failure from before the claim belongs to an earlier command
    if last is not None and claimed is not None and last.started > claimed:
        return FoldState(name, "running", f"process {last.pid} on {last.host}", last)
    if failure.name in present and (claimed is None or _changed(failure) > claimed):
        return FoldState(name, "failed", fold_status.failure(result))
    if claimed is not None:
        return FoldState(name, "queued", str(claim))
    if last is not None:
        return FoldState(name, "stopped", "", last)
    return FoldState(name, "missing")


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # just removed
        return 0.0


def _is_alive(claim: Holder) -> bool:
    """Return whether the process that claimed a fold lives; on another host it counts as alive."""
    if claim.host != socket.gethostname() or os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(claim.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        pass
    return True


@dataclass(frozen=True)
class RunStatus:
    """Where the folds of one run stand."""

    title: str
    run: PlannedRun
    folds: tuple[FoldState, ...]


@dataclass(frozen=True)
class Status:
    """Where a study stands."""

    name: str
    runs: tuple[RunStatus, ...]
    refused: tuple[str, ...]  # why runs cannot be planned here
    left: float | None  # seconds until all running and queued folds have ended
    fold_left: Mapping[tuple[str, str], float | None]  # seconds, by the names of run and fold

    @property
    def is_finished(self) -> bool:
        """Whether all folds of all runs are finished."""
        states = {fold.state for run in self.runs for fold in run.folds}
        return not self.refused and states <= {"finished"}

    @property
    def is_active(self) -> bool:
        """Whether folds run or are queued."""
        states = {fold.state for run in self.runs for fold in run.folds}
        return bool(states & {"running", "queued"})

    def __str__(self) -> str:
        counts = Counter(fold.state for run in self.runs for fold in run.folds)
        rows = [
            [
                run.title,
                *(str(sum(fold.state == state for fold in run.folds) or "-") for state in STATES),
            ]
            for run in self.runs
        ]
        rows.append(["all", *(str(counts[state] or "-") for state in STATES)])
        parts = [tables.table(["run", *STATES], rows)]
        for state in STATES[1:5]:
            lines: dict[tuple[str, str], list[str]] = {}  # folds by their run and their details
            for run in self.runs:
                for fold in run.folds:
                    if fold.state == state:
                        key = (run.title, self._details(run, fold))
                        lines.setdefault(key, []).append(fold.name)
            listed = [
                f"  {title}, fold{'s' * (len(folds) > 1)} {', '.join(folds)}{details}"
                for (title, details), folds in lines.items()
            ]
            more = [f"  and {len(listed) - MOST} more"] if len(listed) > MOST else []
            parts += ["\n".join([f"{state}:", *listed[:MOST], *more])] if listed else []
        parts += [f"cannot be planned here: {line}" for line in self.refused]
        total = sum(counts.values())
        left = f"; about {tables.duration(self.left)} left" if self.left else ""
        finished, folds = counts["finished"], tables.count(total, "fold")
        parts.append(f"{self.name}: {finished} of {folds} {tables.are(finished)} finished{left}")
        return "\n\n".join(parts)

    def _details(self, run: RunStatus, fold: FoldState) -> str:
        """Return what is known about an unfinished fold: ": epoch 3 of 16, train loss 0.7, ..."."""
        details, last = [], fold.progress
        if last is not None and fold.state in ("running", "stopped"):
            total = f" of {last.epochs}" if last.epochs else ""
            if last.within_epoch and fold.state == "running":
                details.append(f"epoch {last.epoch + 1}{total}, {100 * last.within_epoch:.0f} %")
            elif last.epoch:
                verb = "after epoch" if fold.state == "stopped" else "epoch"
                details.append(f"{verb} {last.epoch}{total}")
            elif last.stage:
                details.append(last.stage)
            details += [
                f"{name.replace('_', ' ')} {value:.3g}" for name, value in last.values.items()
            ]
        left = self.fold_left.get((run.run.folder.name if run.run.folder else "", fold.name))
        if fold.state == "running" and left:
            details.append(f"{tables.duration(left)} left")
        if fold.note:
            details.append(one_line(cause(fold.note), LONGEST))
        return f": {', '.join(details)}" if details else ""

    def as_json(self) -> str:
        """Return all folds as JSON, with the full reasons."""
        return as_json(
            {
                "study": self.name,
                "seconds_left": self.left,
                "runs": [
                    {
                        "run": run.run.folder.name if run.run.folder else None,
                        "title": run.title,
                        "folds": [
                            {
                                "fold": fold.name,
                                "state": fold.state,
                                "note": fold.note,
                                "progress": fold.progress and asdict(fold.progress),
                            }
                            for fold in run.folds
                        ],
                    }
                    for run in self.runs
                ],
                "cannot_be_planned": list(self.refused),
            }
        )


def status(plan: StudyPlan) -> Status:
    """Return where the folds of a planned study stand."""
    places = queues(plan.results)
    runs = tuple(
        RunStatus(plan.matrix.title(combination), run, fold_states(run, places))
        for combination, run in plan.distinct()
    )
    forecast, keys = Forecast(clock=time.time), []
    for (combination, _), each in zip(plan.distinct(), runs, strict=True):
        states = Counter(fold.state for fold in each.folds)
        todo = states["running"] + states["queued"]
        assert each.run.folder is not None
        name = each.run.folder.name
        group = (combination.row, combination.column)
        done = [at for at, fold in enumerate(each.folds) if fold.state == "finished"]
        took = [fold_file.read(each.run.result(at)).facts.duration for at in done[:TIMED] if todo]
        forecast.add(name, group, todo, took)
        for fold in each.folds:
            last = fold.progress
            if fold.state == "running" and last is not None:
                keys.append((name, fold.name))
                forecast.running(keys[-1], 0.0, last.started)
                if last.began:
                    forecast.running(keys[-1], 0.0, last.began)
                if last.share:
                    forecast.running(keys[-1], last.share, last.updated)
    return Status(
        plan.name,
        runs,
        tuple(plan.problems()),
        forecast.left() if keys else None,
        {key: forecast.fold_left(key) for key in keys},
    )
