"""Each check of a feature catches one that is built to break it, and lets a clean one pass."""

import re

import pytest

from serbench.testing.kinds import KINDS

# the violating feature, its parameters, the check that catches it, and its words
CAUGHT = [
    ("unversioned", {}, "is_made", 'has no version: .* must have an attribute version = "1"'),
    ("misreading", {}, "is_made", "reads = 'text', but must be given one of wave, recording, sen"),
    ("unannotated", {}, "parameters_are_annotated", "parameter floor .* has no annotation, so --p"),
    ("double", {}, "arrays", "an array of type float64 .* that is not finite float32 or float16"),
    ("counting", {}, "repeats_itself", "twice gives different arrays: draw nothing at random"),
    ("seeding", {}, "random_state", "changes the global random state of numpy.random: draw noth"),
    (
        "social",
        {},
        "neighbours",
        "alone and in a batch, arrays differ by up to .*each wave on its",
    ),
    ("padded", {}, "neighbours", r"have the shapes \(2, 48\) and \(2, 57\): .*keep padding out"),
    ("sorted", {}, "place", "in another order, arrays have the shapes .*undo any sorting"),
    ("ragged", {}, "shapes", r"0.5, 0.9, 2.0 s .*shapes \(2, 50\), \(3, 90\), \(3, 200\): only"),
    ("flattening", {}, "shapes", r"shapes \(2, 50\), \(180,\), .*the same number of axes"),
    ("picky", {"dislikes": "short"}, "short_input", "it raised ValueError: .*for 0.1 s: pad short"),
    ("picky", {"dislikes": "long"}, "long_input", r"shape \(6000,\), for 30 s: if memory is short"),
    ("picky", {"dislikes": "silent"}, "silent_input", "not finite .*for silence: add a small"),
    ("picky", {"dislikes": "constant"}, "constant_input", "for a constant signal: add a small num"),
    ("writing", {}, "leaves_waves_alone", "it changes the waves .*not wave /= ..."),
    ("shared", {}, "threads", "called from 4 threads at once, arrays .*in local variables"),
]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("name", "params", "check", "words"), CAUGHT, ids=[f"{one[2]}-{one[0]}" for one in CAUGHT]
)
def test_a_violating_feature_fails_just_its_check(examined, name, params, check, words):
    found = examined("features", f"{name}-feature", params=params)
    failed = [verdict for verdict in found.values() if verdict.state == "failed"]
    assert [verdict.name for verdict in failed] == [check]
    assert re.search(words, failed[0].reason), failed[0].reason


def test_every_check_of_a_feature_is_shown_to_catch_something():
    assert {check for _, _, check, _ in CAUGHT} == {one.name for one in KINDS["features"].checks}


@pytest.mark.parametrize("name", ["clean-feature", "crossings", "waveform"])
def test_a_clean_feature_passes_all(examined, name):
    found = examined("features", name)
    assert {name: one for name, one in found.items() if one.state != "ok"} == {}
    assert found["shapes"].reason == {
        "clean-feature": "axis 1 grows with time",
        "crossings": "always (2,)",
        "waveform": "axis 0 grows with time",
    }.get(name)


def test_a_feature_that_cannot_be_called_says_so(examined):
    found = examined("features", "mute-feature")
    assert found["is_made"].reason == "it cannot be called: write __call__(self, waves)"
    assert {one.state for one in found.values() if one.name != "is_made"} == {"not run"}
