"""The fake models do through the whole harness what they say."""

import numpy as np
import pytest

import serbench
from serbench.contracts import Examples
from serbench.errors import BadParameter, FoldError
from serbench.evaluation.folds.model_isolation import FoldWorkspace
from serbench.testing.fake_models import Oracle

PATH = "serbench.testing.fake_models:{}"

pytestmark = pytest.mark.usefixtures("places")


def evaluate(name, **words):
    """Three folds of 18 tones, two of them tested nowhere else, in this process."""
    words = {"dataset": "tones:takes=1", "jobs": 0, **words}
    return serbench.evaluate(PATH.format(name), **words)


@pytest.mark.parametrize(("jobs", "folds"), [(0, ["1", "2", "3"]), (1, ["2"])])
def test_the_oracle_is_right_of_every_utterance(jobs, folds):
    run = evaluate("Oracle", params={"dataset": "tones:takes=1"}, jobs=jobs, folds=folds)
    assert run.scores("accuracy") == pytest.approx([1.0] * len(folds))
    assert [len(fold.test.ids) for fold in run.folds] == [6] * len(folds)


def test_the_oracle_is_right_under_another_label_set_and_untrimmed():
    params = {"dataset": "tones:takes=1"}
    run = evaluate("Oracle", params=params, labels="two", trim_db=None)
    assert run.scores("accuracy") == pytest.approx([1.0, 1.0, 1.0])


def test_the_oracle_refuses_what_it_does_not_know():
    words = {"dataset": "tones:takes=2", "params": {"dataset": "tones:takes=1"}, "folds": ["1"]}
    with pytest.raises(FoldError, match="has the labels of tones:takes=1 only, and 6 of 12 utter"):
        evaluate("Oracle", **words)


def test_the_oracle_needs_a_corpus_of_these_labels(tmp_path):
    oracle, none = Oracle(labels=("a", "b"), seed=0, dataset="tones"), Examples([], np.zeros(0), ())
    with pytest.raises(BadParameter, match="no label set of tones has the labels a, b: name the e"):
        oracle.fit(none, none, FoldWorkspace("cpu", 1, tmp_path, print))


def test_constant_says_one_label_of_everything():
    run = evaluate("Constant", params={"label": "high"})
    assert run.scores("uar") == pytest.approx([1 / 3] * 3)
    for fold in run.folds:
        assert set(fold.test.activations.argmax(axis=1)) == {2}


def test_constant_knows_its_labels_only():
    with pytest.raises(BadParameter, match="there is no label 'hihg'; did you mean high"):
        evaluate("Constant", params={"label": "hihg"})


@pytest.mark.parametrize("when", ["fit", "predict"])
def test_crashing_crashes_when_it_is_asked_to(when):
    with pytest.raises(FoldError, match=f"RuntimeError: crashed in {when}, as requested"):
        evaluate("Crashing", params={"when": when}, folds=["1"])


def test_slow_takes_its_time_and_reports_every_epoch():
    run = evaluate("Slow", params={"seconds": 0.05, "epochs": 3}, folds=["1"])
    (fold,) = run.folds
    assert fold.facts.seconds["fit"] >= 0.15
    assert [point["epoch"] for point in fold.facts.curve] == [1, 2, 3]


def test_slow_cannot_be_faster_than_nothing():
    with pytest.raises(BadParameter, match="seconds=-1, epochs=3, but seconds must be 0 or more"):
        evaluate("Slow", params={"seconds": -1.0})


def test_nan_is_refused():
    with pytest.raises(FoldError, match="must be finite and of shape"):
        evaluate("NaN", folds=["1"])
