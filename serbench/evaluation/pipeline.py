"""Evaluate: plan runs, extract missing features, compute missing folds, and read the results."""

import contextlib
import dataclasses
import itertools
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.contracts import DetachableEngine, Engine, PathDataset, Task
from serbench.errors import BadParameter, CorpusError, FoldError, SerbenchError, nearest
from serbench.evaluation import inputs, kept_models, progress
from serbench.evaluation.engines import task
from serbench.evaluation.engines.submission import (
    Queued,
    Submission,
    make_engine,
    submissions,
    submit,
)
from serbench.evaluation.extra_sets import PlannedSet, Wanted, plan_sets
from serbench.evaluation.fold import claimed
from serbench.evaluation.inputs import Inputs
from serbench.evaluation.plan import Plan, Planner, Resources, make_job
from serbench.features import cache
from serbench.features.store import Feature
from serbench.files import digest
from serbench.parameters import is_import_path
from serbench.processes import Message, Outcome
from serbench.protocols import lookup
from serbench.results import extra_set, fold_file, run
from serbench.results.config import Request
from serbench.settings import find_device, require_device, results_folder, settings


class Listener:
    """Follow the progress of an evaluation: override the methods that you need.

    This class prints nothing, and turns remarks into Python warnings. `run` is the name of a run,
    `fold` the name of a fold.
    """

    def planned(self, plan: Plan, folder: Path, wanted: int, todo: int) -> None:
        """Show that `wanted` folds of a run are requested, and that `todo` of them will run."""

    def extracting(self, done: int, total: int) -> None:
        """Show that `done` of `total` utterances are decoded and their features stored."""

    def remarked(self, line: str) -> None:
        """Show a remark on the corpus: odd, but no error."""
        warnings.warn(line, stacklevel=3)  # at the caller of `evaluate`

    def staged(self, run: str, fold: str, stage: str) -> None:
        """Show what a fold does before its first epoch: "queued", "starting", "training"."""

    def training(self, run: str, fold: str, progress: Mapping[str, Any]) -> None:
        """Show a model's "epoch", "epochs", and points of its learning curve."""

    def stepped(self, run: str, fold: str, progress: Mapping[str, Any]) -> None:
        """Show that "epoch" of "epochs" are done, and the share "within_epoch" of the next."""

    def submitted(self, engine: str, folds: int) -> None:
        """Show that folds are in the queue of an engine."""

    def interrupted(self, engine: str, reason: str) -> None:
        """Show that the user stops waiting; the folds in a queue end, or continue for a reason."""

    def finished(self, run: str, fold: str, error: str) -> None:
        """Show that a fold is done, or that it failed with an error."""


def with_jobs(
    engine: str, options: Mapping[str, object] | None, jobs: int | None
) -> Mapping[str, object]:
    """Return the options of an engine with `jobs`, an option of the engine "local"."""
    if jobs is None:
        return options or {}
    if engine != "local":
        raise BadParameter(
            f"jobs is {jobs}, but only the engine local has it: leave it out, or use an option of "
            f"{engine}"
        )
    return {**(options or {}), "jobs": jobs}


@dataclass(frozen=True)
class Means:
    """How and where an evaluation computes; none of this changes a result."""

    engine: str = "local"
    options: Mapping[str, object] = field(default_factory=dict)  # of the engine
    device: str | None = None  # "auto", "cpu" or "cuda"; None takes the one of the settings
    results: str | Path | None = None  # the parent folder of all runs; None takes the settings'
    keep_models: bool = False
    detach: bool = False  # return once the engine's queue has the tasks
    folds: Collection[str] | None = None  # names of the folds to run; None means all
    extras: Wanted = field(default_factory=Wanted)  # extra test sets


