"""The state of one run while its missing folds are computed."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench import tables
from serbench.contracts import PathDataset
from serbench.errors import CorpusError, FoldError, SerbenchError, cause
from serbench.evaluation import kept_models
from serbench.evaluation.engines.submission import Submission
from serbench.evaluation.extra_sets import PlannedSet
from serbench.evaluation.inputs import Inputs
from serbench.evaluation.plan import Plan, Resources, make_job
from serbench.evaluation.progress import fold_status
from serbench.parameters import is_import_path
from serbench.results import extra_set, fold_file


@dataclass(eq=False)
class Work:
    """One run of an evaluation: its plan, its folds, and how they ended."""

    plan: Plan
    chosen: Sequence[int]  # positions of the requested folds
    resources: Resources
    waiting: Sequence[int] = ()  # folds that this command computes
    holders: dict[int, str] = field(default_factory=dict)  # folds that other commands have claimed
    in_queue: dict[int, Submission] = field(default_factory=dict)  # folds that were queued before
    failures: dict[int, str] = field(default_factory=dict)  # errors of failed folds
    extras: Sequence[PlannedSet] = ()  # extra test sets
    kept: dict[int, Sequence[PlannedSet]] = field(default_factory=dict)
    """By finished fold, the extra test sets that its kept model is to be tested on."""

    def untested(self, position: int) -> list[PlannedSet]:
        """Return the extra test sets that the model of a finished fold has not predicted."""
        if not self.extras:
            return []
        fold = fold_file.read(self.resources.result(position))
        return [
            extra
            for extra in self.extras
            if extra_set.of_fold(self.folder, extra.set.folder, fold) is None
        ]

    def finished(self) -> list[int]:
        """Return the requested folds with a result."""
        return [at for at in self.chosen if self.resources.result(at).exists()]

    def errors_of_extras(self, positions: Sequence[int] | None = None) -> list[str]:
        """Return a line for each reason why models of finished folds lack extra test sets.

        Args:
            positions: the finished folds to look at; None means all.
        """
        by_reason: dict[tuple[str, str], list[int]] = {}
        for at in self.finished() if positions is None else positions:
            for extra in self.untested(at):
                file = extra_set.path(self.folder, extra.set, at)
                reason = cause(fold_status.failure(file)) or f"cannot write {file.parent}"
                if at in self.holders:
                    reason = f"it is being tested by {self.holders[at]}"
                by_reason.setdefault((extra.set.title, reason), []).append(at)
        return [
            f"{self.named(at)} {'lack' if len(at) > 1 else 'lacks'} the extra test set {title}: "
            f"{reason}"
            for (title, reason), at in by_reason.items()
        ]

    def without_models(self, positions: Sequence[int], extras: Sequence[PlannedSet]) -> str:
        """Say which folds have no kept model to test on extra test sets, and what to remove."""
        models, folds = ("models", "these folds") if len(positions) > 1 else ("model", "this fold")
        return (
            f"the {models} of {self.named(positions)} of {self.folder.name} "
            f"{'were' if len(positions) > 1 else 'was'} not kept, so {folds} must be trained again "
            f"to be tested on {', '.join(each.set.title for each in extras)}: "
            f"{self.again(positions)}"
        )

    def again(self, positions: Sequence[int]) -> str:
        """Say how to remove finished folds without kept models, and to train them again."""
        remove = f"serbench runs rm {shlex.quote(str(self.folder))}"
        commands = [f"{remove} --yes"]
        if len(positions) < len(list(self.folder.glob("fold-*.safetensors"))):
            names = map(shlex.quote, self.names(positions))
            commands = [f"{remove} --fold {name} --yes" for name in names]
        keep = " with --keep-models" if kept_models.keepable(self.plan.config.model) else ""
        return f"`{' && '.join(commands)}`, then the same command{keep}"

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.resources.folder

    def names(self, positions: Sequence[int]) -> list[str]:
        """Return the names of folds."""
        return [self.plan.folds[at].name for at in positions]

    def named(self, positions: Sequence[int]) -> str:
        """Return "fold 1" or "folds 1, 2"."""
        return f"{'folds' if len(positions) > 1 else 'fold'} {', '.join(self.names(positions))}"

    def missing(self) -> list[int]:
        """Return the requested folds without a result."""
        return [at for at in self.chosen if not self.resources.result(at).exists()]


def require_computed(work: Work) -> None:
    """Refuse to show a run whose folds failed, or are computed by other commands.

    Raises:
        FoldError: folds failed.
        SerbenchError: another command computes requested folds.
    """
    if not work.failures:
        require_free(work)
        return
    by_error: dict[str, list[int]] = {}
    for at, error in sorted(work.failures.items()):  # in the protocol's order
        by_error.setdefault(error, []).append(at)
    reasons = "\n".join(f"{work.named(at)}: {error}" for error, at in by_error.items())
    hint = ""
    if is_import_path(work.plan.config.model) and work.plan.config.feature == "waveform":
        hint = (
            f"{work.plan.config.model} received waveforms of different lengths; if it needs "
            "vectors, add --features functionals\n"
        )
    kept = len(list(work.folder.glob("*.safetensors")))
    raise FoldError(
        f"{reasons}\n{hint}{len(work.failures)} of {tables.count(len(work.plan.folds), 'fold')} "
        f"failed, {kept} {tables.are(kept)} kept; fix the cause and run the same command again: "
        "only the missing folds run"
    )


def require_free(work: Work) -> None:
    """Refuse to show a run while other commands compute requested folds.

    Raises:
        SerbenchError: other commands do; the message names their processes.
    """
    by_holder: dict[tuple[str, str], list[int]] = {}
    for at, holder in work.holders.items():
        if not work.resources.result(at).exists():
            by_holder.setdefault(("computed", holder), []).append(at)
        elif work.untested(at):
            by_holder.setdefault(("tested", holder), []).append(at)
    if by_holder:
        busy = "; ".join(
            f"{work.named(at)} of {work.folder.name} {tables.are(len(at))} being {done} by {holder}"
            for (done, holder), at in by_holder.items()
        )
        raise SerbenchError(
            f"{busy}: wait for that command, or stop it, and run this one again; finished "
            "folds are kept"
        )


def require_tested(work: Work) -> None:
    """Refuse a run whose folds are finished, but lack extra test sets.

    Raises:
        SerbenchError: extra test sets failed, with their reasons and what to do.
    """
    untested = {at: sets for at in work.finished() if (sets := work.untested(at))}
    if not untested:
        return
    lost = [at for at in untested if not kept_models.folder(work.folder, at).is_dir()]
    remedy = "the same command again tests the kept models alone"
    if lost:
        remedy = work.without_models(lost, untested[lost[0]])
    reasons = "\n".join(work.errors_of_extras(list(untested)))
    raise SerbenchError(
        f"{reasons}\nthe scores on the run's own test sets are kept. Once the cause "
        f"is fixed: {remedy}"
    )


def require_kept(work: Work) -> None:
    """Refuse to keep models in a run whose finished folds have none."""
    results = map(work.resources.result, range(len(work.plan.folds)))
    finished = [at for at, path in enumerate(results) if path.exists()]
    lost = [at for at in finished if not kept_models.folder(work.folder, at).is_dir()]
    if lost:
        raise SerbenchError(
            f"{len(lost)} of {tables.count(len(work.plan.folds), 'fold')} "
            f"({', '.join(work.names(lost))}) {tables.are(len(lost))} finished, but no model was "
            f"kept: {work.again(lost)}; or use another --results folder"
        )


def require_unchanged(work: Work, group: Inputs) -> None:
    """Refuse finished folds that were computed from other data, or belong to another run."""
    plan = work.plan
    for at in range(len(plan.folds)):
        if not work.resources.result(at).exists():
            continue
        job = make_job(plan, work.resources, at, group.pin(plan, at))
        facts = fold_file.read(Path(job.result)).facts
        if (facts.config, facts.fold.index) != (job.config, job.fold):
            raise SerbenchError(
                f"{job.result} belongs to another run or fold, so it was copied there: remove it, "
                "and run the same command again"
            )
        changed = [name for name, pin in job.pins.items() if getattr(facts.pins, name) != pin]
        folder, dataset = Path(job.result).parent, plan.source.dataset
        if changed and changed != ["protocol"] and isinstance(dataset, PathDataset):
            kind, _, rest = plan.config.dataset.partition(":")
            name, comma, params = rest.partition(",")
            noun = "page" if plan.source.page else "table" if dataset.endings else "folder"
            given = plan.source.page or plan.source.root
            raise CorpusError(
                f"another {noun} called {kind}:{name} has run here, or this one changed since: "
                f"{job.result} was not computed from {given}. Use another --results "
                f"folder, or give the {noun} another name, --dataset {kind}:OTHER{comma}{params} "
                f"--data {given}; if the old run is no longer needed, remove {folder}"
            )
        if changed:
            raise CorpusError(
                f"the {' and the '.join(changed)} changed since {job.result} was computed: restore "
                f"it, or start a new run in another --results folder, or remove {folder}"
            )
