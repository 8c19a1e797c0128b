"""Each check of an engine catches one that is built to break it, and lets clean ones pass."""

import re
import tempfile
from pathlib import Path

import pytest

from serbench.testing import EngineContract
from serbench.testing.checks import engine as checks
from serbench.testing.examination import Examination
from serbench.testing.kinds import KINDS

# the violating engine, the check that catches it, and its words
CAUGHT = [
    ("unsaid", "is_made", 'extraction is None: set extraction = "task" in the class if all machi'),
    ("idle", "is_made", r"it has no method run\(tasks, receive\): see serbench.Engine"),
    (
        "half-queue",
        "is_made",
        "it has submit and follow and cancel but not states: an engine whose",
    ),
    ("unannotated", "options", "option workers is not annotated .*--engine-option cannot check"),
    ("crude", "options", "for workers=0 it raises ZeroDivisionError: raise serbench.BadParameter"),
    ("wordy", "options", "for workers=-1 the message has 2 lines: say in one line what is wrong"),
    ("forgetful", "outcomes", r"task 2 \(die\) of 10 has 0 outcomes: yield one, dataclasses.repla"),
    ("repeating", "outcomes", r"task 0 \(refuse\) of 10 has 2 outcomes"),
    ("hanging", "outcomes", r"no outcome for 1 s; tasks without one are 2 \(die\), 3 .*was killed"),
    ("listing", "outcomes", "it returns a list, which cannot be closed: write the method as a ge"),
    ("lossy", "results", "the result of task 4 must be .*: pass it on unchanged, as JSON in UTF-8"),
    ("empty", "results", "task 4 must succeed, but its outcome has the error '' and the result N"),
    ("deaf", "messages", r"task 4 sends 3 messages, but receive got 0 .*: call receive\(4, mess"),
    ("muddled", "messages", "task 0 sends 0 messages, but receive got 6 .*, others or in another"),
    ("late", "messages", "a message of task 4 comes after its outcome: yield the outcome last"),
    ("threaded", "messages", "receive is called in another thread: put messages into a queue.Qu"),
    ("vague", "errors", "task 0 raises a SerbenchError, but its outcome has the error 'failed'"),
    ("chatty", "errors", "the error of a SerbenchError is 'failed: the task .*its message alone"),
    ("greedy", "threads", "that needs 1 threads had OMP_NUM_THREADS=8: run its message with serb"),
    ("hasty", "order", "task 6 comes after task 5, but began before task 5 had ended or did not"),
    ("stubborn", "after_a_failure", "task 7 comes after task 0, which failed, but ran: do not s"),
    ("silent", "after_a_failure", "task 7 did not run because task 0 failed, but .*no error: giv"),
    ("social", "single_task", "task 0 of 1 failed: an array has two tasks"),
    ("short", "many_tasks", "4 tasks have 2 outcomes: yield one per task"),
    ("swapping", "many_tasks", "the outcome of task 3 has the result of task 0: yield dataclass"),
    ("leaving", "closing", "1 s after the run was stopped, a task still runs: kill the processes"),
    ("uncancelled", "interrupt", "1 s after the run was stopped, a task still runs"),
    ("leaving", "interrupt", "1 s after the run was stopped, a task still runs"),
    ("calm", "interrupt", "it catches the error that receive raises: let it pass, and end the t"),
    ("remembering", "detaching", "the first follow of a new engine gives 0 outcomes of 3 tasks"),
    ("once", "detaching", "the second follow of a new engine gives 0 outcomes of 3 tasks: keep"),
    ("missing", "cancelling", "for a folder without any task it raises FileNotFoundError: do noth"),
    ("vacant", "states", "tasks 1 and 2 have no outcome, but states names none: return a text"),
    ("blank", "states", "the state of task 1 is '': say in a few words where it is"),
    ("lazy", "evaluates", "fold 1 .* ended without an error, but there is no "),
]
MIXED = ("outcomes", "results", "messages", "errors", "threads", "order", "after_a_failure")


@pytest.fixture(autouse=True)
def quick(monkeypatch, request):
    """Wait for less, and run fewer tasks, unless the test is about all that."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(checks, "GRACE", 1.0)
        monkeypatch.setattr(checks, "QUIET", 0.5)
        monkeypatch.setattr(checks, "MANY", 4)


@pytest.fixture
def verdicts(violating, places, tmp_path):
    """A function that makes some checks of an engine in this process."""

    def verdicts(name, wanted):
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        subject = KINDS["engine"].subject(name, {}, folder)
        examination = Examination(subject, KINDS["engine"].checks)
        return {check: examination.verdict(check) for check in wanted}

    return verdicts


@pytest.mark.parametrize(
    ("name", "check", "words"), CAUGHT, ids=[f"{check}-{name}" for name, check, _ in CAUGHT]
)
def test_a_violating_engine_fails_its_check(verdicts, monkeypatch, name, check, words):
    if name == "hanging":
        monkeypatch.setattr(checks, "LIMIT", 1.0)
    verdict = verdicts(name, [check])[check]
    assert verdict.state == "failed"
    assert re.search(words, verdict.reason), verdict.reason


@pytest.mark.slow
def test_other_predictions_than_those_of_the_core_are_caught(verdicts):
    reason = verdicts("meddling", ["evaluates"])["evaluates"].reason
    assert reason.startswith("its predictions on tones are not those of the engine local: run each")


@pytest.mark.parametrize(
    "name", ["lossy", "empty", "deaf", "muddled", "late", "vague", "greedy", "hasty", "silent"]
)
def test_it_fails_no_other_check_of_the_same_tasks(verdicts, name):
    (expected,) = (check for other, check, _ in CAUGHT if other == name)
    needing = {"results": {"threads", "order"}}.get(expected, set())
    found = verdicts(name, MIXED)
    assert {check for check, one in found.items() if one.state == "failed"} == {expected}
    assert {check for check, one in found.items() if one.state == "not run"} == needing


def test_every_check_of_an_engine_is_shown_to_catch_something():
    assert {check for _, check, _ in CAUGHT} == {one.name for one in KINDS["engine"].checks}


def test_the_engine_of_the_core_passes_all(verdicts):
    wanted = [check.name for check in KINDS["engine"].checks if check.name != "evaluates"]
    found = verdicts("local", wanted)
    states = {name: one.state for name, one in found.items() if one.state != "ok"}
    assert states == dict.fromkeys(("detaching", "cancelling", "states"), "not run")
    assert found["is_made"].reason == "features are extracted by: driver"
    assert found["states"].reason == "its tasks end with the driver, which is allowed"


def test_a_queue_passes_what_is_for_queues(verdicts):
    found = verdicts(
        "queue", ["is_made", "single_task", "interrupt", "detaching", "cancelling", "states"]
    )
    assert {one.state for one in found.values()} == {"ok"}
    assert found["is_made"].reason == "features are extracted by: task; detachable"
    assert found["states"].reason == "runs, waits"


@pytest.mark.slow
class TestLocal(EngineContract):
    """All of it, as it stands."""

    plugin = "local"


@pytest.mark.slow
class TestSequential(EngineContract):
    """All of it, as it stands."""

    plugin = "sequential"


@pytest.mark.slow
class TestQueue(EngineContract):
    """All of it, as it stands."""

    plugin = "queue"