@dataclass(eq=False)
class Work:
    """One run of an evaluation: its plan, its folds, and how they ended."""

    plan: Plan
    chosen: Sequence[int]  # positions of the requested folds
    resources: Resources
    waiting: Sequence[int] = ()  # folds that this command computes
    holders: Mapping[int, str] = field(default_factory=dict)  # folds that other commands compute
    in_queue: dict[int, Submission] = field(default_factory=dict)  # folds that were queued before
    failures: dict[int, str] = field(default_factory=dict)  # errors of failed folds
    extras: Sequence[PlannedSet] = ()  # extra test sets
    kept: Mapping[int, Sequence[PlannedSet]] = field(default_factory=dict)
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

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.resources.folder

    def names(self, positions: Sequence[int]) -> list[str]:
        """Return the names of folds."""
        return [self.plan.folds[at].name for at in positions]

    def missing(self) -> list[int]:
        """Return the requested folds without a result."""
        return [at for at in self.chosen if not self.resources.result(at).exists()]


def evaluate(request: Request, means: Means, listener: Listener | None = None) -> run.Run:
    """Compute the missing folds of one run, and read it.

    Raises:
        SerbenchError: an error that the user can fix; finished folds are kept.
    """
    work = compute([request], means, listener)[0]
    if isinstance(work, SerbenchError):
        raise work
    require_computed(work)
    return run.read(work.folder)  # scores come from the files alone


def compute(
    requests: Sequence[Request], means: Means, listener: Listener | None = None
) -> list[Work | SerbenchError]:
    """Compute the missing folds of runs with one engine.

    Neither a request that cannot be planned nor a fold that fails stops the others.

    Returns:
        A run per request, or the error that prevented folds of the run: all that are missing, or
        all in a queue that cannot be followed. Equal requests share one run.

    Raises:
        SerbenchError: the engine or a folder cannot be used, or other commands compute all missing
            folds.
    """
    return _Evaluation(means, listener or Listener()).compute(requests)


