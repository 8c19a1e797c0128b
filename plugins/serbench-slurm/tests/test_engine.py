"""The engine without a cluster: its options, the words of errors, and the files of a submission."""

import pytest

from serbench import BadParameter, Outcome, SerbenchError, Task
from serbench_slurm.engine import Slurm
from serbench_slurm.queue import Job, hint
from serbench_slurm.record import Record

TASKS = [Task("fold 1 of toy_dummy", {"item": {}}), Task("fold 2 of toy_dummy", {"item": {}})]


@pytest.fixture
def record(tmp_path):
    (tmp_path / "queue").mkdir()
    record = Record(tmp_path / "queue")
    record.write(TASKS, [[0, 1]])
    return record


@pytest.mark.parametrize("options", [{"cpus": 0}, {"throttle": 0}, {"gpus": -1}])
def test_impossible_options_are_refused(options):
    (name,) = options
    with pytest.raises(BadParameter, match=f"{name} is {options[name]}, but must be [01] or more"):
        Slurm(**options)


def test_a_machine_without_slurm_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    words = "the command scontrol is missing: run serbench where Slurm's commands are, such as a "
    with pytest.raises(SerbenchError, match=f"{words}cluster's login node, or use --engine local"):
        Slurm().submit(TASKS, tmp_path)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (Job("TIMEOUT", "TimeLimit", "n1", 0), "reached its time limit; ask for more with --eng"),
        (Job("OUT_OF_MEMORY", "OutOfMemory", "n1", 125 << 8), "ran out of memory; ask for more"),
        (Job("FAILED", "NonZeroExitCode", "n1", 127 << 8), "ended with exit code 127 (FAILED)"),
        (Job("FAILED", "NonZeroExitCode", "n1", 11), "was killed by SIGSEGV"),
        (Job("NODE_FAIL", "NodeDown", "n1", 0), "was lost with its node n1; run the same command"),
        (Job("PENDING", "BadConstraints", "", 0), "can never start (BadConstraints); `man sbatch`"),
        (Job("PREEMPTED", "None", "n1", 0), "was ended for a job with more priority; run the same"),
    ],
)
def test_the_end_of_a_job_in_words(job, words):
    assert job.is_ended
    assert words in job.end


@pytest.mark.parametrize(
    ("job", "stage"),
    [
        (Job("PENDING", "Priority", "", 0), "queued"),
        (Job("PENDING", "BeginTime", "", 0), "queued (BeginTime)"),
        (Job("PENDING", "launch failed requeued held", "", 0), "held in the queue (launch failed"),
        (Job("RUNNING", "None", "n1", 0), "on n1"),
        (Job("SUSPENDED", "None", "n1", 0), "suspended on n1"),
    ],
)
def test_the_stage_of_a_job_in_words(job, stage):
    assert not job.is_ended
    assert job.stage.startswith(stage)


def test_hints_name_the_option():
    assert "choose one with --engine-option partition=NAME" in hint("invalid partition specified")
    assert "--engine-option account=NAME" in hint("Invalid account")


def test_outcomes_are_whole_and_messages_are_read_once(record):
    record.append(1, {"epoch": 1})
    messages, end = record.messages(1)
    assert messages == [{"epoch": 1}]
    with (record.folder / "messages" / "1.jsonl").open("a") as file:
        file.write('{"epoch": 2')  # a node was lost
    assert record.messages(1, end) == ([], end)
    record.end(1, Outcome(1, {}, ""))
    assert record.ended() == {1}
    assert record.outcome(1) == Outcome(1, {}, "")


def test_a_damaged_record_is_one_line_with_the_remedy(record):
    (record.folder / "arrays.json").write_text("[[0, ")
    words = f"is damaged .*: end the jobs .* remove the folder {record.folder}, and run the same"
    with pytest.raises(SerbenchError, match=words):
        Slurm().cancel(record.folder)
    with pytest.raises(SerbenchError, match=words):
        list(Slurm().follow(record.folder, print))


def test_an_array_whose_id_is_unknown_has_none(record):
    assert [array.job for array in record.arrays()] == [""]
    record.queued(0, "12")
    assert [array.job for array in record.arrays()] == ["12"]
