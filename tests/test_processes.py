import contextlib
import os
import signal
import sys
import time

import pytest

from serbench import processes
from serbench.errors import SerbenchError


def work(words, send):
    send({"half": words["n"]})
    print("to the standard output")
    if words.get("fault") == "mendable":
        raise SerbenchError("mend me")
    if words.get("fault") == "bug":
        raise ZeroDivisionError("a bug")
    if words.get("fault") == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if words.get("fault") == "exit":
        os._exit(3)
    if words.get("fault") == "garble":
        for file in range(3, 30):  # where words go is one of them
            with contextlib.suppress(OSError):
                os.write(file, b'{"epochs": 3, ')
        os.kill(os.getpid(), signal.SIGKILL)
    order = [hash(one) for one in ("a", "b")]
    return {"twice": 2 * words["n"], "threads": os.environ.get("OMP_NUM_THREADS"), "order": order}


def sleep(words, send):
    send({"pid": os.getpid()})
    time.sleep(60)
    return {}


@pytest.fixture
def importable(monkeypatch):
    """Let other processes import this module by its own name."""
    monkeypatch.setitem(sys.modules, "test_processes", sys.modules[__name__])
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    for function in (work, sleep):
        monkeypatch.setattr(function, "__module__", "test_processes")


@pytest.fixture(params=["local", "processes"])
def engine(request, importable):
    if request.param == "local":
        return processes.local
    return lambda *args: processes.fresh(*args, at_once=2, threads=1)


def test_every_item_comes_back_and_tells(engine):
    heard = []
    outcomes = engine(work, [{"n": n} for n in range(4)], lambda *event: heard.append(event))
    results = {one.item: one.result["twice"] for one in outcomes}
    assert results == {0: 0, 1: 2, 2: 4, 3: 6}
    assert sorted(heard) == [(n, {"half": n}) for n in range(4)]


def test_a_failure_is_text_and_the_others_go_on(engine):
    items = [{"n": 0, "fault": "mendable"}, {"n": 1, "fault": "bug"}, {"n": 2}]
    outcomes = {one.item: one for one in engine(work, items, lambda *_: None)}
    assert outcomes[0].error == "mend me"
    assert "Traceback" in outcomes[1].error
    assert "ZeroDivisionError: a bug" in outcomes[1].error
    assert "_attempt" not in outcomes[1].error  # it begins where others' code does
    assert outcomes[2].error == ""


@pytest.mark.parametrize(
    ("fault", "words"),
    [("kill", "SIGKILL; out of memory"), ("exit", "with 3"), ("garble", "SIGKILL")],
)
def test_a_process_that_dies_takes_no_other_with_it(importable, fault, words):
    items = [{"n": 0, "fault": fault}, {"n": 1}]
    made = processes.fresh(work, items, lambda *_: None, at_once=1, threads=1)
    outcomes = {one.item: one for one in made}
    assert words in outcomes[0].error
    assert outcomes[1].result["twice"] == 2


def test_processes_get_their_threads(importable):
    made = processes.fresh(work, [{"n": 0}], lambda *_: None, at_once=1, threads=3)
    assert next(iter(made)).result["threads"] == "3"


def test_sets_of_text_have_one_order_in_all_processes(importable):
    made = list(processes.fresh(work, [{"n": 0}, {"n": 1}], lambda *_: None, at_once=1, threads=1))
    assert made[0].result["order"] == made[1].result["order"]


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().split()[2] != "Z"


def _gone(pid):
    for _ in range(100):
        if not _alive(pid):
            return True
        time.sleep(0.1)
    return False


def test_stopping_ends_the_processes(importable):
    pids = []

    def receive(_, words):
        pids.append(words["pid"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(processes.fresh(sleep, [{}], receive, at_once=1, threads=1))
    assert _gone(pids[0])


def test_cores_are_those_of_this_process():
    assert 1 <= processes.cores() <= (os.cpu_count() or 1)


def test_a_traceback_begins_in_a_plugin_whose_name_begins_like_ours():
    theirs = os.path.join(f"{os.path.dirname(processes.__file__)}_other", "models.py")
    namespace = {}
    exec(compile("def fail(words, send):\n    {}['key']\n", theirs, "exec"), namespace)
    (outcome,) = processes.local(namespace["fail"], [{}], lambda *_: None)
    assert f'File "{theirs}", line 2, in fail' in outcome.error
    assert outcome.error.count("File ") == 1
