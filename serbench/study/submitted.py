"""The folds of a study that are in an engine's queue: follow them, or cancel them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from serbench import tables
from serbench.errors import SerbenchError
from serbench.evaluation.engines.submission import Submission, submissions
from serbench.evaluation.outcomes import follow
from serbench.evaluation.progress.listener import Listener
from serbench.study.plan import StudyPlan


def of_study(plan: StudyPlan) -> list[Submission]:
    """Return the submissions with folds of a study."""
    folders = {run.folder.resolve() for _, run in plan.distinct() if run.folder is not None}
    return [
        submission
        for submission in submissions(plan.results)
        if any(Path(task.result).parent in folders for task in submission.tasks if task.result)
    ]


def collect(waiting: Sequence[Submission], plan: StudyPlan, listener: Listener) -> list[str]:
    """Follow submissions until all their tasks have ended; Ctrl-C cancels none of them.

    Returns:
        A line for each submission that cannot be followed.
    """
    ending = Counter(task.run for submission in waiting for task in submission.missing())
    for _, run in plan.distinct():
        if run.plan is not None and run.folder is not None and ending[run.folder.name]:
            todo = ending[run.folder.name]
            listener.planned(run.plan, run.folder, len(run.fold_names), todo)
    errors = []
    for submission in waiting:
        try:
            follow(replace(submission, detached=True), listener)
        except SerbenchError as error:
            errors.append(str(error))
    return errors


def cancel(waiting: Sequence[Submission], plan: StudyPlan) -> list[str]:
    """Cancel all tasks of submissions, and return a line for each.

    Raises:
        SerbenchError: they hold folds of other studies too.
    """
    folders = {run.folder.resolve() for _, run in plan.distinct() if run.folder is not None}
    others = [
        task
        for submission in waiting
        for task in submission.missing()
        if Path(task.result).parent not in folders
    ]
    if others:
        raise SerbenchError(
            f"these jobs also compute {tables.count(len(others), 'fold')} outside this study, such "
            f"as {others[0].name}: cancel the study that started them, or wait"
        )
    lines = []
    for submission in waiting:
        count = len(submission.missing())
        submission.make_engine().cancel(submission.folder)
        with submission.followed() as is_ours:
            if is_ours:  # else the command that follows it removes it
                submission.remove()
        lines.append(f"cancelled {tables.count(count, 'fold')} of {submission.folder.name}")
    return lines
