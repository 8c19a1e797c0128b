"""Check that an engine runs every task once, reports how each ends, and leaves none behind."""

import contextlib
import os
import signal
import sys
import threading
import time
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, ClassVar

from serbench import tables
from serbench.contracts import DetachableEngine, Extraction, GeneratedDataset, Task
from serbench.errors import SerbenchError
from serbench.evaluation.engines.submission import make_engine
from serbench.evaluation.means import Means
from serbench.evaluation.pipeline import evaluate
from serbench.evaluation.progress.listener import Listener
from serbench.parameters import checked, settable, typed
from serbench.plugins import registry, shipped
from serbench.processes import Message, Outcome
from serbench.results.config import Request
from serbench.results.run import Run
from serbench.testing.checks.parameters import is_plain
from serbench.testing.examination import Check, NotRun, Subject, Violation
from serbench.testing.fake_tasks import PAUSE, task

LIMIT = 300.0  # seconds without an outcome after which a check fails
GRACE = 15.0  # seconds that tasks may take to end
QUIET = 1.0  # seconds without a sign of life after which a task counts as ended
MANY = 50
METHODS = ("submit", "follow", "cancel", "states")  # of a `DetachableEngine`
TEXT = "é “quoted”\n" * 10_000  # longer than the buffer of a pipe
MESSAGES = [{"epoch": 1, "epochs": 3, "train_loss": 0.5}, {"stage": TEXT, "epoch": 1}, {"epoch": 2}]
RESULT = {"none": None, "list": [1, 2.5, "three"], "text": TEXT}
MODEL = "serbench.testing.fake_models:Loudness"
STOPPED = "the check stops the run"
STAGE = ["stage"]  # the keys of a message of the engine itself


class Stopped(KeyboardInterrupt):
    """Raised in `receive`, as Ctrl-C in a listener is."""


@dataclass
class Record:
    """The outcomes and messages of a run of tasks."""

    tasks: Sequence[Task]
    outcomes: list[Outcome] = field(default_factory=list)
    messages: list[tuple[int, Message]] = field(default_factory=list)
    late: set[int] = field(default_factory=set)  # tasks whose messages came after their outcome
    threads: set[int] = field(default_factory=set)  # threads that called `receive`

    @property
    def ends(self) -> Mapping[int, Outcome]:
        """The outcomes by position."""
        return {outcome.item: outcome for outcome in self.outcomes}

    def messages_of(self, position: int) -> list[Message]:
        """Return the messages of a task, without those by which the engine says where it is."""
        return [message for at, message in self.messages if at == position and [*message] != STAGE]


class EngineSubject(Subject):
    """An engine with its options."""

    kind: ClassVar[str] = "engine"

    def engine(self) -> Any:
        """Return a new engine."""
        return make_engine(self.name, self.params)

    @property
    def detaches(self) -> bool:
        """Whether the tasks of the engine continue without the driver."""
        return isinstance(self.engine(), DetachableEngine)

    def new_folder(self) -> Path:
        """Return a new folder for what `submit` writes."""
        folder = self.folder / "queue" / str(time.monotonic_ns())
        folder.mkdir(parents=True)
        return folder

    @contextlib.contextmanager
    def running(self, record: Record, receive: Any = None) -> Iterator[Iterator[Outcome]]:
        """Run the tasks of a record, and yield their outcomes, as `serbench.evaluate` does.

        After the block, end the tasks that have not ended.
        """

        def listen(position: int, message: Message) -> None:
            self.send({})  # there is progress
            record.threads.add(threading.get_ident())
            record.messages.append((position, message))
            if position in record.ends:
                record.late.add(position)
            if receive is not None:
                receive()

        engine, folder = self.engine(), self.new_folder()
        with _limited(record) as outcomes_of:
            if isinstance(engine, DetachableEngine):
                engine.submit(record.tasks, folder)
                outcomes = engine.follow(folder, listen)
            else:
                outcomes = engine.run(record.tasks, listen)
            if not isinstance(outcomes, typing.Generator):
                raise Violation(
                    f"it returns a {type(outcomes).__name__}, which cannot be closed: write the "
                    "method as a generator, with yield"
                )
            try:
                yield outcomes_of(outcomes)
            finally:
                outcomes.close()
                if isinstance(engine, DetachableEngine):
                    engine.cancel(folder)

    def record(self, tasks: Sequence[Task]) -> Record:
        """Run tasks to the end."""
        record = Record(tasks)
        with self.running(record) as outcomes:
            for _ in outcomes:
                self.send({})
        return record

    @cached_property
    def mixed(self) -> Record:
        """A run of tasks that succeed, fail in every way, or come after other tasks."""
        return self.record(
            [
                task("refuse"),
                task("crash"),
                task("die"),
                task("leave"),
                task("answer", messages=MESSAGES, result=RESULT),
                task("answer", seconds=1.0, messages=MESSAGES[::-1]),
                task("answer", after=(5,)),
                task("answer", messages=MESSAGES, after=(4, 0)),
                task("answer", messages=MESSAGES, after=(7,)),
                task("answer", result="last", threads=2),
            ]
        )


