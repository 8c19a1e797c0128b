import json
import math

import numpy as np
import pytest
import safetensors

from serbench import results
from serbench.errors import SerbenchError
from serbench.results import FoldResult, Scored

SCORED = Scored(("u1", "u2"), ("s1", "s2"), np.array([0, 1]), np.eye(2, dtype=np.float32))
FACTS = {name: {} for name in results.REQUIRED} | {"labels": ["a", "b"]}


@pytest.fixture
def again(tmp_path):
    """Write a result and read it again; and what the file says of a fact."""

    def again(**facts):
        path = tmp_path / "fold-01.safetensors"
        results.write(path, FoldResult({**FACTS, **facts}, SCORED))
        with safetensors.safe_open(path, framework="numpy") as file:
            stored = json.loads(file.metadata()["serbench"])
        return results.read(path), stored

    return again


def test_a_learning_curve_is_stored_by_name_and_read_by_epoch(again):
    curve = [{"epoch": 1, "loss": 2.0, "uar": 1 / 3}, {"epoch": 2, "loss": math.nan, "uar": 0.5}]
    read, stored = again(curve=curve)
    assert stored["curve"]["epoch"] == [1, 2]
    assert stored["curve"]["uar"] == [0.333333, 0.5]
    first, second = read.facts["curve"]
    assert first == {"epoch": 1, "loss": 2.0, "uar": 0.333333}
    assert math.isnan(second["loss"])


@pytest.mark.parametrize("curve", [[], [{"epoch": 1}, {"epoch": 2, "loss": 0.5}]])
def test_points_of_different_names_are_stored_as_they_are(again, curve):
    read, stored = again(curve=curve)
    assert stored["curve"] == curve
    assert read.facts["curve"] == curve


def test_a_curve_of_uneven_lists_is_told(tmp_path, again):
    read, _ = again()
    facts = {**read.facts, "curve": {"epoch": [1, 2], "loss": [0.5]}}
    arrays = results._arrays("test", SCORED)
    path = tmp_path / "edited.safetensors"
    safetensors.numpy.save_file(arrays, path, metadata={"serbench": json.dumps(facts)})
    with pytest.raises(SerbenchError, match="is not a result of serbench \\(ValueError\\)"):
        results.read(path)


def test_withheld_truth_is_told_apart_from_a_broken_file(tmp_path):
    facts = {**FACTS, "schema": results.SCHEMA}
    arrays = results._arrays("test", SCORED)
    del arrays["test.truth"]
    path = tmp_path / "fold-01.safetensors"
    safetensors.numpy.save_file(arrays, path, metadata={"serbench": json.dumps(facts)})
    with pytest.raises(SerbenchError, match="has no true labels: the corpus's licence keeps them"):
        results.read(path)
