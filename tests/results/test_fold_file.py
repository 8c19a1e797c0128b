import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors

from serbench.errors import CorpusError, SerbenchError
from serbench.results import fold_file
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.run import readable

SCORED = Scored(("u1", "u2"), ("s1", "s2"), np.array([0, 1]), np.eye(2, dtype=np.float32))
CONFIG = {
    **dict.fromkeys(("dataset", "labels", "protocol", "model", "feature"), "x"),
    **dict.fromkeys(("model_version", "feature_version"), "1"),
    **{key: {} for key in ("params", "feature_params", "reading")},
    "seed": 0,
}
FACTS = {
    "config": CONFIG,
    "pins": {"corpus": "c", "protocol": "p", "audio": "a"},
    "protocol": {"name": "x", "leaks": "", "folds": 1},
    "fold": {
        "index": 0,
        "name": "1",
        "group": "",
        "utterances": {"train": 1, "validation": 1, "test": 1},
    },
    "labels": ["a", "b"],
    "link": "identity",
    "certificate": {"clean": True},
    "validation": {"f1": 0.5},
    "alone": {"largest_difference": 0.0},
    "seconds": {"fit": 1.0},
    "device": "cpu",
    "threads": 1,
    **{name: {} for name in ("versions", "sources", "machine")},
}


@pytest.fixture
def again(tmp_path):
    """Write a result and read it again; and what the file says of a fact."""

    def again(**facts):
        path = tmp_path / "fold-01.safetensors"
        fold_file.write(path, FoldResult({**FACTS, **facts}, SCORED))
        with safetensors.safe_open(path, framework="numpy") as file:
            stored = json.loads(file.metadata()["serbench"])
        return fold_file.read(path), stored

    return again


def test_a_learning_curve_is_stored_by_name_and_read_by_epoch(again):
    curve = [{"epoch": 1, "loss": 2.0, "uar": 1 / 3}, {"epoch": 2, "loss": math.nan, "uar": 0.5}]
    read, stored = again(curve=curve)
    assert stored["curve"]["epoch"] == [1, 2]
    assert stored["curve"]["uar"] == [0.333333, 0.5]
    first, second = read.facts.curve
    assert first == {"epoch": 1, "loss": 2.0, "uar": 0.333333}
    assert math.isnan(second["loss"])


@pytest.mark.parametrize("curve", [[], [{"epoch": 1}, {"epoch": 2, "loss": 0.5}]])
def test_points_of_different_names_are_stored_as_they_are(again, curve):
    read, stored = again(curve=curve)
    assert stored["curve"] == curve
    assert read.facts.curve == tuple(curve)


def test_a_curve_of_uneven_lists_is_told(tmp_path, again):
    read, _ = again()
    facts = {**read.stored, "curve": {"epoch": [1, 2], "loss": [0.5]}}
    arrays = fold_file.arrays("test", SCORED)
    path = tmp_path / "edited.safetensors"
    safetensors.numpy.save_file(arrays, path, metadata={"serbench": json.dumps(facts)})
    with pytest.raises(SerbenchError, match="is not a result of serbench \\(ValueError\\)"):
        fold_file.read(path)


def test_withheld_truth_is_told_apart_from_a_broken_file(tmp_path):
    facts = {**FACTS, "schema": fold_file.SCHEMA}
    arrays = fold_file.arrays("test", SCORED)
    del arrays["test.truth"]
    path = tmp_path / "fold-01.safetensors"
    safetensors.numpy.save_file(arrays, path, metadata={"serbench": json.dumps(facts)})
    with pytest.raises(SerbenchError, match="has no true labels: the corpus's licence keeps them"):
        fold_file.read(path)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (
            {"protocol": {"name": "x", "leaks": "", "folds": "6"}},
            "protocol.folds must be a whole number, not '6'",
        ),
        ({"model": None}, "model must be an object, not None"),
        ({"model": {"pretrained": "no"}}, "model.pretrained must be true or false, not 'no'"),
        ({"curve": 5}, "curve must be a list, not 5"),
        ({"curve": {"epoch": 5}}, "TypeError"),
        (
            {"curve": [{"epoch": []}]},
            r"curve\[0\].epoch must be a number, not \[\]",
        ),
        ({"seconds": {"fit": "x"}}, "seconds.fit must be a number, not 'x'"),
        ({"config": {**CONFIG, "params": []}}, r"config.params must be an object, not \[\]"),
        (
            {"config": {one: CONFIG[one] for one in CONFIG if one != "params"}},
            "config lacks params",
        ),
        ({"labels": []}, "labels must be there, each once"),
        (
            {"device": "\x1b" * 99 + "c", "threads": "\x9b"},
            r"threads must be a whole number, not '\\x9b'",
        ),
    ],
)
def test_facts_that_other_code_could_not_read_are_no_result(tmp_path, odd, words):
    path = tmp_path / "run" / "fold-01.safetensors"
    path.parent.mkdir()
    facts = json.dumps({**FACTS, "schema": fold_file.SCHEMA, **odd})
    safetensors.numpy.save_file(
        fold_file.arrays("test", SCORED), path, metadata={"serbench": facts}
    )
    with pytest.raises(SerbenchError, match=f"not a result of serbench \\(.*{words}.*remove it"):
        fold_file.read(path)


def test_facts_that_are_no_object_are_no_result(tmp_path):
    path = tmp_path / "fold-01.safetensors"
    arrays = fold_file.arrays("test", SCORED)
    safetensors.numpy.save_file(arrays, path, metadata={"serbench": "[5]"})
    with pytest.raises(SerbenchError, match="has the schema 'None', this serbench reads 1"):
        fold_file.read(path)


def test_one_odd_folder_does_not_keep_others_from_being_listed(tmp_path):
    for name, folds in (("good", 1), ("odd", "1")):
        facts = {**FACTS, "protocol": {"name": "x", "leaks": "", "folds": folds}}
        fold_file.write(tmp_path / name / "fold-01.safetensors", FoldResult(facts, SCORED))
    found, broken = readable(tmp_path)
    assert [run.name for run in found] == ["good"]
    assert "odd/fold-01.safetensors is not a result of serbench" in broken[0]


@pytest.mark.parametrize(
    ("activations", "truth", "words"),
    [
        ([[math.nan, 0], [0, 1]], [0, 1], "not all of its activations are finite"),
        ([[1, 0, 0], [0, 1, 0]], [0, 1], r"have the shape \(2, 3\), not a column a label"),
        ([[1, 0], [0, 1]], [0, 7], "a true label that is not in its list"),
    ],
)
def test_answers_that_cannot_be_scored_are_damaged(tmp_path, activations, truth, words):
    test = Scored(SCORED.ids, SCORED.speakers, np.array(truth), np.array(activations, np.float32))
    path = tmp_path / "fold-01.safetensors"
    fold_file.write(path, FoldResult(FACTS, test))
    with pytest.raises(SerbenchError, match=f"is damaged, .*{words}: remove it"):
        fold_file.read(path)


def test_more_labels_or_speakers_than_a_result_can_number_are_refused():
    def corpus(labels, speakers):
        return SimpleNamespace(
            name="csv:my",
            labels=range(labels),
            utterances=[SimpleNamespace(speaker=one) for one in range(speakers)],
        )

    fold_file.require_size(corpus(256, 3))
    with pytest.raises(
        CorpusError, match="csv:my has 257 labels, and a result has numbers for 256"
    ):
        fold_file.require_size(corpus(257, 3))
    with pytest.raises(CorpusError, match="has 65537 speakers, and a result has numbers for 65536"):
        fold_file.require_size(corpus(2, 65537))
