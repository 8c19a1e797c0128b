import dataclasses

import numpy as np
import pytest

from serbench.errors import SerbenchError
from serbench.leaderboard.build import show
from serbench.results import fold_file, summary
from serbench.results.display_names import model_names
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.run import find, read

CLEAN = {"clean": True}
CONFIG = {
    "dataset": "toy:seed=1",
    "labels": "toy",
    "protocol": "paper-nested",
    "model": "made-up",
    "model_version": "1",
    "params": {},
    "feature": "waveform",
    "feature_version": "1",
    "feature_params": {},
    "reading": {"trim_db": 60.0},
    "seed": 0,
}
SIZES = {"train": 1, "validation": 1, "test": 1}


def fold(index, truth, predicted, **facts):
    """A fold of two labels whose predictions are given."""
    truth, predicted = np.array(truth), np.array(predicted)
    scored = Scored(
        tuple(f"u{index}-{n}" for n in range(len(truth))),
        tuple(f"s{index}-{n % 2}" for n in range(len(truth))),
        truth,
        np.eye(2, dtype=np.float32)[predicted],
    )
    common = {
        "config": CONFIG,
        "labels": ["a", "b"],
        "link": "identity",
        "pins": {"corpus": "c", "protocol": "p", "audio": "x"},
        "protocol": {"name": "paper-nested", "leaks": "", "folds": 2},
        "fold": {"index": index, "name": str(index), "group": "", "utterances": SIZES},
        "certificate": CLEAN,
        "validation": {"f1": 0.5},
        "alone": {"utterances": 1, "largest_difference": 0.0},
        "seconds": {"fit": 1.0},
        "device": "cpu",
        "threads": 1,
        **{key: {} for key in ("versions", "sources", "machine")},
    }
    return FoldResult({**common, **facts}, scored)


GOOD = fold(0, [0, 0, 1, 1], [0, 0, 1, 1])
POOR = fold(1, [0, 0, 1, 1], [0, 1, 0, 1])


@pytest.fixture
def write(tmp_path):
    """Write folds as one run."""

    def write(*folds, name="toy_made-up_1"):
        for number, one in enumerate(folds):
            fold_file.write(tmp_path / name / f"any-{number}.safetensors", one)
        return tmp_path / name

    return write


def test_scores_are_those_of_the_folds(write):
    run = read(write(POOR, GOOD))
    assert run.scores("accuracy").tolist() == [1.0, 0.5]
    assert run.mean_std("accuracy") == (0.75, pytest.approx(np.std([1.0, 0.5], ddof=1)))
    assert run.pooled("accuracy") == 0.75
    low, high = run.interval("accuracy")
    assert low < 0.75 <= high
    assert run.missing == 0


def test_of_a_group_only_the_best_on_validation_counts(write):
    def grouped(index, template, f1):
        facts = {"fold": {"index": index, "name": str(index), "group": "g", "utterances": SIZES}}
        facts |= {"validation": {"f1": f1}, "protocol": {"name": "n", "leaks": "", "folds": 2}}
        return dataclasses.replace(template, stored={**template.stored, **facts})

    run = read(write(grouped(0, GOOD, 0.6), grouped(1, POOR, 0.7)))
    assert run.scores("accuracy").tolist() == [0.5]
    assert run.missing == 0
    first = read(write(grouped(0, GOOD, 0.7), grouped(1, POOR, 0.7)))
    assert first.scores("accuracy").tolist() == [1.0]


def test_missing_folds_are_said(write):
    run = read(write(GOOD))
    assert run.missing == 1
    assert "NOT RANKED: incomplete: 1 of 2 folds is missing." in str(run)


def test_a_leak_is_said_and_never_ranked_first(write, tmp_path):
    leaks = {"protocol": {"name": "random", "leaks": "on purpose", "folds": 1}}
    write(fold(0, [0, 1], [0, 1], **leaks), name="toy_leaky_2")
    write(GOOD, POOR)
    run = find("toy_leaky", tmp_path)
    assert "NOT RANKED: leaks: on purpose." in str(run)
    board = show(tmp_path)
    rows = [line for line in board.splitlines() if "| made-up" in line]
    assert [row.split("|")[1].strip() for row in rows] == ["1", "-"]
    assert "Not ranked: made-up (2): leaks: on purpose" in board


@pytest.mark.parametrize(
    ("dataset", "protocol", "words"),
    [
        ("ravdess", "paper", ""),
        ("ravdess", "loso", "They are for protocol paper and labels ravdess, not for these."),
        ("iemocap", "paper-marker", ""),
        ("iemocap", "paper", "They are for protocol paper-marker and labels iemocap, not for"),
    ],
)
def test_the_papers_rows_are_said_to_be_for_another_protocol(write, dataset, protocol, words):
    config = {**CONFIG, "dataset": dataset, "labels": dataset, "protocol": protocol}
    table = str(read(write(fold(0, [0, 1], [0, 1], config=config))))
    assert "paper, M2" in table
    assert ("They are for" in table) == bool(words)
    assert words in table


