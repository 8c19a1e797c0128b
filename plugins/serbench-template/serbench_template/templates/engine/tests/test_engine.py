import sys
from itertools import pairwise

import pytest
from serbench import BadParameter
from serbench.testing import fake_tasks

from example_engine import engine
from example_engine.engine import ExampleEngine


def run(*tasks, workers=2):
    return {one.item: one for one in ExampleEngine(workers).run(tasks, lambda *_: None)}


def test_no_more_tasks_run_at_a_time_than_there_are_workers():
    ends = run(*[fake_tasks.task("answer", seconds=0.5) for _ in range(3)], workers=1)
    times = sorted((one.result["began"], one.result["ended"]) for one in ends.values())
    assert all(end < start for (_, end), (start, _) in pairwise(times))


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "input(); print('not JSON')"])
def test_a_command_that_does_not_work_fails_its_task_only(monkeypatch, code):
    monkeypatch.setattr(engine, "COMMAND", (sys.executable, "-c", code))
    ends = run(fake_tasks.task("answer"), fake_tasks.task("answer"))
    assert [ends[at].result for at in (0, 1)] == [None, None]
    assert all("command" in ends[at].error for at in (0, 1))


def test_impossible_values_are_refused():
    with pytest.raises(BadParameter, match="workers is 0, but must be 1 or more"):
        ExampleEngine(workers=0)