@contextlib.contextmanager
def _limited(record: Record) -> Iterator[Any]:
    """Yield a function that collects outcomes; after `LIMIT` seconds without any, raise an error.

    Signals are for main threads only; in others and on Windows there is no limit.
    """
    is_main = threading.current_thread() is threading.main_thread()

    def end(*_: object) -> None:
        open_ = sorted({*range(len(record.tasks))} - {*record.ends})
        names = ", ".join(f"{at} ({record.tasks[at].name})" for at in open_[:5])
        raise Violation(
            f"it yielded no outcome for {LIMIT:g} s; tasks without one are {names}: yield an "
            "outcome for every task, also for one whose process was killed"
        )

    def restart(limit: float = LIMIT) -> None:
        if sys.platform != "win32" and is_main:
            signal.setitimer(signal.ITIMER_REAL, limit)

    def collected(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            restart()
            record.outcomes.append(outcome)
            yield outcome

    if sys.platform != "win32" and is_main:
        before = signal.signal(signal.SIGALRM, end)
    restart()
    try:
        yield collected
    finally:
        restart(0)
        if sys.platform != "win32" and is_main:
            signal.signal(signal.SIGALRM, before)


def is_made(subject: EngineSubject) -> str:
    """The engine can be imported, takes its options, and says who extracts features.

    It has the method run, or the methods submit, follow, cancel and states.
    """
    engine = subject.engine()
    who, allowed = getattr(engine, "extraction", None), typing.get_args(Extraction)
    if who not in allowed:
        raise Violation(
            f'its extraction is {who!r}: set extraction = "task" in the class if all machines '
            'share the cache folder, "fold" if they do not, "driver" if tasks run on this machine'
        )
    present = [name for name in METHODS if callable(getattr(engine, name, None))]
    if present and len(present) < len(METHODS):
        lacking = [name for name in METHODS if name not in present]
        raise Violation(
            f"it has {' and '.join(present)} but not {' and '.join(lacking)}: an engine whose "
            f"tasks continue without the driver has {', '.join(METHODS)}; any other has only run"
        )
    if not present and not callable(getattr(engine, "run", None)):
        raise Violation("it has no method run(tasks, receive): see serbench.Engine")
    return f"features are extracted by: {who}" + ("; detachable" if present else "")


def options(subject: EngineSubject) -> str:
    """Every option has an annotation and a default; an impossible value is refused in one line.

    Users type options as --engine-option name=value.
    """
    target: Any = subject.target
    for parameter in signature(target).parameters.values():
        name = parameter.name
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            raise Violation(f"it takes {parameter}: name each option, with a default")
        if parameter.default is Parameter.empty:
            raise Violation(f"the option {name} has no default: give it one")
        annotation, default = settable(target)[name]
        if parameter.annotation is Parameter.empty or not is_plain(annotation):
            raise Violation(
                f"the option {name} is not annotated with bool, int, float, str, a Literal, or one "
                "of these | None, so --engine-option cannot check it: annotate it"
            )
        own = {name: (annotation, default)}
        checked(f"the engine {subject.name}", own, {name: default})
        for value in (-1, 0, -1.0, "", "no such value"):
            try:
                fitting = checked("", own, {name: value})[name]
            except SerbenchError:  # of another type
                continue
            _try_option(target, subject.params, name, fitting)
    return ", ".join(signature(target).parameters) or "none"


def _try_option(target: Any, given: Mapping[str, object], name: str, value: object) -> None:
    """Make an engine with a value that may be impossible; it must accept or clearly refuse it."""
    try:
        target(**{**given, name: value})
    except SerbenchError as error:
        if len(str(error).splitlines()) != 1:
            raise Violation(
                f"for {typed(name, value)} the message has {len(str(error).splitlines())} lines: "
                "say in one line what is wrong and what would be right"
            ) from error
    except Exception as error:
        raise Violation(
            f"for {typed(name, value)} it raises {type(error).__name__}: raise "
            "serbench.BadParameter, with a line that says what would be right"
        ) from error


def outcomes(subject: EngineSubject) -> str:
    """Every task has exactly one outcome, whatever became of other tasks.

    A fold without an outcome would be missing without a reason.
    """
    record = subject.mixed
    positions = [outcome.item for outcome in record.outcomes]
    for at, each in enumerate(record.tasks):
        if positions.count(at) != 1:
            raise Violation(
                f"task {at} ({each.name}) of {len(record.tasks)} has {positions.count(at)} "
                "outcomes: yield one, dataclasses.replace(outcome, item=position), also if the "
                "task or another one failed"
            )
    if unknown := sorted({*positions} - {*range(len(record.tasks))}):
        raise Violation(
            f"it yields an outcome of task {unknown[0]}, but tasks are numbered from 0 to "
            f"{len(record.tasks) - 1}"
        )
    return tables.count(len(positions), "task")


def results(subject: EngineSubject) -> None:
    """The outcome of a task that succeeds has its result, unchanged, and no error.

    Results are JSON objects, which may be long.
    """
    ends = subject.mixed.ends
    for at, expected in ((4, RESULT), (5, None), (9, "last")):
        outcome = ends[at]
        if outcome.error or outcome.result is None:
            raise Violation(
                f"task {at} must succeed, but its outcome has the error {outcome.error!r} and the "
                f"result {_short(outcome.result)}: yield the outcome that serbench.run_task returns"
            )
        if outcome.result.get("result") != expected:
            raise Violation(
                f"the result of task {at} must be {_short(expected)}, but is "
                f"{_short(outcome.result.get('result'))}: pass it on unchanged, as JSON in UTF-8"
            )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:60]}..."


