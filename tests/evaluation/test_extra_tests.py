"""Extra test sets that fail, or that another command tests: no fold's own result is lost."""

import os
import sys

import pytest

import serbench
from serbench.errors import SerbenchError
from serbench.evaluation.folds.locks import claimed
from serbench.evaluation.progress.bars import Bars
from serbench.results import extra_set
from serbench.results.run import read

MODELS = """
import os
from serbench_tiny import Keeper

class Faulty(Keeper):
    def predict(self, inputs):
        if len(inputs) == 18 and os.environ.get("FAULTY") == "raises":
            raise ValueError("too many utterances")
        if len(inputs) == 18 and os.environ.get("FAULTY") == "dies":
            os._exit(9)
        return super().predict(inputs)
"""


@pytest.fixture
def faulty(other, tmp_path, monkeypatch):
    """The import path of a model that fails on the corpus `csv:other` of 18 utterances."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "faulty_model.py").write_text(MODELS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("FAULTY", "raises")
    yield "faulty_model:Faulty"
    sys.modules.pop("faulty_model", None)


def evaluate(model="keeper", **options):
    options = {"jobs": 0, "features": "crossings" if ":" in model else None, **options}
    return serbench.evaluate(model, "tones", **options)


def finished(places):
    (folder,) = {path.parent for path in places.results.glob("*/fold-*.safetensors")}
    return read(folder)


@pytest.mark.parametrize(("fault", "jobs"), [("raises", 0), ("dies", 1)])
def test_a_model_that_fails_on_an_extra_set_keeps_its_folds(
    faulty, fault, jobs, places, monkeypatch
):
    monkeypatch.setenv("FAULTY", fault)
    reason = "ValueError: too many utterances" if fault == "raises" else "its process ended with 9"
    words = (
        f"folds 1, 2, 3 lack the extra test set csv:other: {reason}(.|\n)*\nthe scores on the "
        "run's own test sets are kept. Once the cause is fixed: the models of folds 1, 2, 3 of .* "
        "were not kept, so these folds must be trained again to be tested on csv:other.*: "
        "`serbench runs rm .* --yes`, then the same command with --keep-models"
    )
    with pytest.raises(SerbenchError, match=words):
        evaluate(faulty, test_on=["csv:other"], perturb="softer", jobs=jobs)
    run = finished(places)
    assert run.missing == 0
    if fault == "raises":  # a process that dies also loses the sets after this one
        (test,) = extra_set.find(run)
        assert test.set.perturbation == "softer"
        assert not test.missing


def test_a_repeated_command_tests_the_kept_models_alone(faulty, places, monkeypatch):
    words = "Once the cause is fixed: the same command again tests the kept models alone"
    with pytest.raises(SerbenchError, match=words):
        evaluate(faulty, test_on="csv:other", keep_models=True)
    times = {path: path.stat().st_mtime_ns for path in places.results.glob("*/fold-*")}
    assert len(times) == 3
    with pytest.raises(SerbenchError, match="lack the extra test set csv:other: ValueError"):
        evaluate(faulty, test_on="csv:other", keep_models=True)
    monkeypatch.setenv("FAULTY", "")
    run = evaluate(faulty, test_on="csv:other", keep_models=True)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert [test.missing for test in extra_set.find(run)] == [0]
    assert not list(run.folder.rglob("*.failure.json"))


def test_a_perturbation_that_fails_is_found_before_anything_is_trained(places, monkeypatch):
    from serbench_tiny import Softer

    def fail(self, wave, random):
        raise ValueError("no such room")

    monkeypatch.setattr(Softer, "__call__", fail)
    words = (
        "^the extra test set softer:factor=0.25 cannot be read: ValueError: no such room; "
        "`serbench plugin check softer` shows more; nothing was trained: fix the cause, or leave "
        "this set out$"
    )
    with pytest.raises(SerbenchError, match=words):
        evaluate(perturb="softer:factor=0.25")
    assert not list(places.results.rglob("fold-*"))


class Spoiler(serbench.Listener):
    """Removes an utterance of the other corpus once a fold has started."""

    def __init__(self, file):
        self.file = file

    def staged(self, run, fold, stage):
        self.file.unlink(missing_ok=True)


def test_progress_names_the_sets_and_leaves_their_failures_to_the_end(faulty, capsys):
    evaluate(faulty, keep_models=True)
    with Bars() as bars, pytest.raises(SerbenchError, match="folds 1, 2, 3 lack") as caught:
        evaluate(faulty, test_on="csv:other", listener=bars)
    assert str(caught.value).count("too many utterances") == 1
    assert "fold 1" not in capsys.readouterr().err
    with Bars() as bars:
        evaluate(faulty, perturb="softer", listener=bars)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("fold 1")] == ["fold 1: tested on softer"]


def test_a_corpus_that_cannot_be_read_any_more_costs_no_fold(other, places):
    with pytest.raises(
        SerbenchError, match="folds 1, 2, 3 lack the extra test set csv:other: .*ann-low-0.wav"
    ):
        evaluate(test_on="csv:other", listener=Spoiler(other / "ann-low-0.wav"))
    assert finished(places).missing == 0


def test_another_machine_says_which_set_failed(faulty, places):
    words = "fold 2 lacks the extra test set csv:other: ValueError: too many utterances"
    with pytest.raises(SerbenchError, match=words):
        evaluate(faulty, test_on="csv:other", jobs=None, engine="remote", folds=["2"])
    assert finished(places).missing == 2


def test_the_command_prints_the_scores_and_the_failure(faulty, run_command):
    command = ["evaluate", "--model", faulty, "--features", "crossings", "--dataset", "tones"]
    done = run_command(*command, "--test-on", "csv:other", "--jobs", "0")
    assert done.returncode == 1
    assert "accuracy (WA)" in done.stdout
    assert "serbench: folds 1, 2, 3 lack the extra test set csv:other" in done.stderr


def test_a_study_shows_which_set_failed(faulty, places):
    study = evaluate(faulty, test_on="csv:other", seed=[0, 1])
    lines = [line for line in str(study).splitlines() if "lack the extra test set" in line]
    assert len(lines) == 2
    assert study.problems == study.untested
    assert len(study.complete) == 2


def test_a_fold_that_another_command_tests_is_left_to_it(other):
    run = evaluate(keep_models=True)
    with (
        claimed(run.folder, ["fold-02"]),
        pytest.raises(
            SerbenchError, match=f"fold 2 of .* is being tested by process {os.getpid()}"
        ),
    ):
        evaluate(test_on="csv:other")
    (test,) = extra_set.find(run)
    assert test.missing == 1
    evaluate(test_on="csv:other")
    assert not list(run.folder.glob(".*"))


def test_folders_of_killed_tests_are_removed(other):
    run = evaluate(keep_models=True)
    left = run.folder / ".work-fold-01-extra.exchange-node7-123"
    left.mkdir()
    (left / "0.safetensors").write_bytes(b"")
    evaluate(test_on="csv:other")
    assert not left.exists()


def test_a_folder_that_cannot_be_written_is_one_line(other):
    run = evaluate(keep_models=True)
    (run.folder / "extra").write_text("a file")
    words = r"folds 1, 2, 3 lack the extra test set csv:other: cannot write .*extra"
    with pytest.raises(SerbenchError, match=words):
        evaluate(test_on="csv:other")
