"""A model is asked in a copy that has predicted nothing, wherever one can be had."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import serbench
from serbench.errors import FoldError, SerbenchError
from serbench.evaluation.folds import fold as worker
from serbench.evaluation.folds import model_isolation
from serbench.results.eligibility import BATCH


def _forked(compute, patience=30.0):
    fork = model_isolation.Fork(compute, patience)
    return fork.array() if fork.is_done() else "given up"


def test_what_a_forked_copy_makes_comes_back():
    assert _forked(lambda: np.array([[1.5, 2.5]])).tolist() == [1.5, 2.5]


def test_a_forked_copy_that_fails_has_no_answer():
    assert _forked(lambda: 1 / 0) is None


def test_a_forked_copy_that_hangs_is_given_up():
    began = time.monotonic()
    assert _forked(lambda: time.sleep(60), 0.3) == "given up"
    assert time.monotonic() - began < 20


def test_a_forked_copy_does_not_outlive_what_forked_it(tmp_path):
    code = (
        "import os, sys, time; from serbench.evaluation.folds.model_isolation import Fork\n"
        "fork = Fork(lambda: time.sleep(60), 60); print(fork._child, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("it goes on")


@pytest.mark.parametrize("model", ["keeper", "centroid"])
def test_with_several_threads_a_saved_copy_or_a_fork_is_asked(places, model):
    run = serbench.evaluate(model, "tones", jobs=1, threads=2, folds=["1"])
    assert run.folds[0].facts.alone.utterances == 8
    assert BATCH not in run.objections


def test_where_no_copy_can_be_asked_the_run_says_so(places, monkeypatch):
    monkeypatch.setattr(model_isolation.Fork, "array", lambda self: None)
    names = [field.name for field in dataclasses.fields(model_isolation.Task)]
    task = model_isolation.Task(**{name: "" for name in names})
    task = dataclasses.replace(task, isolated=True, threads=1, exchange=str(places.cache))
    assert model_isolation.Copy(object(), task, "cpu").compare(None, []) == {
        "utterances": 0,
        "largest_difference": 0.0,
        "other_labels": 0,
        "unchecked": "no copy of the model could be made, or it did not answer",
    }


@pytest.mark.parametrize("told", [{"certificate": {}}, {"labels": []}, {"protocol": {"leaks": ""}}])
def test_what_the_models_process_may_not_say_is_not_taken_from_it(places, monkeypatch, told):
    honest = worker._run_model

    def dishonest(*words):
        facts, died = honest(*words)
        return {**facts, **told}, died

    monkeypatch.setattr(worker, "_run_model", dishonest)
    run = serbench.evaluate("centroid", "tones", jobs=0)
    assert not run.leaks
    assert run.facts.labels == ("low", "middle", "high")
    assert run.facts.protocol.name == "kfold:n=3"


def test_progress_within_an_epoch_is_sent_by_whole_percents_and_not_stored(tmp_path, monkeypatch):
    now, sent = 0.0, []
    monkeypatch.setattr(model_isolation.time, "monotonic", lambda: now)
    workspace = model_isolation.FoldWorkspace("cpu", 1, tmp_path, sent.append)
    for step in range(1001):
        now = step / 200  # five seconds
        workspace.report_step(2, 3, step, 1000)
    assert [round(message["within_epoch"], 1) for message in sent] == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert {(message["epoch"], message["epochs"]) for message in sent} == {(1, 3)}
    for _ in range(10):  # a long step
        now += 10
        workspace.report_step(2, 3, 1000, 1000)
    assert len(sent) == 6
    assert workspace.curve == []


@pytest.mark.parametrize(
    ("step", "steps", "within"),
    [
        (0, 0, 0.0),
        (5, 0, 0.0),
        (7, 5, 1.0),
        (-3, 5, 0.0),
        (float("nan"), 5, 0.0),
        (10**400, 10**400, 1.0),
        (np.int64(1), np.int64(4), 0.25),
        (np.float32(1), 4, 0.25),
    ],
)
def test_progress_that_is_no_share_of_an_epoch_ends_no_training(step, steps, within, tmp_path):
    sent = []
    workspace = model_isolation.FoldWorkspace("cpu", 1, tmp_path, sent.append)
    workspace.report_step(np.int64(2), np.int64(3), step, steps)
    (message,) = sent
    assert json.loads(json.dumps(message)) == {"epoch": 1, "epochs": 3, "within_epoch": within}


def test_answers_that_a_crashed_process_wrote_down_are_not_found_again(places):
    with pytest.raises(FoldError, match="ended with 3"):
        serbench.evaluate("cheats:Crashing", "tones", features="crossings", jobs=1, folds=["1"])
    again = serbench.evaluate("cheats:Crashing", "tones", features="crossings", jobs=1, folds=["1"])
    assert again.facts.model["found"] == []


def test_warnings_of_libraries_are_kept_and_one_is_shown(places):
    run = serbench.evaluate("cheats:Warning_", "tones", features="crossings", jobs=0)
    for fold in run.folds:
        assert fold.facts.warnings == ("UserWarning: it did not converge",)
    assert "Libraries issued warnings in 3 folds, such as: UserWarning: it did not converge" in str(
        run
    )


def test_a_run_that_nobody_could_check_is_never_ranked(invented):
    assert invented().ranked
    unchecked = {"utterances": 0, "largest_difference": 0.0, "other_labels": 0, "unchecked": "so"}
    run = invented(alone=unchecked)
    assert not run.ranked
    assert "NOT RANKED: batch effects unchecked: so." in str(run)


def test_a_missing_cuda_device_is_one_line_before_any_fold(places):
    with pytest.raises(SerbenchError, match="^there is no CUDA device that PyTorch can"):
        serbench.evaluate("centroid", "tones", jobs=1, device="cuda", folds=["1"])