class _Evaluation:
    """The runs of one call of `compute`."""

    def __init__(self, means: Means, listener: Listener):
        self._means, self._listener = means, listener
        self._places = settings()
        self._parent = results_folder(means.results)
        self._device = require_device(means.device or self._places.device)
        if means.engine == "local" and self._device == "cuda":
            find_device("cuda")  # one error here, rather than one per fold
        self._engine: Engine = make_engine(means.engine, means.options)
        if means.detach and not isinstance(self._engine, DetachableEngine):
            raise BadParameter(
                f"the folds of the engine {means.engine} end with this command: leave out --detach"
            )
        self._remarks: set[str] = set()
        self._works: dict[Path, Work] = {}  # by the folder of the run
        self._refused: dict[Path, SerbenchError] = {}  # runs whose folds cannot be computed
        self._cached: set[object] = set()  # of `inputs.key`
        self._code: dict[object, Mapping[str, str]] = {}  # of `task.code_of`
        self._extras: dict[object, tuple[PlannedSet, ...]] = {}
        self._extra_inputs: dict[object, tuple[Inputs, tuple[int, ...]]] = {}

    def compute(self, requests: Sequence[Request]) -> list[Work | SerbenchError]:
        planner = Planner(self._places)
        with contextlib.ExitStack() as claims:
            planned = [self._planned(request, planner, claims) for request in requests]
            for work in self._works.values():
                self._claim(work, claims)
            self._find_in_queues()
            self._find_kept()
            self._show()
            self._run(*self._tasks())
            self._test_kept()
        return [
            self._refused.get(each.folder, each) if isinstance(each, Work) else each
            for each in planned
        ]

    def _planned(
        self, request: Request, planner: Planner, claims: contextlib.ExitStack
    ) -> Work | SerbenchError:
        """Plan a run, and mark its part of the cache as used.

        Requests of the same run share one `Work`.
        """
        wanted, keep = self._means.folds, self._means.keep_models
        try:
            if keep:
                kept_models.require_keepable(request.model)
            plan = planner.plan(request)  # shared speakers are refused here
            if self._device == "cpu":
                plan = dataclasses.replace(plan, needs=dataclasses.replace(plan.needs, gpus=0))
            extras = self._planned_sets(plan)
            names = [fold.name for fold in plan.folds]
            for name in wanted or ():
                if name not in names:
                    raise nearest(f"fold of {plan.config.protocol}", name, names)
        except SerbenchError as error:
            return error
        if (key := inputs.key(plan)) not in self._cached:
            self._cached.add(key)
            feature, root = Feature.of(plan.config), plan.source.root
            claims.enter_context(cache.in_use(self._places.cache, feature, root))
        chosen = [at for at, name in enumerate(names) if wanted is None or name in wanted]
        folder = self._parent / plan.config.name
        isolated = (self._means.engine, self._means.options.get("jobs")) != ("local", 0)
        resources = Resources(folder, self._places.cache, self._device, keep, isolated)
        work = Work(plan, chosen, resources, extras=extras)
        return self._works.setdefault(folder, work)

    def _planned_sets(self, plan: Plan) -> tuple[PlannedSet, ...]:
        """Plan the extra test sets of a run once for all runs on its corpus."""
        config = plan.config
        key = (config.dataset, config.labels, config.protocol, digest(dict(config.reading)))
        if key not in self._extras:
            self._extras[key] = plan_sets(plan, self._means.extras, self._places)
        return self._extras[key]

    def _claim(self, work: Work, claims: contextlib.ExitStack) -> None:
        """Claim the missing folds that no other command computes."""
        missing = {work.resources.result(at).stem: at for at in work.missing()}
        holders = claims.enter_context(claimed(work.folder, list(missing)))
        work.holders = {missing[stem]: holder for stem, holder in holders.items()}
        work.waiting = [
            at
            for at in missing.values()
            if at not in work.holders and not work.resources.result(at).exists()
        ]

    def _find_in_queues(self) -> None:
        """Separate the folds that a queue holds.

        Claim folds first: afterwards, no other command can queue them.
        """
        in_queue = {
            queued.result: (submission, queued)
            for submission in submissions(self._parent)
            for queued in submission.tasks
        }
        for work in self._works.values():
            unkept = []
            for at in work.waiting:
                submission, queued = in_queue.get(str(work.resources.result(at)), (None, None))
                if submission is not None and queued is not None:
                    work.in_queue[at] = submission
                    unkept += [at] if self._means.keep_models and not queued.keep_model else []
            work.waiting = [at for at in work.waiting if at not in work.in_queue]
            if unkept:
                work.waiting, work.in_queue = [], {}
                self._refused[work.folder] = SerbenchError(
                    f"{_folds(work.names(unkept))} of {work.folder.name}, in a queue, will keep no "
                    "model: cancel the command that queued them, or leave out --keep-models"
                )

    def _find_kept(self) -> None:
        """Find finished folds that lack extra test sets, and need a kept model for them.

        Folds in a queue were queued with other extra test sets, or without any.
        """
        for work in self._works.values():
            finished = [at for at in work.chosen if work.resources.result(at).exists()]
            with self._refusing([work]):  # a damaged file
                untested = {at: work.untested(at) for at in finished}
                work.kept = {at: extras for at, extras in untested.items() if extras}
            gone = [at for at in work.kept if not kept_models.folder(work.folder, at).is_dir()]
            error = ""
            if gone:
                files = ", ".join(work.resources.result(at).name for at in gone)
                error = (
                    f"the {'models' if len(gone) > 1 else 'model'} of {_folds(work.names(gone))} "
                    f"of {work.folder.name} {'were' if len(gone) > 1 else 'was'} not kept, so "
                    f"{'these folds' if len(gone) > 1 else 'this fold'} must be trained again to "
                    f"be tested on {', '.join(each.set.title for each in work.kept[gone[0]])}: "
                    f"remove {files} from {work.folder}, and run the same command again"
                )
            elif work.extras and work.in_queue:
                error = (
                    f"{_folds(work.names(list(work.in_queue)))} of {work.folder.name} "
                    f"{tables.are(len(work.in_queue))} in a queue without these extra test sets: "
                    "wait until they are finished, and run the same command again"
                )
            if error:
                work.waiting, work.in_queue, work.kept = [], {}, {}
                self._refused[work.folder] = SerbenchError(error)

    def remarked(self, line: str) -> None:
        """Pass a remark on a corpus to the listener, once for all runs."""
        if line not in self._remarks:
            self._remarks.add(line)
            self._listener.remarked(line)

    def extracting(self, done: int, total: int) -> None:
        """Pass the progress of decoding to the listener."""
        self._listener.extracting(done, total)

    def _show(self) -> None:
        works = self._works.values()
        if not any(work.waiting or work.in_queue or work.kept for work in works):
            for work in works:
                require_free(work)
        for work in works:
            if self._means.keep_models:
                with self._refusing([work]):
                    _require_kept(work)
            todo = len(work.waiting) + len(work.in_queue) + len(work.kept)
            wanted = len(work.chosen) - len(work.holders)
            self._listener.planned(work.plan, work.folder, wanted, todo)
            plan = work.plan
            for line in (*plan.doubts, *lookup.fold_remarks(plan.corpus, plan.folds)):
                self.remarked(line)

    def _tasks(self) -> tuple[list[Task], list[Queued]]:
        """Return the tasks of all waiting folds, after those that extract missing features."""
        groups: dict[object, list[Work]] = {}
        for work in self._works.values():
            groups.setdefault(inputs.key(work.plan), []).append(work)
        tasks: list[Task] = []
        queued: list[Queued] = []
        self._prepare_extras(tasks, queued)
        for works in groups.values():
            needed = {id_ for work in works for at in work.waiting for id_ in work.plan.ids(at)}
            given = (self._places, self, self._engine.extraction)
            with self._refusing(works):
                group = inputs.prepare(works[0].plan, needed, *given)
            if all(work.folder in self._refused for work in works):
                continue
            first = len(tasks)
            tasks += group.tasks
            queued += [Queued(each.name) for each in group.tasks]
            after = tuple(range(first, len(tasks)))
            for work in works:
                with self._refusing([work]):
                    _require_unchanged(work, group)
                    group.require_clean(work.plan, work.waiting)  # refuses shared recordings
                for at in work.waiting:
                    extras, before = self._extra_jobs(work, work.extras, at)
                    all_after = (*after, *before)
                    tasks.append(self._task(work, at, group, all_after, extras))
                    result = str(work.resources.result(at))
                    (name,) = work.names([at])
                    keep = self._means.keep_models
                    queued.append(
                        Queued(tasks[-1].name, work.folder.name, name, result, all_after, keep)
                    )
        return tasks, queued

    def _prepare_extras(self, tasks: list[Task], queued: list[Queued]) -> None:
        """Decode the audio of all extra test sets, and extract features or add tasks that do."""
        wanted: dict[object, tuple[Plan, set[str], list[Work]]] = {}
        for work in self._works.values():
            for extra in work.extras:
                plan = extra.plan(work.plan)
                _, ids, works = wanted.setdefault(inputs.key(plan), (plan, set(), []))
                for at in (*work.waiting, *work.kept):
                    if at in work.waiting or extra in work.kept[at]:
                        ids.update(extra.ids(work.plan, at))
                works.append(work)
        for key, (plan, ids, works) in wanted.items():
            who = self._engine.extraction if any(work.waiting for work in works) else "driver"
            with self._refusing(works):
                group = inputs.prepare(plan, ids, self._places, self, who)
                after = tuple(range(len(tasks), len(tasks) + len(group.tasks)))
                tasks += group.tasks
                queued += [Queued(each.name) for each in group.tasks]
                self._extra_inputs[key] = group, after
        for work in self._works.values():
            with self._refusing([work]):
                self._require_unchanged_extras(work)

    def _require_unchanged_extras(self, work: Work) -> None:
        """Refuse predictions for extra test sets that have changed since."""
        for extra, at in itertools.product(work.extras, work.chosen):
            file = extra_set.path(work.folder, extra.set, at)
            is_made = at in work.waiting or extra in work.kept.get(at, ())
            if work.folder in self._refused or not file.exists() or is_made:
                continue
            (job,), _ = self._extra_jobs(work, [extra], at)
            now, then = job["pins"], extra_set.read(file).facts.pins
            if changed := [name for name in now if now[name] != then[name]]:
                raise CorpusError(
                    f"the {' and the '.join(changed)} of {extra.set.dataset} changed since {file} "
                    f"was computed: restore the corpus, or remove {file.parent}, and run the same "
                    "command again"
                )

    def _extra_jobs(
        self, work: Work, extras: Sequence[PlannedSet], at: int
    ) -> tuple[list[Mapping[str, Any]], tuple[int, ...]]:
        """Return extra test sets for the job of a fold, and the tasks that extract features."""
        jobs: list[Mapping[str, Any]] = []
        before: set[int] = set()
        for extra in extras:
            group, after = self._extra_inputs[inputs.key(extra.plan(work.plan))]
            ids = extra.ids(work.plan, at)
            jobs.append(extra.job(digest([group.audio[id_] for id_ in ids])))
            before.update(after)
        return jobs, tuple(sorted(before))

    def _test_kept(self) -> None:
        """Test the kept models of finished folds on extra test sets, on this machine."""
        works = [work for work in self._works.values() if work.kept]
        tested = [(work, at) for work in works for at in work.kept]
        if not tested:
            return
        tasks = []
        for work, at in tested:
            pins = fold_file.read(work.resources.result(at)).stored["pins"]
            extras, _ = self._extra_jobs(work, work.kept[at], at)
            job = make_job(work.plan, work.resources, at, pins["audio"])
            job = dataclasses.replace(job, pins=pins, extras=extras)
            tasks.append(task.of_kept(job, work.plan.folds[at].name, work.plan.needs))
        is_local = self._means.engine == "local"
        engine = make_engine("local", self._means.options if is_local else {})

        def receive(position: int, message: Message) -> None:
            work, at = tested[position]
            fold = work.plan.folds[at].name
            self._listener.staged(work.folder.name, fold, str(message["stage"]))

        for outcome in engine.run(tasks, receive):
            work, at = tested[outcome.item]
            if outcome.error:
                work.failures[at] = outcome.error
            fold = work.plan.folds[at].name
            self._listener.finished(work.folder.name, fold, outcome.error)

    @contextlib.contextmanager
    def _refusing(self, works: Sequence[Work]) -> Iterator[None]:
        """After an error, compute no fold of these runs, but go on with other runs."""
        try:
            yield
        except SerbenchError as error:
            for work in works:
                work.waiting, work.kept = [], {}
                self._refused.setdefault(work.folder, error)

    def _task(
        self,
        work: Work,
        at: int,
        group: Inputs,
        after: tuple[int, ...],
        extras: Sequence[Mapping[str, Any]],
    ) -> Task:
        code: Mapping[str, str] = {}
        if self._means.engine != "local":  # this machine has the code that planned
            config = work.plan.config
            key = (config.model, config.feature, config.corpus)
            if key not in self._code:
                self._code[key] = task.code_of(config)
            code = self._code[key]
        (name,) = work.names([at])
        job = make_job(work.plan, work.resources, at, group.pin(work.plan, at))
        job = dataclasses.replace(job, extras=extras)
        return task.of_fold(job, name, work.plan.needs, code, after)

    def _run(self, tasks: Sequence[Task], queued: Sequence[Queued]) -> None:
        """Run tasks, or submit them; then follow all queued tasks."""
        in_queue = dict.fromkeys(
            submission for work in self._works.values() for submission in work.in_queue.values()
        )
        means = self._means
        try:
            if tasks and isinstance(self._engine, DetachableEngine):
                given = (means.engine, means.options, means.detach)
                in_queue[submit(self._parent, *given, tasks, queued)] = None
                folds = sum(bool(each.result) for each in queued)
                self._listener.submitted(means.engine, folds)
            elif tasks:
                ends = _Ends(queued, self._works, self._listener, self._engine.extraction == "fold")
                for outcome in self._engine.run(tasks, ends.receive):
                    ends.add(outcome)
                ends.close()
            for submission in in_queue:
                awaited = {each.result for each in submission.missing()}
                with self._refusing(
                    [
                        work
                        for work in self._works.values()
                        if awaited & {str(work.resources.result(at)) for at in work.missing()}
                    ]
                ):
                    if not means.detach or submission.has_ended():
                        follow(submission, self._listener, self._works)
        except (KeyboardInterrupt, SystemExit):
            requested = {
                str(work.resources.result(at))
                for work in self._works.values()
                for at in work.chosen
            }
            for submission in in_queue:
                reason = ""
                if submission.detached:
                    reason = "they are detached"
                elif {each.result for each in submission.missing()} - requested:
                    reason = "some of them were not requested here"
                else:
                    submission.cancel()
                self._listener.interrupted(submission.engine, reason)
            raise


