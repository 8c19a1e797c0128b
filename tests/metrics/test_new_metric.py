"""A metric is one entry of `METRICS`: everything that lists or computes metrics follows it."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.metrics.classification import METRICS, Metric, per_class
from serbench.metrics.intervals import metric_intervals, speaker_interval


def kappa(matrix):
    """Cohen's kappa: agreement beyond chance."""
    labels = per_class(matrix)
    agreed = labels.hits.sum(axis=-1) / labels.true.sum(axis=-1)
    by_chance = (labels.true * labels.predicted).sum(axis=-1) / labels.true.sum(axis=-1) ** 2
    return (agreed - by_chance) / (1 - by_chance)


@pytest.fixture
def register(monkeypatch):
    """A function that adds a seventh metric."""
    metric = Metric("kappa", "Kappa", "(p - e) / (1 - e), e = sum_k p_k q_k", kappa)
    return lambda: monkeypatch.setitem(METRICS, "kappa", metric)


def call(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_all_intervals_include_it_and_equal_its_own(register):
    matrices = np.random.default_rng(3).multinomial(30, np.full(9, 1 / 9), 7).reshape(7, 3, 3)
    assert "kappa" not in metric_intervals(matrices)  # and these are remembered
    register()
    intervals = metric_intervals(matrices)
    assert list(intervals) == list(METRICS)
    for name, metric in METRICS.items():
        assert intervals[name] == speaker_interval(matrices, metric.compute)


def test_it_is_scored_compared_submitted_and_built_into_a_leaderboard(places, tmp_path, register):
    register()
    runs = [serbench.evaluate("centroid", "tones", jobs=0, seed=seed) for seed in (0, 1)]
    scored = json.loads(call("score", runs[0].name, "--format", "json"))
    assert scored["metrics"]["kappa"]["pooled"] == kappa(runs[0].confusions.sum(axis=0))
    names = [run.name for run in runs]
    compared = json.loads(call("compare", *names, "--metric", "kappa", "--format", "json"))
    assert "kappa" in json.dumps(compared)
    for name in names:
        call("leaderboard", "submit", name, "--submitter", "Ada", "--out", tmp_path / "sent")
    call("leaderboard", "build", "--submissions", tmp_path / "sent", "--out", tmp_path / "board")
    board = (tmp_path / "board" / "leaderboard.csv").read_text()
    assert board.count(",measured,") == len(runs)


@pytest.mark.parametrize("protocol", ["kfold:n=3", "nested"])
def test_submissions_made_before_it_existed_stay_valid(places, tmp_path, register, protocol):
    run = serbench.evaluate("centroid", "tones", protocol=protocol, jobs=0)
    call("leaderboard", "submit", run.name, "--submitter", "Ada", "--out", tmp_path / "sent")
    register()
    call("leaderboard", "build", "--submissions", tmp_path / "sent", "--out", tmp_path / "board")
    assert ",measured," in (tmp_path / "board" / "leaderboard.csv").read_text()
