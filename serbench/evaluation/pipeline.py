"""Evaluate: plan runs, extract missing features, compute missing folds, and read the results."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.contracts import DetachableEngine, Engine, Task
from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.evaluation import inputs, kept_models
from serbench.evaluation.engines import task
from serbench.evaluation.engines.submission import Queued, make_engine, submissions, submit
from serbench.evaluation.extra_tests import ExtraTests
from serbench.evaluation.folds.locks import claimed
from serbench.evaluation.inputs import Inputs
from serbench.evaluation.means import Means
from serbench.evaluation.outcomes import Outcomes, follow
from serbench.evaluation.plan import Plan, Planner, Resources, make_job
from serbench.evaluation.progress.listener import Listener
from serbench.evaluation.work import (
    Work,
    require_computed,
    require_free,
    require_kept,
    require_tested,
    require_unchanged,
)
from serbench.features import cache
from serbench.features.store import Feature
from serbench.protocols import lookup
from serbench.results import run
from serbench.results.config import Request
from serbench.settings import find_device, require_device, results_folder, settings


def evaluate(request: Request, means: Means, listener: Listener | None = None) -> run.Run:
    """Compute the missing folds of one run, and read it.

    Raises:
        SerbenchError: an error that the user can fix; finished folds are kept.
    """
    work = compute_one(request, means, listener)
    require_tested(work)
    return run.read(work.folder)  # scores come from the files alone


def compute_one(request: Request, means: Means, listener: Listener | None = None) -> Work:
    """Compute the missing folds of one run.

    Raises:
        SerbenchError: an error that the user can fix; an extra test set that fails is none.
    """
    work = compute([request], means, listener)[0]
    if isinstance(work, SerbenchError):
        raise work
    require_computed(work)
    return work


def compute(
    requests: Sequence[Request],
    means: Means,
    listener: Listener | None = None,
    *,
    need_all: bool = False,
) -> list[Work | SerbenchError]:
    """Compute the missing folds of runs with one engine.

    Neither a request that cannot be planned nor a fold that fails stops the others.

    Args:
        requests: the runs.
        means: how and where to compute.
        listener: shows the progress.
        need_all: compute nothing if folds of any run cannot be computed.

    Returns:
        A run per request, or the error that prevented folds of the run: all that are missing, or
        all in a queue that cannot be followed. Equal requests share one run.

    Raises:
        SerbenchError: the engine or a folder cannot be used, or other commands compute all missing
            folds; with `need_all`, the first error of a request.
    """
    return _Evaluation(means, listener or Listener()).compute(requests, need_all)


class _Evaluation:
    """The runs of one call of `compute`."""

    def __init__(self, means: Means, listener: Listener):
        self._means, self._listener = means, listener
        self._parent = results_folder(means.results)
        self._places = dataclasses.replace(settings(), results=self._parent)
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
        self._extras = ExtraTests(means.extras, self._places)

    def compute(self, requests: Sequence[Request], need_all: bool) -> list[Work | SerbenchError]:
        planner = Planner(self._places)
        with contextlib.ExitStack() as claims:
            planned = [self._planned(request, planner, claims) for request in requests]
            for each in planned:
                if need_all and isinstance(each, SerbenchError):
                    raise each
            for work in self._works.values():
                self._claim(work, claims)
            self._find_in_queues()
            self._find_untested(claims)
            self._show()
            self._require_all(need_all)
            tasks = self._tasks()
            self._require_all(need_all)
            self._run(*tasks)
            self._extras.test_kept(self._works.values(), self._means, self._listener)
        return [
            self._refused.get(each.folder, each) if isinstance(each, Work) else each
            for each in planned
        ]

    def _require_all(self, need_all: bool) -> None:
        if need_all and self._refused:
            raise next(iter(self._refused.values()))

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
            extras = self._extras.plan(plan)
            names = [fold.name for fold in plan.folds]
            for name in wanted or ():
                if name not in names:
                    raise nearest(f"fold of {plan.config.protocol}", name, names)
        except SerbenchError as error:
            return error
        for each in (plan, *plan.copies):
            if (key := inputs.key(each)) not in self._cached:
                self._cached.add(key)
                feature, root = Feature.of(each.config), plan.source.root
                claims.enter_context(cache.in_use(self._places.cache, feature, root))
        chosen = [at for at, name in enumerate(names) if wanted is None or name in wanted]
        folder = self._parent / plan.config.name
        isolated = (self._means.engine, self._means.options.get("jobs")) != ("local", 0)
        resources = Resources(folder, self._places.cache, self._device, keep, isolated)
        work = Work(plan, chosen, resources, extras=extras)
        return self._works.setdefault(folder, work)

    def _claim(self, work: Work, claims: contextlib.ExitStack) -> None:
        """Claim the missing folds that no other command computes."""
        missing = work.missing()
        work.holders |= self._holders(work, missing, claims)
        work.waiting = [
            at
            for at in missing
            if at not in work.holders and not work.resources.result(at).exists()
        ]

    def _holders(
        self, work: Work, positions: Sequence[int], claims: contextlib.ExitStack
    ) -> dict[int, str]:
        """Claim folds, and return the holders of those that another command has."""
        stems = {work.resources.result(at).stem: at for at in positions}
        holders = claims.enter_context(claimed(work.folder, list(stems)))
        return {stems[stem]: holder for stem, holder in holders.items()}

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
                    f"{work.named(unkept)} of {work.folder.name}, in a queue, will keep no "
                    "model: cancel the command that queued them, or leave out --keep-models"
                )

    def _find_untested(self, claims: contextlib.ExitStack) -> None:
        """Find and claim the finished folds whose kept models are to be tested on extra sets."""
        for work in self._works.values():
            with self._refusing([work]):
                self._extras.find_untested(work)
                if work.kept:
                    work.holders |= self._holders(work, list(work.kept), claims)
                    self._extras.find_untested(work)  # another command may just have tested them
                    work.kept = {
                        at: sets for at, sets in work.kept.items() if at not in work.holders
                    }

    def remarked(self, line: str) -> None:
        """Pass a remark on a corpus to the listener, once for all runs."""
        if line not in self._remarks:
            self._remarks.add(line)
            self._listener.remarked(line)

    def estimated(self, line: str) -> None:
        """Pass the room that large features take to the listener."""
        self._listener.estimated(line)

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
                    require_kept(work)
            todo = len(work.waiting) + len(work.in_queue) + len(work.kept)
            wanted = len(work.chosen) - len(work.holders)
            self._listener.planned(work.plan, work.folder, wanted, todo)
            plan = work.plan
            for line in (*plan.doubts, *lookup.fold_remarks(plan.corpus, plan.folds)):
                self.remarked(line)

    def _tasks(self) -> tuple[list[Task], list[Queued]]:
        """Return the tasks of all waiting folds, after those that extract missing features."""
        groups: dict[object, list[Work]] = {}
        wanted = [work for folder, work in self._works.items() if folder not in self._refused]
        for work in wanted:
            groups.setdefault(inputs.key(work.plan), []).append(work)
        tasks: list[Task] = []
        queued: list[Queued] = []
        for extra, ids, works in self._extras.audio(wanted):
            who = self._engine.extraction if any(work.waiting for work in works) else "driver"
            with self._refusing(works), extra.explaining():
                plan = extra.plan(works[0].plan)
                group = inputs.prepare(plan, ids, self._places, self, who)
                self._extras.add(group, _add_extraction(group, tasks, queued))
        for work in wanted:
            if work.folder not in self._refused:
                with self._refusing([work]):
                    self._extras.require_unchanged(work)
        copied: dict[object, tuple[int, ...]] = {}  # the tasks that extract perturbed copies
        for copy, ids, works in _copies(wanted):
            with self._refusing(works):
                group = inputs.prepare(copy, ids, self._places, self, self._engine.extraction)
                copied[inputs.key(copy)] = _add_extraction(group, tasks, queued)
        for works in groups.values():
            needed = {id_ for work in works for at in work.waiting for id_ in work.plan.ids(at)}
            given = (self._places, self, self._engine.extraction)
            with self._refusing(works):
                group = inputs.prepare(works[0].plan, needed, *given)
            if all(work.folder in self._refused for work in works):
                continue
            after = _add_extraction(group, tasks, queued)
            for work in works:
                with self._refusing([work]):
                    require_unchanged(work, group)
                    group.require_clean(work.plan, work.waiting)  # refuses shared recordings
                copies = [at for copy in work.plan.copies for at in copied[inputs.key(copy)]]
                for at in work.waiting:
                    extras, before = self._extras.jobs(work, work.extras, at)
                    all_after = (*after, *copies, *before)
                    tasks.append(self._task(work, at, group, all_after, extras))
                    result = str(work.resources.result(at))
                    (name,) = work.names([at])
                    keep, sets = self._means.keep_models, [each.set.folder for each in work.extras]
                    queued.append(
                        Queued(
                            tasks[-1].name, work.folder.name, name, result, all_after, keep, sets
                        )
                    )
        return tasks, queued

    @contextlib.contextmanager
    def _refusing(self, works: Sequence[Work]) -> Iterator[None]:
        """After an error, compute no fold of these runs, but go on with other runs."""
        try:
            yield
        except SerbenchError as error:
            for work in works:
                work.waiting, work.in_queue, work.kept = [], {}, {}
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
            key = (config.model, config.feature, config.dataset)  # extra sets are the same for all
            if key not in self._code:
                self._code[key] = task.code_of(config, [extra.set for extra in work.extras])
            code = self._code[key]
        (name,) = work.names([at])
        job = make_job(work.plan, work.resources, at, group.pin(work.plan, at), extras=extras)
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
                outcomes = Outcomes(
                    queued, self._works, self._listener, self._engine.extraction == "fold"
                )
                for outcome in self._engine.run(tasks, outcomes.receive):
                    outcomes.add(outcome)
                outcomes.close()
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


def _copies(works: Sequence[Work]) -> Iterable[tuple[Plan, set[str], list[Work]]]:
    """Return each perturbation as a plan, the training utterances to copy, and their runs."""
    wanted: dict[object, tuple[Plan, set[str], list[Work]]] = {}
    for work in works:
        for copy in work.plan.copies:
            _, ids, its_works = wanted.setdefault(inputs.key(copy), (copy, set(), []))
            ids.update(id_ for at in work.waiting for id_ in copy.folds[at].train)
            its_works.append(work)
    return wanted.values()


def _add_extraction(group: Inputs, tasks: list[Task], queued: list[Queued]) -> tuple[int, ...]:
    """Add the tasks that extract missing features, and return their positions."""
    first = len(tasks)
    tasks += group.tasks
    queued += [Queued(each.name) for each in group.tasks]
    return tuple(range(first, len(tasks)))