def messages(subject: EngineSubject) -> None:
    """Every message of a task arrives once, in order, with its position, before its outcome.

    receive is called in the thread that asks for outcomes, since listeners need no locks.
    """
    record = subject.mixed
    for at, each in enumerate(record.tasks):
        expected, received = each.message["item"].get("messages", []), record.messages_of(at)
        if received != expected and at not in (7, 8):  # these must not run
            raise Violation(
                f"task {at} sends {len(expected)} messages, but receive got {len(received)} with "
                f"that position{', others or in another order' if received else ''}: call "
                f"receive({at}, message) for each, in the order in which they were sent"
            )
    if record.late:
        raise Violation(
            f"a message of task {min(record.late)} comes after its outcome: yield the outcome last"
        )
    if record.threads != {threading.get_ident()}:
        raise Violation(
            "receive is called in another thread: put messages into a queue.Queue, and call "
            "receive in the generator itself"
        )


def errors(subject: EngineSubject) -> None:
    """The outcome of a task that fails has no result, and the error that run_task gives.

    The reason is all that users learn about a failed fold.
    """
    cases = (
        (0, "raises a SerbenchError", ("the task refuses, as requested",)),
        (1, "raises a ZeroDivisionError", ("Traceback", "ZeroDivisionError: the task crashes")),
        (2, "is killed by SIGKILL", ("SIGKILL",)),
        (3, "ends its process with 3", ("ended with 3",)),
    )
    for at, what, words in cases:
        outcome = subject.mixed.ends[at]
        if outcome.result is not None or any(word not in outcome.error for word in words):
            raise Violation(
                f"task {at} {what}, but its outcome has the error {_short(outcome.error)} and the "
                f"result {_short(outcome.result)}: yield the outcome that serbench.run_task returns"
            )
    if subject.mixed.ends[0].error != cases[0][2][0]:
        raise Violation(
            f"the error of a SerbenchError is {_short(subject.mixed.ends[0].error)}: it must be "
            "its message alone"
        )


