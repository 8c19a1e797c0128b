"""Scores of one run and of several, and the list of runs, in every form."""

import csv
import io
import json
import math

import pytest

from serbench import scores
from serbench.errors import SerbenchError


@pytest.fixture(scope="module")
def pair(invented):
    return [invented("toy_one"), invented("toy_two", seed=1, right=0.9)]


def test_several_runs_are_one_table(pair):
    table = list(csv.DictReader(io.StringIO(scores.several(pair, ["uar", "f1"], "csv"))))
    assert [row["run"] for row in table] == ["toy_one"] * 5 + ["toy_two"] * 5
    assert [row["of"] for row in table[:5]] == [
        "fold 1",
        "fold 2",
        "mean ± std",
        "pooled",
        "95 % over speakers",
    ]
    for run, row in zip(pair, table[3::5], strict=True):
        assert row["f1"] == f"{100 * run.pooled('f1'):.2f}"


def test_a_single_run_is_a_table_of_its_own(pair):
    for form in ("text", "json", "latex"):
        assert scores.several(pair[:1], ["uar"], form) == scores.table(pair[0], ["uar"], form)


def test_several_runs_as_json_are_in_full_precision(pair):
    first, second = json.loads(scores.several(pair, None, "json"))
    assert (first["run"], second["run"]) == ("toy_one", "toy_two")
    assert second["metrics"]["uar"]["mean"] == pair[1].mean_std("uar").mean
    assert first["folds"]["2"]["f1"] == pair[0].scores("f1")[1]


@pytest.mark.parametrize("form", scores.FORMATS)
def test_a_metric_that_nobody_knows_is_named(pair, form):
    with pytest.raises(SerbenchError, match="there is no metric 'uarr'; did you mean uar"):
        scores.several(pair, ["uarr"], form)


def test_runs_are_listed_in_every_form(pair):
    assert "complete" in scores.listing(pair, "markdown")
    assert "toy\\_one" in scores.listing(pair, "latex")
    listed = json.loads(scores.listing(pair, "json"))
    assert [one["run"] for one in listed] == ["toy_one", "toy_two"]
    assert math.isclose(listed[0]["uar"]["std"], pair[0].mean_std("uar").std)
    rows = list(csv.DictReader(io.StringIO(scores.listing(pair, "csv"))))
    assert rows[1]["folds"] == "2"
    assert json.loads(scores.listing([], "json")) == []
