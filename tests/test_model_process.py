"""A model is asked in a copy that has predicted nothing, wherever one can be had."""

import numpy as np
import pytest

import serbench
from serbench import model_process
from serbench.errors import FoldError


def test_what_a_forked_copy_makes_comes_back():
    made = model_process.forked(lambda: np.array([[1.5, 2.5]]), 30)
    assert made.tolist() == [1.5, 2.5]


@pytest.mark.parametrize("compute", [lambda: 1 / 0, lambda: __import__("os")._exit(0)])
def test_a_forked_copy_that_fails_says_nothing(compute):
    made = model_process.forked(compute, 30)
    assert made is None or not len(made)


def test_a_forked_copy_that_hangs_is_given_up():
    import time

    began = time.monotonic()
    assert model_process.forked(lambda: time.sleep(60), 0.3) is None
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("model", ["keeper", "centroid"])
def test_with_several_threads_a_saved_copy_or_a_fork_is_asked(places, model):
    run = serbench.evaluate(model, "tones", jobs=1, threads=2, folds=["1"])
    assert run.folds[0].facts["alone"]["utterances"] == 8
    assert not run.batch_dependent


def test_where_nothing_can_be_asked_the_run_says_so_and_is_never_ranked(places, monkeypatch):
    monkeypatch.setattr(model_process, "forked", lambda compute, patience: None)
    words = {"alone": True}
    asked = model_process.Asked(
        object(), [0], 3, words, model_process.FoldWorkspace("cpu", 1, "", print)
    )
    assert asked.alone() == {
        "utterances": 0,
        "largest_difference": 0.0,
        "other_labels": 0,
        "unchecked": "a forked copy of the model did not answer",
    }


def test_warnings_of_libraries_are_kept_and_one_is_shown(places):
    run = serbench.evaluate("cheats:Warning_", "tones", features="crossings", jobs=2)
    for fold in run.folds:
        assert fold.facts["warnings"] == ["UserWarning: it did not converge"]
    assert "Libraries warned in 3 folds, such as: UserWarning: it did not converge" in str(run)


def test_a_run_that_nobody_could_check_is_never_ranked(invented):
    assert invented().ranked
    unchecked = {"utterances": 0, "largest_difference": 0.0, "other_labels": 0, "unchecked": "so"}
    run = invented(alone=unchecked)
    assert not run.ranked
    assert "NEVER RANKED: batch effects unchecked: so." in str(run)


def test_a_model_without_cuda_is_refused_where_it_trains(places):
    with pytest.raises(FoldError, match="fold 1: there is no CUDA device that PyTorch can"):
        serbench.evaluate("centroid", "tones", jobs=1, device="cuda", folds=["1"])
