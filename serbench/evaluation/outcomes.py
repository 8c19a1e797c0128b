"""Take in the progress and the outcomes of an engine's tasks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from serbench.errors import SerbenchError
from serbench.evaluation import kept_models
from serbench.evaluation.engines.submission import Queued, Submission
from serbench.evaluation.progress import fold_status
from serbench.evaluation.progress.listener import Listener
from serbench.evaluation.work import Work
from serbench.processes import Message, Outcome


def follow(
    submission: Submission, listener: Listener, works: Mapping[Path, Work] | None = None
) -> None:
    """Follow the tasks of a submission; once each has ended, remove its record.

    If following is stopped, the tasks continue.

    Args:
        submission: the tasks.
        listener: shows the fold_status.
        works: runs by their folders; following ends with the last of their folds. None follows all.

    Raises:
        SerbenchError: another command follows the submission.
    """
    engine = submission.make_engine()
    outcomes = Outcomes(submission.tasks, works or {}, listener)
    with submission.followed() as is_ours:
        if not is_ours:
            raise SerbenchError(
                f"another command waits for the tasks in {submission.folder}: wait for that "
                "command, or stop it, and run this one again"
            )
        for outcome in engine.follow(submission.folder, outcomes.receive):
            outcomes.add(outcome)
            if works and not outcomes.waiting and outcomes.others:
                return
        outcomes.close()
        submission.remove()


class Outcomes:
    """Store the progress and the outcomes of an engine's tasks, and pass them to the listener."""

    def __init__(
        self,
        tasks: Sequence[Queued],
        works: Mapping[Path, Work],
        listener: Listener,
        is_elsewhere: bool = False,
    ):
        works = {folder.resolve(): work for folder, work in works.items()}  # as tasks name them
        self._tasks, self._works, self._listener = tasks, works, listener
        self._is_elsewhere = is_elsewhere  # the folds' machines do not share the results' folder
        self._reporters: dict[int, fold_status.Reporter] = {}
        self._failures: dict[int, str] = {}  # errors of tasks that extract features
        missing = {at for at, each in enumerate(tasks) if not Path(each.result or ".").exists()}
        shown = {at for at in missing if not works or Path(tasks[at].result).parent in works}
        self.waiting, self.others = shown, missing - shown  # folds that have not ended

    def receive(self, position: int, message: Message) -> None:
        """Show what a task sends; store it if its machine cannot."""
        queued = self._tasks[position]
        if position not in self.waiting:  # an extraction's digests, or a fold of no interest
            return
        if self._is_elsewhere:
            if position not in self._reporters:
                self._reporters[position] = fold_status.Reporter(Path(queued.result))
            self._reporters[position].add(message)
        if "stage" in message:
            self._listener.staged(queued.run, queued.fold, str(message["stage"]))
        elif "within_epoch" in message:
            self._listener.stepped(queued.run, queued.fold, message)
        else:
            self._listener.training(queued.run, queued.fold, message)

    def add(self, outcome: Outcome) -> None:
        """Store the files or the error of a task that has ended, and show it."""
        queued, error = self._tasks[outcome.item], outcome.error
        if not queued.result:
            self._failures[outcome.item] = error
            return
        result = Path(queued.result)
        if outcome.files and not result.exists():
            kept_models.store(result, outcome.files)
        if not error and not result.exists():
            error = f"{queued.name} ended without an error, but there is no {result}"
        error = error and next(filter(None, map(self._failures.get, queued.after)), error)
        fold_status.clear(result)
        if error:
            fold_status.failed(result, error)
            if work := self._works.get(result.parent):
                failed = [at for at in work.chosen if work.resources.result(at) == result]
                work.failures |= dict.fromkeys(failed, error)  # none if not requested here
        if outcome.item in self.waiting:
            self._listener.finished(queued.run, queued.fold, error)
        self.waiting.discard(outcome.item)
        self.others.discard(outcome.item)

    def close(self) -> None:
        """Count the folds without an outcome as failed, once the engine has ended."""
        for position in sorted(self.waiting | self.others):
            is_there = Path(self._tasks[position].result).exists()
            lost = "the engine lost it without an outcome: run the same command again"
            self.add(Outcome(position, None, "" if is_there else lost))
