"""Scores of one run and of several, and the list of runs, in every form."""

import csv
import io
import json
import math

import pytest

from serbench import tables
from serbench.comparison import result
from serbench.errors import SerbenchError
from serbench.results import summary


@pytest.fixture(scope="module")
def pair(invented):
    return [invented("toy_one"), invented("toy_two", seed=1, right=0.9)]


def test_several_runs_are_one_table(pair):
    table = list(csv.DictReader(io.StringIO(summary.scores(pair, ["uar", "f1"], "csv"))))
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
    assert summary.scores(pair[:1], ["uar"], "text").split()[:2] == ["toy_one", "uar"]
    assert json.loads(summary.scores(pair[:1], ["uar"], "json"))["run"] == "toy_one"


def test_several_runs_as_json_are_in_full_precision(pair):
    first, second = json.loads(summary.scores(pair, None, "json"))
    assert (first["run"], second["run"]) == ("toy_one", "toy_two")
    assert second["metrics"]["uar"]["mean"] == pair[1].mean_std("uar").mean
    assert first["folds"]["2"]["f1"] == pair[0].scores("f1")[1]


@pytest.mark.parametrize("form", summary.FORMATS)
def test_a_metric_that_nobody_knows_is_named(pair, form):
    with pytest.raises(SerbenchError, match="there is no metric 'uarr'; did you mean uar"):
        summary.scores(pair, ["uarr"], form)


def test_runs_are_listed_in_every_form(pair):
    assert "complete" in summary.listing(pair, "markdown")
    assert "toy\\_one" in summary.listing(pair, "latex")
    listed = json.loads(summary.listing(pair, "json"))
    assert [one["run"] for one in listed] == ["toy_one", "toy_two"]
    assert math.isclose(listed[0]["uar"]["std"], pair[0].mean_std("uar").std)
    rows = list(csv.DictReader(io.StringIO(summary.listing(pair, "csv"))))
    assert rows[1]["folds"] == "2"
    assert json.loads(summary.listing([], "json")) == []


def test_the_best_of_the_runs_that_can_be_compared_has_the_highest_uar(pair, invented):
    other = invented("other", config={"dataset": "other"})
    assert summary.best([pair[1], other, pair[0]]) == [0]
    assert summary.best([pair[0], other]) == []


EVIL = "\x1b[31m\x07\u202egnp"
SEEN = "\\x1b[31m\\x07\\u202egnp"


def unseen(text):
    return [one for one in text if not one.isprintable() and one != "\n"]


@pytest.mark.parametrize("form", summary.FORMATS)
def test_what_a_terminal_would_obey_is_made_visible(invented, form):
    run = invented(f"toy_{EVIL}", config={"model": EVIL, "dataset": EVIL}, labels=("a", EVIL))
    for text in (summary.scores([run], None, form), summary.listing([run], form)):
        assert not unseen(text)
    if form == "text":
        assert SEEN in summary.listing([run], form)
        assert not unseen(str(run))
        assert str(run).startswith(f"{SEEN} on {SEEN}")


@pytest.mark.parametrize("form", result.FORMATS)
def test_what_a_terminal_would_obey_is_visible_in_comparisons(invented, form):
    pair = [
        invented(f"toy_{EVIL}_{seed}", seed=seed, speaker=EVIL + "{0}", config={"model": EVIL})
        for seed in (1, 2)
    ]
    assert not unseen(result.compare(*pair).page(form, True))


def test_a_formula_in_a_name_is_text_in_a_sheet(invented):
    made = summary.listing([invented("=cmd|calc!A0"), invented("@a"), invented("-b")], "csv")
    assert [row[0] for row in csv.reader(io.StringIO(made))][1:] == ["'=cmd|calc!A0", "'@a", "'-b"]
    numbers = tables.table(["a"], [["-10.00"], ["+4.21"], ["-"], ["-1e-05"]], "csv")
    assert numbers.splitlines() == ["a", "-10.00", "+4.21", "-", "-1e-05"]


def test_latex_takes_names_for_text(invented):
    lines = summary.listing([invented("[1pt]a|b"), invented("*語")], "latex").splitlines()
    assert lines[4].startswith(r"{}[1pt]a\textbar{}b & ")
    assert lines[5].startswith(r"{}*\texttt{U+8A9E} & ")
    assert (lines[0], lines[-1]) == (r"\begin{tabular}{lllll}", r"\end{tabular}")