def follow(
    submission: Submission, listener: Listener, works: Mapping[Path, Work] | None = None
) -> None:
    """Follow the tasks of a submission; once each has ended, remove its record.

    If following is stopped, the tasks continue.

    Args:
        submission: the tasks.
        listener: shows the progress.
        works: runs by their folders; following ends with the last of their folds. None follows all.

    Raises:
        SerbenchError: another command follows the submission.
    """
    engine, ends = submission.make_engine(), _Ends(submission.tasks, works or {}, listener)
    with submission.followed() as is_ours:
        if not is_ours:
            raise SerbenchError(
                f"another command waits for the tasks in {submission.folder}: wait for that "
                "command, or stop it, and run this one again"
            )
        for outcome in engine.follow(submission.folder, ends.receive):
            ends.add(outcome)
            if works and not ends.waiting and ends.others:
                return
        ends.close()
        submission.remove()


class _Ends:
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
        self._reporters: dict[int, progress.Reporter] = {}
        self._failures: dict[int, str] = {}  # errors of tasks that extract features
        missing = {at for at, each in enumerate(tasks) if not Path(each.result or ".").exists()}
        shown = {at for at in missing if not works or Path(tasks[at].result).parent in works}
        self.waiting, self.others = shown, missing - shown  # folds that have not ended

    def receive(self, position: int, message: Message) -> None:
        queued = self._tasks[position]
        if position not in self.waiting:  # an extraction's digests, or a fold of no interest
            return
        if self._is_elsewhere:
            if position not in self._reporters:
                self._reporters[position] = progress.Reporter(Path(queued.result))
            self._reporters[position].add(message)
        if "stage" in message:
            self._listener.staged(queued.run, queued.fold, str(message["stage"]))
        elif "within_epoch" in message:
            self._listener.stepped(queued.run, queued.fold, message)
        else:
            self._listener.training(queued.run, queued.fold, message)

    def add(self, outcome: Outcome) -> None:
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
        progress.clear(result)
        if error:
            progress.failed(result, error)
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
    reasons = "\n".join(f"{_folds(work.names(at))}: {error}" for error, at in by_error.items())
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


