"""Each check of a model catches one that is built to break it, and lets a clean one pass."""

import random
import re

import numpy as np
import pytest

from serbench.testing.kinds import KINDS

# the violating model, its parameters, the check that catches it, and its words
CAUGHT = [
    ("unversioned", {}, "is_made", 'has no version: .* must have an attribute version = "1"'),
    ("unannotated", {}, "parameters_are_annotated", "parameter sharpness .* has no annotation"),
    ("misfit", {}, "parameters_are_annotated", "parameter depth of misfit is 0.5, but must be int"),
    ("failing", {}, "fits", r"it raised ValueError: zero-size .*\(violating_models.py, line \d+"),
    ("quitting", {}, "fits", "it ended the process .*in fit.: raise an error instead"),
    ("narrow", {}, "scores", r"the shape \(30, 2\) .*must be finite and of shape \(30, 3\)"),
    ("dropping", {}, "repeats_itself", "predicting twice, scores differ .*switch dropout off"),
    ("unseeded", {}, "same_seed", "with one seed give scores that differ .*draw everything from"),
    ("drawing", {}, "same_seed", "with one seed give scores that differ .*draw everything from"),
    ("seeding", {}, "random_state", "changes the global random state of numpy.random: use "),
    (
        "averaging",
        {},
        "neighbours",
        "alone and with others differ .*normalise each utterance on its",
    ),
    ("queueing", {}, "place", "in another order, an utterance's scores differ .*undo any sorting"),
    ("padding", {}, "padding", "a short utterance's scores alone and with a long one differ"),
    ("deaf", {}, "beats_chance", "10 of 30 test utterances are right, but 19 are needed to rule"),
    ("sorting", {}, "labels_order", "treble, bass, mid only 0 of 30 .*column i is the score of"),
    ("forgetting", {}, "absent_label", r"shape \(20, 2\).*label that is not in training: give it"),
    ("picky", {"dislikes": "short"}, "short_input", "it raised ValueError: .*for 0.1 s: pad short"),
    (
        "picky",
        {"dislikes": "long"},
        "long_input",
        "it raised MemoryError .*for 30 s: if memory is short, work",
    ),
    ("picky", {"dislikes": "silent"}, "silent_input", "must be finite .*for silence: add a small"),
    ("picky", {"dislikes": "constant"}, "constant_input", "for a constant signal: add a small"),
    (
        "delicate",
        {},
        "odd_training",
        "it raised FloatingPointError: .*learning from 0.1 s, silence",
    ),
    ("half-safe", {}, "resumes", "after a kill and a new fit, scores differ .*or start again"),
    ("lossy", {}, "saves", "saving and loading, scores differ .*everything that predict needs"),
    ("pickling", {}, "saves_no_pickle", "extra.bin is a pickle: write arrays with safetensors"),
    ("objects", {}, "saves_no_pickle", "extra.npz is a pickle: write arrays with safetensors"),
]


# each check once; the second ways to break one take longer than they teach
SECOND = {"misfit", "quitting", "drawing", "objects"}
CASES = [
    pytest.param(*one, id=f"{one[2]}-{one[0]}", marks=[pytest.mark.slow] * (one[0] in SECOND))
    for one in CAUGHT
]


@pytest.mark.parametrize(("name", "params", "check", "words"), CASES)
def test_a_violating_model_fails_just_its_check(examined, name, params, check, words):
    found = examined("model", name, params=params)
    failed = [verdict for verdict in found.values() if verdict.state == "failed"]
    assert [verdict.name for verdict in failed] == [check]
    assert re.search(words, failed[0].reason), failed[0].reason


def test_every_check_of_a_model_is_shown_to_catch_something():
    caught = {check for name, _, check, _ in CAUGHT if name not in SECOND}
    assert caught == {one.name for one in KINDS["model"].checks}


def test_a_clean_model_passes_all_and_may_print(examined):
    found = examined("model", "noisy")
    assert {name: one for name, one in found.items() if one.state != "ok"} == {}


def test_a_model_without_save_and_load_is_a_model(examined):
    found = examined("model", "unkept")
    states = {name: one.state for name, one in found.items() if one.state != "ok"}
    assert states == {"saves": "not run", "saves_no_pickle": "not run"}
    assert "--keep-models and serbench predict need" in found["saves"].reason


def test_what_needs_a_check_that_failed_says_so(examined):
    found = examined("model", "failing")
    assert found["resumes"].state == "not run"
    assert found["resumes"].reason == "same_seed must be ok first"


def test_a_model_that_lacks_a_package_says_what_to_install(examined):
    found = examined("model", "needy")
    assert found["is_made"].state == "failed"
    assert found["is_made"].reason == "needy needs the package 'no_such_module': pip install nsm"
    assert {one.state for one in found.values() if one.name != "is_made"} == {"not run"}


def test_global_random_states_are_as_they_were_after_all_checks(examined):
    random.seed(3), np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].copy()
    examined("model", "seeding")
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])
