"""A run's identity is made of what its predictions depend on, and stays what it was."""

import dataclasses
from pathlib import Path

import pytest

from serbench.errors import BadParameter
from serbench.evaluation import plan
from serbench.plugins import registry
from serbench.results import fold_file
from serbench.results.config import Config, Request

COMMITTED = sorted(Path(__file__).parents[2].glob("leaderboard/submissions/*/*"))
PLAIN = Config(
    dataset="tones",
    labels="own",
    protocol="kfold:n=3",
    model="centroid",
    model_version="1",
    params={},
    feature="crossings",
    feature_version="1",
    feature_params={},
    reading={"trim_db": 60.0},
    seed=0,
)


def test_all_committed_runs_are_looked_at():
    ledger = (Path(__file__).parents[2] / "leaderboard" / "ledger.csv").read_text().splitlines()
    listed = {row.split(",")[2] for row in ledger[1:]}
    assert {f"{one.parent.name}/{one.name}" for one in COMMITTED} == listed
    assert len(COMMITTED) >= 22


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_a_committed_run_has_the_name_that_it_had(folder):
    stored = fold_file.read(folder / "fold-01.safetensors").stored["config"]
    config = Config(**stored)
    assert config.name == folder.name
    assert config.stored() == stored


@pytest.mark.parametrize(
    "changed", [{"precision": "bfloat16"}, {"threads": 2}, {"normalise": "speaker:n=5"}]
)
def test_precision_and_threads_are_words_only_where_they_are_not_what_they_were(changed):
    other = dataclasses.replace(PLAIN, **changed)
    assert other.stored() == PLAIN.stored() | changed
    assert Config(**other.stored()) == other
    assert Config(**PLAIN.stored()) == PLAIN
    assert not PLAIN.stored().keys() & changed.keys()
    assert other.name != PLAIN.name


class Grown:
    """A model that got a parameter after runs had been published."""

    version = "1"
    added = {"batching": "packed"}

    def __init__(self, labels, seed, *, batching: str = "sorted", width: int = 3):
        self.batching, self.width = batching, width


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batching": "packed"}, {"width": 3}),
        ({"batching": "packed", "width": 4}, {"width": 4}),
        ({}, {"batching": "sorted", "width": 3}),  # another default now is another run
    ],
)
def test_a_parameter_that_was_added_is_left_out_at_the_value_of_before(given, words, places):
    made = {"batching": "sorted", "width": 3} | given
    assert registry.identifying(Grown, made) == words
    assert registry.complete(Grown, words) == made


@pytest.mark.parametrize("seed", [-1, 2**32, 2**40, 1.5])
def test_a_seed_that_libraries_would_cut_off_is_refused(seed, places):
    request = Request("centroid", "tones", seed=seed)
    with pytest.raises(BadParameter, match=r"must be a whole number from 0 to 4294967295"):
        plan.make_plan(request, places)


@pytest.mark.parametrize("threads", [0, -1, 2000])
def test_threads_that_cannot_be_are_refused(threads, places):
    with pytest.raises(BadParameter, match=rf"threads is {threads}, but must be from 1 to 1024"):
        plan.make_plan(Request("centroid", "tones", threads=threads), places)


def test_a_precision_that_the_model_does_not_have_is_refused(places):
    words = "the precision is 'bfloat16', but centroid computes in float32"
    with pytest.raises(BadParameter, match=words):
        plan.make_plan(Request("centroid", "tones", precision="bfloat16"), places)


def test_a_machine_without_cuda_plans_for_it(places, monkeypatch):
    monkeypatch.setenv("SERBENCH_DEVICE", "cuda")
    planned = plan.make_plan(Request("centroid", "tones"), places)
    assert "device" not in planned.config.stored()
