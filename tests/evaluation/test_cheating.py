"""Nothing is won by looking for labels where none should be."""

import itertools

import numpy as np
import pytest

import serbench
from serbench.results.config import Request
from serbench.results.eligibility import BATCH


def evaluate(model, **params):
    """The first fold, whose model has a process of its own."""
    features = "crossings" if params.get("reach") else "waveform"
    options = {"jobs": 1, "folds": ["1"], "params": params, "features": features}
    return serbench.evaluate(f"cheats:{model}", "tones", **options)


@pytest.mark.parametrize("model", ["Positions", "Frames", "Disk"])
def test_what_looks_for_labels_guesses_and_is_never_ranked(places, model):
    run = evaluate(model, stretched=False)
    assert run.pooled("uar") < 0.6  # in the corpus's order it would be 1
    assert BATCH in run.objections
    assert "NOT RANKED: labels depend on the batch: " in str(run)


def test_what_averages_over_neighbours_and_remembers_is_never_ranked(places):
    run = evaluate("Neighbours", reach=4)
    assert BATCH in run.objections


def test_which_utterances_are_asked_alone_cannot_be_foretold(places):
    run = evaluate("Foretelling", reach=8)
    assert run.alone > 1e-3  # where 8 of 24 are foretold, the others tell
    assert BATCH in run.objections


def test_the_process_that_predicts_is_not_told_where_anything_is(places):
    run = evaluate("Environment", stretched=False)
    assert run.facts.model["variables"] == []


def test_utterances_come_in_an_order_that_says_nothing_and_is_always_the_same(places):
    from serbench.evaluation import inputs, plan
    from serbench.evaluation.folds.fold import read_sets
    from serbench.evaluation.progress.listener import Listener

    made = plan.make_plan(Request("centroid", "tones"), places)
    needed = {utterance.id for utterance in made.corpus.utterances}
    prepared = inputs.prepare(made, needed, places, Listener())
    lent = plan.Resources(places.results / made.config.name, places.cache, "cpu")
    orders = []
    jobs = [plan.make_job(made, lent, at, prepared.pin(made, at)) for at in range(3)]
    for job in jobs:
        sets = read_sets(job, lambda _: None)
        test = sets.fold.test
        order = sets.order(test)
        assert sorted(order) == list(range(len(test)))
        assert list(order) != sorted(order)
        labels = [made.corpus.by_id[test[position]].label for position in order]
        repeats = np.mean([one == other for one, other in itertools.pairwise(labels)])
        assert repeats < 0.6  # in the corpus's order most neighbours have one label
        orders.append(order)
    again = [read_sets(job, lambda _: None) for job in jobs]
    assert orders == [sets.order(sets.fold.test) for sets in again]