def threads(subject: EngineSubject) -> None:
    """The process of a task computes with needs.threads threads.

    Sums of floating-point numbers depend on the number of threads, and so do predictions.
    """
    ends = subject.mixed.ends
    for at in (4, 5, 9):
        wanted = str(subject.mixed.tasks[at].needs.threads)
        if (got := (ends[at].result or {}).get("threads")) != wanted:
            raise Violation(
                f"a task that needs {wanted} threads had OMP_NUM_THREADS={got}: run its message "
                "with serbench.run_task, which starts a process with these threads"
            )


def order(subject: EngineSubject) -> None:
    """A task starts after all tasks that its `after` names have ended.

    Folds need the features that earlier tasks extract.
    """
    first, second = (subject.mixed.ends[at].result or {} for at in (5, 6))
    if not second or second["began"] < first["ended"]:
        raise Violation(
            "task 6 comes after task 5, but began before task 5 had ended or did not succeed: "
            "start a task when every task in task.after has succeeded"
        )


def after_a_failure(subject: EngineSubject) -> None:
    """A task that comes after a failed task does not run, and fails with a reason.

    Nor does a task that comes after that task.
    """
    for at, earlier in ((7, 0), (8, 7)):
        outcome = subject.mixed.ends[at]
        if subject.mixed.messages_of(at) or outcome.result is not None:
            raise Violation(
                f"task {at} comes after task {earlier}, which failed, but ran: do not start it, "
                "and yield Outcome(position, None, reason)"
            )
        if not outcome.error.strip():
            raise Violation(
                f"task {at} did not run because task {earlier} failed, but its outcome has no "
                'error: give the reason, f"not run, because {tasks[earlier].name} failed"'
            )


def single_task(subject: EngineSubject) -> None:
    """A run of a single task works.

    Often a single fold is missing.
    """
    _require_answers(subject.record([task("answer", result=0)]))


def many_tasks(subject: EngineSubject) -> str:
    """A run of 50 tasks works, and each result comes with the position of its task.

    Some clusters limit the length of a queue or of an array.
    """
    record = subject.record([task("answer", result=at) for at in range(MANY)])
    _require_answers(record)
    return f"{MANY} tasks"


def _require_answers(record: Record) -> None:
    """Refuse a run whose tasks do not give their positions as results."""
    if len(record.outcomes) != len(record.tasks):
        raise Violation(
            f"{len(record.tasks)} tasks have {len(record.outcomes)} outcomes: yield one per task"
        )
    for outcome in record.outcomes:
        if outcome.error:
            raise Violation(f"task {outcome.item} of {len(record.tasks)} failed: {outcome.error}")
        if (got := (outcome.result or {}).get("result")) != outcome.item:
            raise Violation(
                f"the outcome of task {outcome.item} has the result of task {got}: yield "
                "dataclasses.replace(outcome, item=position)"
            )


def closing(subject: EngineSubject) -> None:
    """If the generator is closed, the tasks end (those of a detachable engine after cancel).

    A driver that is stopped must not leave processes that use the machine.
    """
    with _lives(subject) as files:
        last = [task("live", file=str(file)) for file in files]
        record = Record([task("meet", file=str(files[0])), *last])
        with subject.running(record) as outcomes:
            next(outcomes, None)
        _require_end(files)


