"""Intervals cover and tests keep quiet as often as the docs say: by simulation."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from serbench.metrics.classification import METRICS

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("simulate", DOCS / "simulate_intervals.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_simulation_scores_as_serbench_does(simulation):
    matrices = np.random.default_rng(0).integers(1, 9, (5, 6, 6))
    both = simulation.scores(matrices)
    for at, metric in enumerate(simulation.METRIC_NAMES):
        assert both[:, at] == pytest.approx(METRICS[metric].compute(matrices))


def test_the_simulated_truth_is_the_score_of_very_many_speakers(simulation):
    rng, effect = np.random.default_rng(0), simulation.EFFECTS[-1]
    for models in (*simulation.PAIRS, simulation.better(0.1)):
        pooled = simulation.draw(rng, models, effect, 4000, 1).sum(axis=(0, 1))
        assert simulation.scores(pooled) == pytest.approx(models.truth(), abs=0.008)


def test_the_simulated_speakers_differ_as_much_as_is_said(simulation):
    none, moderate, large = (
        METRICS["uar"]
        .compute(simulation.draw(np.random.default_rng(0), simulation.ALIKE, one, 3000, 1)[:, 0, 0])
        .std()
        for one in simulation.EFFECTS
    )
    assert (moderate**2 - none**2) ** 0.5 == pytest.approx(0.05, abs=0.01)
    assert (large**2 - none**2) ** 0.5 == pytest.approx(0.10, abs=0.015)


def test_the_page_shows_what_was_simulated(simulation):
    found = json.loads((DOCS / "intervals.json").read_text())
    page = (DOCS / "comparing.md").read_text()
    assert simulation.table(found["rows"], found["corpora"]) in page
    assert found["corpora"] >= 2000


@pytest.mark.slow
@pytest.mark.parametrize("speakers", [10, 24, 91])
def test_intervals_cover_and_tests_keep_quiet(simulation, speakers):
    # 1000 corpora a setting: three standard errors, 0.7 % each, on either side of what is wanted
    for effect in simulation.EFFECTS:
        for models in simulation.PAIRS:
            shares = simulation.coverage(models, effect, speakers, 1000, seed=7)
            for metric in simulation.METRIC_NAMES:
                found = shares[metric]
                assert 0.93 - 0.021 <= found["paired"] <= 0.97 + 0.021, (effect, models, metric)
                assert 0.93 - 0.021 <= found["single"] <= 0.97 + 0.021, (effect, models, metric)
                assert 0.03 - 0.021 <= found["found"] <= 0.07 + 0.021, (effect, models, metric)
                if effect.name == "large":
                    assert found["naive"] < 0.85


@pytest.mark.slow
def test_what_is_called_detectable_is_detected(simulation):
    for effect in simulation.EFFECTS[1:]:
        assert 0.7 <= simulation.power(effect, 24, 1000)["found"] <= 0.9
