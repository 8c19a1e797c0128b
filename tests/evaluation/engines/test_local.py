"""The engine `local` starts as many tasks as cores, memory and GPUs allow."""

import os

import pytest

from serbench import processes
from serbench.contracts import Needs
from serbench.errors import BadParameter
from serbench.evaluation.engines.local import Local, Machine
from serbench.testing.fake_tasks import task


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine with four cores, 10 GB and three GPUs."""
    monkeypatch.setattr(processes, "cores", lambda: 4)
    monkeypatch.setattr(processes, "free_memory", lambda: 10.0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1, 2")


def run(*tasks, jobs=None):
    """The outcomes of tasks by position."""
    return {each.item: each for each in Local(jobs=jobs).run(tasks, lambda *_: None)}


def started(machine, *needs):
    """Which of these tasks start at once; the GPUs of each, or None."""
    return [
        machine.start(position, each).get("CUDA_VISIBLE_DEVICES", "")
        if not machine.is_full() and machine.admits(each)
        else None
        for position, each in enumerate(needs)
    ]


def test_tasks_that_run_at_once_have_their_own_gpus():
    tasks = [task("answer", gpus=1, seconds=0.7) for _ in range(3)]
    ends = run(*tasks, task("answer", gpus=1), task("answer"))
    results = [ends[at].result for at in range(5)]
    assert {one["gpus"] for one in results[:3]} == {"0", "1", "2"}
    assert results[3]["began"] > min(one["ended"] for one in results[:3])
    assert results[4]["gpus"] == "0,1, 2"  # a task that asks for none is not told which


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        ([1, 1, 1, 1], ["0", "1", "2", None]),
        ([0.5] * 4, ["0", "1", "2", "0"]),
        ([0.5, 1, 0.5, 0.75, 0.5], ["0", "1", "2", None, "0"]),
        ([2, 2, 1], ["0,1", None, "2"]),
        ([1.5, 1], ["0,1", "2"]),
        ([9, 1], ["0,1,2", None]),
        ([0, 1], ["", "0"]),
    ],
)
def test_gpus_are_given_out_until_none_is_free(gpus, expected):
    assert started(Machine(None), *(Needs(gpus=each) for each in gpus)) == expected


def test_three_thirds_of_a_gpu_are_one(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5f")
    thirds = [Needs(gpus=each) for each in (0.3, 0.6, 0.1, 0.1)]
    assert started(Machine(None), *thirds) == ["GPU-5f"] * 3 + [None]


def test_the_gpus_of_a_task_that_ended_are_free_again():
    machine = Machine(None)
    assert started(machine, *[Needs(gpus=1)] * 3) == ["0", "1", "2"]
    machine.end(1)
    assert machine.start(3, Needs(gpus=1)) == {"CUDA_VISIBLE_DEVICES": "1"}


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_without_gpus_tasks_that_want_some_run_as_others_do(monkeypatch, hidden):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert started(Machine(None), *[Needs(gpus=1)] * 5) == [""] * 4 + [None]


def test_jobs_overrule_what_tasks_need():
    needs = [Needs(threads=4, memory=8.0, gpus=2)] * 3
    assert started(Machine(2), *needs) == ["0,1", "2,0", None]


def test_jobs_are_at_most_the_cores():
    assert started(Machine(9), *[Needs()] * 5) == [""] * 4 + [None]


def test_threads_and_memory_limit_how_many_run():
    assert started(Machine(None), Needs(threads=3), Needs(threads=2), Needs()) == ["", None, ""]
    few = (Needs(memory=8.0), Needs(memory=3.0), Needs(memory=2.0))
    assert started(Machine(None), *few) == ["", None, ""]


def test_a_task_that_needs_more_than_the_machine_has_runs_alone():
    ends = run(task("answer", threads=8, memory=99.0), task("answer"))
    assert ends[0].result["threads"] == "8"
    assert ends[1].result["began"] > ends[0].result["ended"]


def test_a_task_waits_for_those_before_it_and_not_for_others():
    tasks = [task("answer", seconds=0.7), task("answer", after=(0,)), task("answer")]
    ends = {at: each.result for at, each in run(*tasks).items()}
    assert ends[1]["began"] > ends[0]["ended"] > ends[2]["ended"]


@pytest.mark.parametrize("jobs", [None, 1, 0])
def test_a_task_after_a_failed_one_does_not_run_and_the_others_do(jobs):
    ends = run(task("refuse"), task("answer", after=(0,)), task("answer", after=(1,)), jobs=jobs)
    assert [ends[at].error for at in range(3)] == [
        "the task refuses, as requested",
        "not run, because refuse failed",
        "not run, because answer failed",
    ]


def test_with_jobs_0_tasks_run_in_this_process():
    assert run(task("answer"), jobs=0)[0].result["process"] == os.getpid()
    assert run(task("answer"), jobs=1)[0].result["process"] != os.getpid()


def test_negative_jobs_are_refused():
    with pytest.raises(BadParameter, match="jobs is -1, but must be 0 or more"):
        Local(jobs=-1)