def _folds(names: Sequence[str]) -> str:
    """Return "fold 1" or "folds 1, 2"."""
    return f"{'folds' if len(names) > 1 else 'fold'} {', '.join(names)}"


def require_free(work: Work) -> None:
    """Refuse to show a run while other commands compute requested folds.

    Raises:
        SerbenchError: other commands do; the message names their processes.
    """
    by_holder: dict[str, list[int]] = {}
    for at, holder in work.holders.items():
        if not work.resources.result(at).exists():
            by_holder.setdefault(holder, []).append(at)
    if by_holder:
        busy = "; ".join(
            f"{_folds(work.names(at))} of {work.folder.name} {tables.are(len(at))} "
            f"being computed by {holder}"
            for holder, at in by_holder.items()
        )
        raise SerbenchError(
            f"{busy}: wait for that command, or stop it, and run this one again; finished "
            "folds are kept"
        )


def _require_kept(work: Work) -> None:
    """Refuse to keep models in a run whose finished folds have none."""
    results = map(work.resources.result, range(len(work.plan.folds)))
    finished = [at for at, path in enumerate(results) if path.exists()]
    lost = [at for at in finished if not kept_models.folder(work.folder, at).is_dir()]
    if lost:
        files = ", ".join(work.resources.result(at).name for at in lost)
        raise SerbenchError(
            f"{len(lost)} of {tables.count(len(work.plan.folds), 'fold')} "
            f"({', '.join(work.names(lost))}) {tables.are(len(lost))} finished, but no model was "
            f"kept: remove {files} from {work.folder}, and run the same command again, or use "
            "another --results folder"
        )


def _require_unchanged(work: Work, group: Inputs) -> None:
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
