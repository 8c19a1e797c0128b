"""Plans of many runs share what does not depend on the seed."""

import sys

import pytest

from serbench.errors import SerbenchError
from serbench.evaluation.plan import Planner
from serbench.results.config import Request

MODEL = """
class Counting:
    version = "1"
    calls = 0

    def __init__(self, labels, seed, *, size: int = 1):
        pass

    @classmethod
    def resolved(cls, params):
        cls.calls += 1
        return params

    def fit(self, train, validation, workspace):
        pass

    predict = fit
"""


def test_parameters_are_resolved_once_for_all_seeds(places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counting_model.py").write_text(MODEL)
    planner = Planner(places)

    def plan(**more):
        model = {"model": "counting_model:Counting", "features": "crossings"}
        return planner.plan(Request(**model, dataset="tones", **more)).config

    configs = [plan(seed=seed) for seed in range(3)]
    counting = sys.modules["counting_model"].Counting
    assert [config.seed for config in configs] == [0, 1, 2]
    assert len({config.name for config in configs}) == 3
    assert counting.calls == 1
    assert plan(seed=1, params={"size": 2}).params == {"size": 2}
    assert counting.calls == 2


def test_a_corpus_that_is_missing_is_looked_for_once(places):
    planner, errors = Planner(places), []
    for seed in range(2):
        with pytest.raises(SerbenchError, match="no tones in") as raised:
            planner.plan(Request("centroid", "hushed", seed=seed))
        errors.append(raised.value)
    assert errors[0] is errors[1]
