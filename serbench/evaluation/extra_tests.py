"""The extra test sets of all runs of an evaluation: which folds lack them, and their audio."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from serbench import tables
from serbench.errors import CorpusError, SerbenchError
from serbench.evaluation import inputs, kept_models
from serbench.evaluation.engines import task
from serbench.evaluation.engines.submission import make_engine
from serbench.evaluation.extra_sets import PlannedSet, Wanted, plan_sets, require_wave
from serbench.evaluation.inputs import Inputs
from serbench.evaluation.means import Means
from serbench.evaluation.plan import Plan, make_job
from serbench.evaluation.progress import fold_status
from serbench.evaluation.progress.listener import Listener
from serbench.evaluation.work import Work
from serbench.features.normalisation import Normalisation
from serbench.files import digest
from serbench.processes import Message
from serbench.results import extra_set, fold_file
from serbench.settings import Settings


class ExtraTests:
    """The extra test sets of the runs of one evaluation, each planned and decoded once."""

    def __init__(self, wanted: Wanted, places: Settings):
        self._wanted, self._places = wanted, places
        self._planned: dict[object, tuple[PlannedSet, ...]] = {}
        self._inputs: dict[object, tuple[Inputs, Sequence[int]]] = {}  # and tasks that extract them

    def plan(self, plan: Plan) -> tuple[PlannedSet, ...]:
        """Return the extra test sets of a run.

        Raises:
            SerbenchError: as `plan_sets`, or no perturbation concerns the model.
        """
        if self._wanted.perturb:
            require_wave(plan)  # of each run: sets are planned once for all features
        config = plan.config
        key = (config.dataset, config.labels, config.protocol, digest(dict(config.reading)))
        if key not in self._planned:
            self._planned[key] = plan_sets(plan, self._wanted, self._places)
        others = [each for each in self._planned[key] if not each.is_perturbed]
        for each in others:
            sets = [("the extra test set", [one.id for one in each.corpus.utterances])]
            Normalisation.of(config.normalise).require_material(each.corpus, sets)
        return self._planned[key]

    def find_untested(self, work: Work) -> None:
        """Set `kept` of a run: its finished folds that lack extra test sets.

        Raises:
            SerbenchError: the model of such a fold was not kept; or folds of the run are in a
                queue without these extra test sets.
        """
        untested = {at: work.untested(at) for at in work.finished()}
        work.kept = {at: extras for at, extras in untested.items() if extras}
        if lost := [at for at in work.kept if not kept_models.folder(work.folder, at).is_dir()]:
            raise SerbenchError(work.without_models(lost, work.kept[lost[0]]))
        lacking = [
            at
            for at, submission in work.in_queue.items()
            for queued in submission.tasks
            if queued.result == str(work.resources.result(at))
            and {extra.set.folder for extra in work.extras} - set(queued.extras)
        ]
        if lacking:
            raise SerbenchError(
                f"{work.named(lacking)} of {work.folder.name} {tables.are(len(lacking))} in a "
                "queue without these extra test sets: wait until they are finished, and run the "
                "same command again"
            )

    def audio(self, works: Iterable[Work]) -> Iterator[tuple[PlannedSet, set[str], list[Work]]]:
        """Yield the audio to decode: an extra test set, ids of utterances, and their runs."""
        wanted: dict[object, tuple[PlannedSet, set[str], list[Work]]] = {}
        for work in works:
            for extra in work.extras:
                key = inputs.key(extra.plan(work.plan))
                _, ids, its_works = wanted.setdefault(key, (extra, set(), []))
                for at in (*work.waiting, *work.kept):
                    if at in work.waiting or extra in work.kept[at]:
                        ids.update(extra.ids(work.plan, at))
                its_works.append(work)
        yield from wanted.values()

    def add(self, group: Inputs, after: Sequence[int]) -> None:
        """Take in decoded audio, and the positions of the tasks that extract its features."""
        self._inputs[inputs.key(group.plan)] = group, after

    def require_unchanged(self, work: Work) -> None:
        """Refuse predictions for extra test sets that have changed since.

        Raises:
            CorpusError: a corpus has changed.
        """
        for extra, at in itertools.product(work.extras, work.chosen):
            file = extra_set.path(work.folder, extra.set, at)
            is_made = at in work.waiting or extra in work.kept.get(at, ())
            if not file.exists() or is_made:
                continue
            (job,), _ = self.jobs(work, [extra], at)
            now, then = job["pins"], extra_set.read(file).facts.pins
            if changed := [name for name in now if now[name] != then.get(name)]:
                raise CorpusError(
                    f"the {' and the '.join(changed)} of {extra.set.dataset} changed since {file} "
                    f"was computed: restore the corpus, or remove {file.parent}, and run the same "
                    "command again"
                )

    def jobs(
        self, work: Work, extras: Sequence[PlannedSet], at: int
    ) -> tuple[list[Mapping[str, Any]], tuple[int, ...]]:
        """Return extra test sets for the job of a fold, and the tasks that extract features."""
        jobs: list[Mapping[str, Any]] = []
        before: set[int] = set()
        for extra in extras:
            group, after = self._inputs[inputs.key(extra.plan(work.plan))]
            ids = extra.ids(work.plan, at)
            jobs.append(extra.job(digest([group.audio[id_] for id_ in ids])))
            before.update(after)
        return jobs, tuple(sorted(before))

    def test_kept(self, works: Iterable[Work], means: Means, listener: Listener) -> None:
        """Test the kept models of finished folds, on this machine."""
        tested = [(work, at) for work in works for at in work.kept]
        tasks = []
        for work, at in tested:
            audio = fold_file.read(work.resources.result(at)).facts.pins.audio
            extras, _ = self.jobs(work, work.kept[at], at)
            job = make_job(work.plan, work.resources, at, audio, extras)
            tasks.append(task.of_kept(job, work.plan.folds[at].name, work.plan.needs))

        def receive(position: int, message: Message) -> None:
            work, at = tested[position]
            fold = work.plan.folds[at].name
            listener.staged(work.folder.name, fold, str(message["stage"]))

        engine = make_engine("local", means.options if means.engine == "local" else {})
        for outcome in engine.run(tasks, receive) if tasks else ():
            work, at = tested[outcome.item]
            if outcome.error:  # before any set was tested
                for extra in work.kept[at]:
                    file = extra_set.path(work.folder, extra.set, at)
                    with contextlib.suppress(SerbenchError):  # a full disk: it is missing below
                        fold_status.failed(file, outcome.error)
            errors = work.errors_of_extras([at])
            titles = [extra.set.title for extra in work.kept[at]]
            listener.tested(work.folder.name, work.plan.folds[at].name, titles, "; ".join(errors))
