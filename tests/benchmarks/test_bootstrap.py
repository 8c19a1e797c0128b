"""The interval of a corpus of 91 speakers costs milliseconds: 1000 resamples, 7442 utterances."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from serbench.metrics import METRICS, Metric
from serbench.stats import speaker_confusions, speaker_interval

SPEAKERS, UTTERANCES, LABELS = 91, 7442, 6  # CREMA-D


@pytest.fixture(scope="module")
def confusions() -> np.ndarray:
    rng = np.random.default_rng(0)
    truth = rng.integers(LABELS, size=UTTERANCES)
    prediction = np.where(
        rng.random(UTTERANCES) < 0.7, truth, rng.integers(LABELS, size=UTTERANCES)
    )
    speakers = [str(1001 + index % SPEAKERS) for index in range(UTTERANCES)]
    return speaker_confusions(truth, prediction, speakers, LABELS)


@pytest.mark.parametrize("metric", [METRICS["accuracy"], METRICS["f1"]], ids=lambda m: m.name)
def test_interval_over_speakers(
    benchmark: BenchmarkFixture, confusions: np.ndarray, metric: Metric
):
    low, high = benchmark(speaker_interval, confusions, metric.compute, resamples=1000)
    assert low < metric.compute(confusions.sum(axis=0)) < high
