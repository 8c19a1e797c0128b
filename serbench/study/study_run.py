"""One run of a study: its finished folds, and why other folds are missing."""

from dataclasses import dataclass

from serbench import tables
from serbench.errors import cause
from serbench.escaping import one_line, shown
from serbench.results import eligibility
from serbench.results.run import Run
from serbench.study.status import FoldState

LONGEST = 500  # characters of a reason
ORDER = ("failed", "running", "queued", "stopped")  # the gravest first


@dataclass(frozen=True)
class StudyRun:
    """One run of a study, and why some of its folds are missing.

    Attributes:
        row: the position of its model among `Matrix.rows`.
        column: the position of its corpus among `Matrix.columns`.
        seed: its seed.
        title: its name for readers: "alexnet-mel on RAVDESS, seed 0".
        run: the finished folds; None if there are none.
        folds: where each fold stands; empty if they are not known.
        problem: why the run cannot be planned, read or compared here, or "".
    """

    row: int
    column: int
    seed: int
    title: str
    run: Run | None
    folds: tuple[FoldState, ...]
    problem: str = ""

    def __repr__(self) -> str:
        finished = len(self.run.folds) if self.run else 0
        return f"<StudyRun {shown(self.title)}: {tables.count(finished, 'finished fold')}>"

    @property
    def is_complete(self) -> bool:
        """Whether all folds of the protocol are finished."""
        return self.run is not None and not self.run.missing

    @property
    def word(self) -> str:
        """The word in the table in place of scores: "failed", "running", "missing"."""
        states = {fold.state for fold in self.folds}
        return next((state for state in ORDER if state in states), "missing")

    @property
    def reasons(self) -> list[str]:
        """Why folds are missing, "folds 2, 3 failed: ...", and why the run has no rank."""
        by_reason: dict[str, list[str]] = {}
        for fold in self.folds:
            if fold.state == "failed":
                reason = one_line(cause(fold.note), LONGEST) or "for no known reason"
                by_reason.setdefault(f"failed: {reason}", []).append(fold.name)
            elif fold.state != "finished":
                by_reason.setdefault(fold.state, []).append(fold.name)
        reasons = [
            f"{'folds' if len(names) > 1 else 'fold'} {', '.join(names)} {reason}"
            for reason, names in by_reason.items()
        ]
        if self.run is not None:
            facts = [fold.facts for fold in self.run.folds]
            missing = 0 if reasons else self.run.missing
            reasons += [f"NOT RANKED: {each}" for each in eligibility.objections(facts, missing)]
        return [*([one_line(self.problem, LONGEST)] if self.problem else []), *reasons]