def test_folds_that_differ_in_circumstances_are_pointed_out(write):
    run = read(write(GOOD, fold(1, [0, 1], [0, 1], threads=4)))
    assert "The folds differ in threads." in str(run)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"config": {**CONFIG, "seed": 1}}, "folds of different runs: config differs"),
        ({"labels": ["b", "a"]}, "folds of different runs: labels differs"),
        (
            {"pins": {"corpus": "other", "protocol": "p", "audio": "x"}},
            "folds of different data: the corpus differs",
        ),
        (
            {"fold": {"index": 0, "name": "0", "group": "", "utterances": SIZES}},
            "holds one fold twice",
        ),
    ],
)
def test_folds_that_do_not_belong_together_are_refused(write, other, words):
    with pytest.raises(SerbenchError, match=words):
        read(write(GOOD, fold(1, [0, 1], [0, 1], **other)))


def test_a_run_is_found_by_the_start_of_its_name(write, tmp_path):
    write(GOOD, POOR, name="toy_made-up_1")
    write(GOOD, POOR, name="toy_other_2")
    assert find("toy_m", tmp_path).name == "toy_made-up_1"
    assert find("other", tmp_path).name == "toy_other_2"
    with pytest.raises(SerbenchError, match="may be any of toy_made-up_1, toy_other_2"):
        find("toy", tmp_path)
    with pytest.raises(SerbenchError, match="there is no run 'x'"):
        find("x", tmp_path)


def test_runs_whose_speakers_train_are_not_found_by_the_name_of_others(write, tmp_path):
    write(GOOD, POOR, name="toy_svm_kfold-n-6_seed0_1")
    dependent = write(GOOD, POOR, name="toy_svm_speaker-dependent-base-kfold_seed0_2")
    assert find("toy_svm", tmp_path).name == "toy_svm_kfold-n-6_seed0_1"
    for name in ("toy_svm_speaker-dependent", "dependent-base", dependent.name):
        assert find(name, tmp_path).name == dependent.name


def test_a_schema_of_the_future_is_refused(write):
    folder = write(GOOD)
    fold_file.SCHEMA, before = 99, fold_file.SCHEMA
    try:
        fold_file.write(folder / "any-0.safetensors", GOOD)
    finally:
        fold_file.SCHEMA = before
    with pytest.raises(SerbenchError, match="schema 1, this|has the schema"):
        read(folder)


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(SerbenchError, match="no result in .*serbench runs"):
        read(tmp_path)


def test_names_cannot_break_a_markdown_table(write, tmp_path):
    evil = {"config": {**CONFIG, "model": "<script>|x|</script>"}}
    write(fold(0, [0, 1], [0, 1], **evil))
    text = show(tmp_path)
    assert "<script>" not in text
    assert "&lt;script>\\|x\\|" in text


def test_runs_of_one_model_are_told_apart_by_as_few_parameters_as_it_takes(write):
    def run(number, facts=None, **params):
        config = {**CONFIG, "params": params, "seed": number}
        return read(
            write(fold(0, [0, 1], [0, 1], config=config, **(facts or {})), name=f"run-{number}")
        )

    tuned = {"recipe": "tuned", "loss": "ce", "schedule": "linear"}
    paper = {"recipe": "paper", "loss": "bce", "schedule": "paper"}
    of_checkpoint = {"model": {"checkpoint": "some/encoder"}}
    found = [
        run(1, **tuned),
        run(2, **tuned),
        run(3, **paper),
        run(4, **{**paper, "schedule": "linear"}),
        run(5, of_checkpoint, **tuned),
    ]
    assert model_names(found) == {
        "run-1": "made-up, recipe=tuned",
        "run-2": "made-up, recipe=tuned",
        "run-3": "made-up, recipe=paper, schedule=paper",
        "run-4": "made-up, recipe=paper, schedule=linear",
        "run-5": "made-up, some/encoder",
    }
    assert model_names(found[:2]) == {"run-1": "made-up", "run-2": "made-up"}


def test_runs_that_differ_in_versions_alone_are_told_apart_in_words(write):
    changes = (
        {},
        {"model_version": "2"},
        {"threads": 4},
        {"precision": "bfloat16"},
        {"reading": {**CONFIG["reading"], "trim_db": None}},
    )
    found = [
        read(write(fold(0, [0, 1], [0, 1], config={**CONFIG, **change}), name=f"run-{at}"))
        for at, change in enumerate(changes)
    ]
    assert model_names(found) == {
        "run-0": "made-up, version 1, trimmed at 60 dB, float32, 1 thread",
        "run-1": "made-up, version 2",
        "run-2": "made-up, version 1, trimmed at 60 dB, float32, 4 threads",
        "run-3": "made-up, version 1, trimmed at 60 dB, bfloat16",
        "run-4": "made-up, version 1, not trimmed",
    }


@pytest.mark.parametrize("form", ["text", "markdown", "csv", "latex", "json"])
def test_scores_come_in_every_form(write, form):
    text = summary.scores([read(write(GOOD, POOR))], ["accuracy"], form)
    assert ("0.75" if form == "json" else "75.00") in text


def test_an_unknown_metric_lists_the_nearest(write):
    with pytest.raises(SerbenchError, match="no metric 'uarr'; did you mean uar"):
        read(write(GOOD)).scores("uarr")


def test_utterances_are_a_frame_with_truth_prediction_and_confidence(write):
    frame = read(write(POOR, GOOD)).utterances()
    assert list(frame.index[:2]) == ["u0-0", "u0-1"]
    assert list(frame.columns) == ["fold", "speaker", "truth", "prediction", "confidence"]
    assert list(frame.loc["u1-1"]) == ["1", "s1-1", "a", "b", 1.0]
    assert (frame.truth == frame.prediction).mean() == read(write()).pooled("accuracy") == 0.75
