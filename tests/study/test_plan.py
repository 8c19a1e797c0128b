"""Plans of studies: their runs, what is there, and why a run cannot be planned."""

import shutil

import pytest

import serbench
from serbench.results.config import Request
from serbench.study.matrix import Item, expand
from serbench.study.plan import PlannedRun, plan

pytestmark = pytest.mark.usefixtures("places")


def test_a_plan_counts_folds_and_gives_the_reason_of_runs_that_cannot_be_planned(places):
    serbench.evaluate("centroid", "tones", jobs=0, folds=["1", "3"])
    matrix = expand([Item("centroid"), Item("preset")], [Item("tones"), Item("hushed")], {})
    planned = plan("mine", matrix, places.results)
    rows = [line.split() for line in planned.table().splitlines()[2:]]
    assert rows[0] == ["centroid", "tones", "kfold:n=3", "tones", "0", "3", "2", "1"]
    assert rows[3] == ["preset", "hushed", "kfold:n=3", "tones", "0", "-", "-", "-"]
    assert planned.totals() == (
        "4 runs with 6 folds: 2 are there, 4 are missing; 2 runs cannot be planned here"
    )
    (line,) = planned.problems()
    assert line.startswith("centroid on hushed, preset on hushed: no tones in ")


def test_planning_writes_nothing_among_the_results(places):
    plan("mine", expand([Item("centroid")], [Item("tones")], {}), places.results)
    assert not places.results.exists()


def test_damaged_and_foreign_folds_are_passed_over_where_the_corpus_is_missing(places):
    run = serbench.evaluate("centroid", "tones", jobs=0)
    more = serbench.evaluate("centroid", "tones", protocol="kfold:n=4", jobs=0, folds=["4"])
    first, *_ = files = sorted(run.folder.glob("*.safetensors"))
    first.write_bytes(b"damaged")
    (foreign,) = more.folder.glob("*.safetensors")
    shutil.copy(foreign, run.folder)
    moved = PlannedRun(Request("centroid", "tones"), run.folder)
    assert len(files) == 3
    assert moved.fold_names == ["1", "2", "3"]
