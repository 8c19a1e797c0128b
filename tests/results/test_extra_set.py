"""Scores on extra test sets, from arrays whose scores can be counted by hand."""

import dataclasses

import numpy as np
import pytest

from serbench.errors import SerbenchError
from serbench.results import extra_set
from serbench.results.extra_set import ExtraFold, ExtraSet, ExtraTest
from serbench.results.extra_summary import Robustness
from serbench.results.fold_file import Scored

LABELS = ("calm", "neutral", "happy", "sad")
MERGED = ExtraSet(
    dataset="other",
    labels="other",
    model_labels={"calm": "neutral", "neutral": "neutral", "happy": "happy"},
    set_labels={"neutral": "neutral", "joy": "happy"},
)


def test_whole_numbers_are_shown_as_users_write_them_and_folders_stay():
    same = {"a": "a", "b": "b"}
    noise = ExtraSet("toy", "four", same, same, "noise:kind=babble,snr=10.0", "1")
    assert noise.title == "noise:kind=babble,snr=10"
    assert dataclasses.replace(noise, perturbation="gain:db=-3.5").title == "gain:db=-3.5"
    assert dataclasses.replace(noise, perturbation="noise:snr=10.0").folder == (
        "noise-snr-10.0_ef17bbbb"
    )


def test_probabilities_of_merged_labels_are_added_and_others_are_never_predicted():
    probabilities = np.array([[0.3, 0.3, 0.4, 0.0], [0.1, 0.1, 0.3, 0.5], [0.2, 0.1, 0.3, 0.4]])
    assert MERGED.words == ("neutral", "happy")
    assert MERGED.predicted(probabilities, "identity", LABELS).tolist() == [0, 1, 0]


def test_the_order_of_words_is_that_of_the_models_labels():
    swapped = dataclasses.replace(MERGED, model_labels={"happy": "happy", "neutral": "neutral"})
    scores = np.array([[9.0, 1.0, 2.0, 3.0]])
    assert swapped.words == ("happy", "neutral")
    assert swapped.predicted(scores, "softmax", LABELS).tolist() == [0]


def fold(run, predictions, speakers, truth):
    """A fold whose model predicts these words of `MERGED`."""
    activations = np.zeros((len(predictions), len(LABELS)), np.float32)
    activations[np.arange(len(predictions)), [1 if word == 0 else 2 for word in predictions]] = 9
    stored = {
        "config": run.config.stored(),
        "fold": {"index": 0, "name": "1"},
        "set": dataclasses.asdict(MERGED),
        "pins": {"corpus": "0" * 64, "audio": "0" * 64},
        "own": "0" * 64,
        "labels": list(LABELS),
        "link": "softmax",
        "left_out": {"fear": 2},
        "seconds": 0.1,
    }
    ids = tuple(f"u{at}" for at in range(len(predictions)))
    return ExtraFold(stored, Scored(ids, speakers, np.array(truth), activations))


@pytest.fixture
def tested(invented):
    """Two models on two speakers of two utterances; the second speaker is hard for one model."""
    run = invented("r")
    speakers, truth = ("a", "a", "b", "b"), [0, 1, 0, 1]
    folds = (fold(run, [0, 1, 0, 1], speakers, truth), fold(run, [0, 1, 1, 1], speakers, truth))
    return ExtraTest(run, MERGED, folds, run.folds[:2])


def test_the_score_is_the_mean_over_the_models(tested):
    assert tested.score("uar") == pytest.approx((1.0 + 0.75) / 2)
    assert tested.score("accuracy") == pytest.approx((1.0 + 0.75) / 2)
    assert tested.chance("uar") == pytest.approx(0.5)


def test_a_speaker_is_drawn_for_all_models_together(tested):
    assert tested.by_speaker.shape == (2, 2, 2, 2)
    low, high = tested.interval("accuracy")
    # the corpora drawn: a a, a b (twice), b b; means over models 1, 0.875, 0.75
    assert low == pytest.approx(0.75)
    assert high == pytest.approx(1.0)


def test_utterances_without_a_speaker_count_in_the_score_but_not_in_the_interval(tested):
    unknown = tuple(
        dataclasses.replace(each, test=dataclasses.replace(each.test, speakers=("a", "a", "", "")))
        for each in tested.folds
    )
    without = dataclasses.replace(tested, folds=unknown)
    assert without.score("accuracy") == tested.score("accuracy")
    assert without.by_speaker.shape[0] == 1
    assert np.isnan(without.interval("accuracy")).all()


def test_a_file_is_read_back_and_a_damaged_one_is_one_line(tested, tmp_path):
    path = tmp_path / "fold-01.safetensors"
    extra_set.write(path, tested.folds[1])
    again = extra_set.read(path)
    assert again.facts.set == MERGED
    assert again.predictions.tolist() == tested.folds[1].predictions.tolist()
    few = dataclasses.replace(
        tested.folds[1], stored={**tested.folds[1].stored, "labels": ["calm"]}
    )
    extra_set.write(path, few)
    with pytest.raises(SerbenchError, match=r"damaged, its activations have the shape \(4, 4\)"):
        extra_set.read(path)
    unknown = dataclasses.replace(few, stored={**few.stored, "link": "logit"})
    extra_set.write(path, unknown)
    with pytest.raises(SerbenchError, match="fold-01.* is damaged, the record: link must be 'ide"):
        extra_set.read(path)
    path.write_bytes(b"nothing")
    with pytest.raises(SerbenchError, match="remove it, and run the same command again"):
        extra_set.read(path)


def test_perturbations_are_in_the_order_of_their_parameters_and_show_those_that_differ(invented):
    run = invented("r")
    tests = []
    for spec, kind, parameters in (
        ("noise", "noise", {"snr": 20.0, "kind": "white"}),
        ("gain", "gain", {"db": -20.0}),
        ("noise:snr=5.0", "noise", {"snr": 5.0, "kind": "white"}),
        ("noise:kind=babble,snr=5.0", "noise", {"snr": 5.0, "kind": "babble"}),
    ):
        extra = dataclasses.replace(MERGED, perturbation=spec)
        made = fold(run, [0, 1], ("a", "b"), [0, 1])
        facts = {"set": dataclasses.asdict(extra), "kind": kind, "parameters": parameters}
        made = ExtraFold({**made.stored, **facts}, made.test)
        tests.append(ExtraTest(run, extra, (made,), run.folds[:1]))
    assert list(Robustness((run,), (tuple(tests),), "uar").titles.values()) == [
        "gain",
        "noise:snr=5,kind=babble",
        "noise:snr=5,kind=white",
        "noise:snr=20,kind=white",
    ]
