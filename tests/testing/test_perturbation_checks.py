"""Each check of a perturbation catches one that is built to break it; a clean one passes."""

import re

import pytest

from serbench.testing.kinds import KINDS

# the violating perturbation, its parameters, the check that catches it, and its words
CAUGHT = [
    ("unversioned", {}, "is_made", 'has no version: .* must have an attribute version = "1"'),
    ("unannotated", {}, "parameters_are_annotated", "parameter level .* has no annotation"),
    ("double", {}, "waves", "an array of type float64 .* that is not a finite float32 wave"),
    ("idle", {}, "waves", "it changes no wave: choose a default that has an effect"),
    ("counting", {}, "repeats_itself", "twice gives different waves: draw only from the argument"),
    ("seeding", {}, "random_state", "global random state of numpy.random: draw only from the arg"),
    ("picky", {"dislikes": "short"}, "short_input", "it raised ValueError: .*for 0.1 s: pad short"),
    ("picky", {"dislikes": "long"}, "long_input", r"shape \(0,\) .*for 30 s: if memory is short"),
    ("picky", {"dislikes": "silent"}, "silent_input", "not a finite .*for silence: add a small"),
    ("picky", {"dislikes": "constant"}, "constant_input", "for a constant signal: add a small num"),
    ("writing", {}, "leaves_waves_alone", "it changes the wave .*not wave \\*= ..."),
]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("name", "params", "check", "words"), CAUGHT, ids=[f"{one[2]}-{one[0]}" for one in CAUGHT]
)
def test_a_violating_perturbation_fails_just_its_check(examined, name, params, check, words):
    found = examined("perturbation", f"{name}-perturbation", params=params)
    failed = [verdict for verdict in found.values() if verdict.state == "failed"]
    assert [verdict.name for verdict in failed] == [check]
    assert re.search(words, failed[0].reason), failed[0].reason


def test_every_check_of_a_perturbation_is_shown_to_catch_something():
    assert {check for _, _, check, _ in CAUGHT} == {
        one.name for one in KINDS["perturbation"].checks
    }


@pytest.mark.parametrize("name", ["clean-perturbation", "softer"])
def test_a_clean_perturbation_passes_all(examined, name):
    found = examined("perturbation", name)
    assert {name: one for name, one in found.items() if one.state != "ok"} == {}
    assert found["waves"].reason == "1.0 times as long"


def test_a_perturbation_that_cannot_be_called_says_so(examined):
    found = examined("perturbation", "mute-perturbation")
    assert found["is_made"].reason == "it cannot be called: write __call__(self, wave, random)"
    assert {one.state for one in found.values() if one.name != "is_made"} == {"not run"}