def interrupt(subject: EngineSubject) -> None:
    """An error that receive raises reaches the caller, and the tasks end.

    Ctrl-C is such an error. A detachable engine's tasks end after cancel.
    """
    with _lives(subject) as files:
        stops: list[Stopped] = []

        def stop() -> None:
            if stops:  # the first error did not end the run
                for file in files[0].parent.iterdir():
                    file.unlink()
                files[0].parent.rmdir()
                return
            stops.append(Stopped(STOPPED))
            raise stops[0]

        record = Record([task("live", file=str(file)) for file in files])
        caught = False
        try:
            with subject.running(record, stop) as outcomes:
                for _ in outcomes:
                    pass
        except Stopped:
            caught = True
        if not stops:
            raise NotRun(
                "no message arrived from tasks that write into a folder of this machine: run the "
                "checks where the machines of the engine share this machine's folders"
            )
        if not caught:
            raise Violation(
                "it catches the error that receive raises: let it pass, and end the tasks in "
                "finally"
            )
        _require_end(files)


@contextlib.contextmanager
def _lives(subject: EngineSubject) -> Iterator[Sequence[Path]]:
    """Yield paths for tasks that live until their folder is gone; remove it after the block."""
    folder = subject.folder / "lives" / str(time.monotonic_ns())
    folder.mkdir(parents=True)
    try:
        yield [folder / "first", folder / "second"]
    finally:
        while folder.exists():  # a task may be writing
            with contextlib.suppress(OSError):
                for file in folder.iterdir():
                    file.unlink()
                folder.rmdir()


def _require_end(files: Sequence[Path]) -> None:
    """Refuse tasks that still write into these files."""
    deadline, since, before = time.monotonic() + GRACE, time.monotonic(), _contents(files)
    while time.monotonic() < deadline:
        time.sleep(PAUSE)
        if (now := _contents(files)) != before:
            since, before = time.monotonic(), now
        if time.monotonic() - since > QUIET:
            return
    raise Violation(
        f"{GRACE:g} s after the run was stopped, a task still runs: kill the processes of tasks "
        "in a finally of run, or in cancel; serbench.run_task's process ends with its caller"
    )


def _contents(files: Sequence[Path]) -> list[str]:
    return [file.read_text() if file.exists() else "" for file in files]


def detaching(subject: EngineSubject) -> None:
    """A new engine object can follow the tasks that another one submitted, and more than once.

    The driver may be killed at any time, and the next command must learn every outcome.
    """
    _require_detachable(subject)
    folder, first = subject.new_folder(), subject.engine()
    tasks = [task("answer", result=0), task("refuse"), task("answer", seconds=1.0, result=2)]
    first.submit(tasks, folder)
    try:
        for which in ("first", "second"):
            record = Record(tasks)
            with _limited(record) as collected:
                for _ in collected(subject.engine().follow(folder, lambda *_: subject.send({}))):
                    subject.send({})
            if sorted(outcome.item for outcome in record.outcomes) != [0, 1, 2]:
                raise Violation(
                    f"the {which} follow of a new engine gives {len(record.outcomes)} outcomes of "
                    f"{len(tasks)} tasks: keep outcomes in the folder until the driver removes it"
                )
            if [bool(record.ends[at].error) for at in range(3)] != [False, True, False]:
                raise Violation(
                    f"the {which} follow of a new engine reports failures of the wrong tasks: "
                    "keep the outcome that run_task returns in the folder"
                )
    finally:
        first.cancel(folder)


def cancelling(subject: EngineSubject) -> None:
    """`cancel` does nothing if no task was submitted, or if all tasks have ended.

    `submit` may fail before it has queued anything.
    """
    _require_detachable(subject)
    engine, ended = subject.engine(), subject.new_folder()
    engine.submit([task("answer")], ended)
    record = Record([task("answer")])
    with _limited(record) as collected:
        for _ in collected(engine.follow(ended, lambda *_: None)):
            pass
    for folder, what in ((subject.new_folder(), "without any task"), (ended, "of ended tasks")):
        try:
            subject.engine().cancel(folder)
        except Exception as error:
            raise Violation(
                f"for a folder {what} it raises {type(error).__name__}: do nothing there"
            ) from error


