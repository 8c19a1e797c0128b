"""Tasks run on the machine that gets them, if it has the code that planned them."""

import platform
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import serbench
from serbench.evaluation import inputs
from serbench.evaluation.engines import task
from serbench.evaluation.plan import Resources, make_job, make_plan
from serbench.evaluation.progress.listener import Listener
from serbench.results.config import Request
from serbench.testing import fake_tasks

pytestmark = pytest.mark.usefixtures("places")

NODE = platform.node()


@pytest.fixture
def fold(places):
    """A function that returns the task of a run's first fold, planned for another machine."""

    def planned(model="centroid", **resources):
        plan = make_plan(Request(model, "tones:takes=1"), places)
        audio = inputs.prepare(plan, set(), places, Listener(), "fold").pin(plan, 0)
        folder = places.results / plan.config.name
        job = make_job(plan, Resources(folder, places.cache, "cpu", **resources), 0, audio)
        return task.of_fold(job, "1", plan.needs, task.code_of(plan.config))

    return planned


def refused(**code):
    message = {**fake_tasks.task("answer").message, "code": code}
    outcome = task.run_task(message, print)
    assert (outcome.item, outcome.result) == (0, None)
    return outcome.error


def test_a_task_needs_the_version_that_planned_it():
    assert refused(serbench="0.0.7 1a2b3c") == (
        f"{NODE} has serbench {serbench.__version__}, but the run was planned with serbench 0.0.7: "
        "install the same code on every machine"
    )


def test_a_task_needs_the_source_that_planned_it():
    assert refused(serbench=f"{serbench.__version__} 1a2b3c") == (
        f"{NODE} has serbench {serbench.__version__} with other source code, but the run was "
        f"planned with serbench {serbench.__version__}: install the same code on every machine"
    )


def test_a_task_needs_the_packages_that_planned_it():
    words = f"{NODE} has no my_ser, but the run was planned with my_ser"
    assert refused(my_ser="1.2 1a2b3c") == f"{words} 1.2: install the same code on every machine"
    assert refused(my_ser=" 1a2b3c") == f"{words}: install the same code on every machine"


def test_a_module_of_no_release_is_named_without_one():
    assert refused(tiny_engines=" 1a2b3c") == (
        f"{NODE} has tiny_engines with other source code, but the run was planned with "
        "tiny_engines: install the same code on every machine"
    )


def test_the_code_that_planned_a_task_runs_it(fold):
    planned = fold()
    assert set(planned.message["code"]) == {"serbench", "serbench_tiny"}
    assert task.run_task(planned.message, lambda _: None).error == ""


def test_a_generated_corpus_that_was_removed_while_the_fold_waited_is_made_again(fold):
    planned = fold()
    root = Path(planned.message["item"]["root"])
    shutil.rmtree(root)
    assert task.run_task(planned.message, lambda _: None).error == ""
    assert root.is_dir()


def test_a_machine_of_its_own_returns_the_files_and_keeps_none(fold, places, monkeypatch, tmp_path):
    planned = fold("keeper", keep_models=True)
    for name in ("data", "cache"):
        monkeypatch.setenv(f"SERBENCH_{name.upper()}", str(tmp_path / "elsewhere" / name))
    stages = []
    outcome = task.run_task(planned.message, stages.append, shares_folders=False)
    assert outcome.error == ""
    assert set(outcome.files) == {
        "fold-01.safetensors",
        "models/fold-01/means.npy",
        "models/fold-01/words.json",
    }
    assert {"stage": "features 18/18"} in stages
    assert not list(places.results.glob("*/fold*"))
    assert not list((tmp_path / "elsewhere" / "cache" / "folds").rglob("fold*"))


def test_two_drivers_with_the_same_results_path_share_no_folder(fold, monkeypatch, tmp_path):
    planned, others = fold(), []
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "elsewhere"))

    def send(message):
        if message.get("stage") == "training":
            others.append(task.run_task(planned.message, lambda _: None, shares_folders=False))

    outcome = task.run_task(planned.message, send, shares_folders=False)
    assert [each.error for each in (outcome, *others)] == ["", ""]
    assert set(outcome.files) == {"fold-01.safetensors"}
    assert set(others[0].files) == {"fold-01.safetensors"}
    assert not list((tmp_path / "elsewhere" / "folds").glob("*"))


def test_a_fold_that_failed_elsewhere_has_an_error_and_no_files(fold, monkeypatch, tmp_path):
    planned = fold("faulty")
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "elsewhere"))
    outcome = task.run_task(planned.message, lambda _: None, shares_folders=False)
    assert "ValueError: the model is faulty" in outcome.error
    assert outcome.files == {}


def test_a_corpus_that_differs_elsewhere_is_named_with_the_machine(fold, places):
    planned = fold()
    root = Path(planned.message["item"]["root"])
    shutil.copytree(root, places.data / "tones")
    item = {**planned.message["item"], "root": str(places.data / "tones")}
    (places.data / "tones" / "s1-low-0.wav").rename(places.data / "tones" / "s1-high-9.wav")
    error = task.run_task({**planned.message, "item": item}, lambda _: None).error
    assert error.startswith(f"the corpus on {NODE} is not the one that the run was planned with")


def test_features_are_extracted_by_one_thread_whatever_the_model_needs(places):
    needs = replace(fake_tasks.task("answer", threads=4).needs, gpus=1)
    feature = task.Feature("crossings", "1", {"parts": 2}, {"trim_db": 60.0})
    tasks = task.of_extraction(feature, places.cache, ["x.wav"] * 1001, needs, {})
    assert [each.name for each in tasks] == [
        *["crossings of 500 utterances"] * 2,
        "crossings of 1 utterance",
    ]
    assert {(one.needs.threads, one.message["item"]["threads"]) for one in tasks} == {(1, 1)}
    assert tasks[0].needs.gpus == 1