def states(subject: EngineSubject) -> str:
    """`states` says where each task without an outcome is, in a few words.

    `serbench study status` shows these words.
    """
    _require_detachable(subject)
    with _lives(subject) as files:
        tasks = [task("answer"), task("live", file=str(files[0])), task("answer", after=(1,))]
        record, folder = Record(tasks), subject.new_folder()
        engine = subject.engine()
        engine.submit(tasks, folder)
        try:
            with _limited(record) as collected:
                following = engine.follow(folder, lambda *_: None)
                next(collected(following))
                following.close()
            stated = dict(subject.engine().states(folder))
        finally:
            engine.cancel(folder)
    if set(stated) != {1, 2}:
        raise Violation(
            f"tasks 1 and 2 have no outcome, but states names {sorted(stated) or 'none'}: return a "
            "text for the position of each task without an outcome"
        )
    for at, text in stated.items():
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            raise Violation(
                f'the state of task {at} is {text!r}: say in a few words where it is, "queued"'
            )
    return ", ".join(stated.values())


def _require_detachable(subject: EngineSubject) -> None:
    if not subject.detaches:
        raise NotRun("its tasks end with the driver, which is allowed")


def evaluates(subject: EngineSubject) -> str:
    """The predictions of an evaluation are the same as with the engine local, byte for byte.

    An engine never changes a result.
    """
    dataset = _generated_dataset()
    runs = []
    given: Sequence[tuple[str, Mapping[str, object]]]
    given = ((subject.name, subject.params), ("local", {}))
    for at, (engine, params) in enumerate(given):
        place = subject.folder / f"evaluation-{at}"
        with _cache(place / "cache"):
            means = Means(engine, params, device="cpu", results=place / "results")
            request = Request(MODEL, dataset, protocol="kfold:n=3")
            runs.append(evaluate(request, means, _Silent()))
    theirs, ours = map(_predictions, runs)
    if theirs != ours:
        raise Violation(
            f"its predictions on {dataset} are not those of the engine local: run each message "
            "with serbench.run_task, unchanged"
        )
    return f"{tables.count(len(ours), 'fold')} of {dataset}"


class _Silent(Listener):
    def remarked(self, line: str) -> None:
        """Show no remark on the corpus."""


def _generated_dataset() -> str:
    """Return the name of an installed dataset whose corpus can be generated here."""
    for name, entry in registry.installed().entries["dataset"].items():
        with contextlib.suppress(SerbenchError):
            dataset: Any = registry.load(entry)
            if isinstance(dataset, GeneratedDataset):
                return name
    raise NotRun(f"no installed dataset generates its corpus; {shipped.LIGHT}")


@contextlib.contextmanager
def _cache(folder: Path) -> Iterator[None]:
    """Use a cache without features, so that the engine has to extract them."""
    before = os.environ.get("SERBENCH_CACHE")
    os.environ["SERBENCH_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SERBENCH_CACHE"]
        else:
            os.environ["SERBENCH_CACHE"] = before


def _predictions(run: Run) -> list[object]:
    return [(fold.test.ids, fold.test.activations.tobytes()) for fold in run.folds]


CHECKS = (
    Check(is_made),
    Check(options, (is_made,)),
    Check(outcomes, (is_made,)),
    Check(results, (outcomes,)),
    Check(messages, (outcomes,)),
    Check(errors, (outcomes,)),
    Check(threads, (results,)),
    Check(order, (results,)),
    Check(after_a_failure, (outcomes,)),
    Check(single_task, (is_made,)),
    Check(many_tasks, (is_made,)),
    Check(closing, (is_made,)),
    Check(interrupt, (is_made,)),
    Check(detaching, (is_made,)),
    Check(cancelling, (is_made,)),
    Check(states, (is_made,)),
    Check(evaluates, (is_made,)),
)
