"""The interval of a corpus of 91 speakers costs milliseconds: 1000 resamples, 7442 utterances."""

import numpy as np
import pytest

from serbench.metrics.classification import METRICS, confusion
from serbench.metrics.intervals import speaker_confusions, speaker_interval

SPEAKERS, UTTERANCES, LABELS, RESAMPLES = 91, 7442, 6, 1000  # CREMA-D


@pytest.fixture(scope="module")
def predicted():
    """Truth, predictions right in seven of ten cases, and speakers."""
    rng = np.random.default_rng(0)
    truth = rng.integers(LABELS, size=UTTERANCES)
    prediction = np.where(
        rng.random(UTTERANCES) < 0.7, truth, rng.integers(LABELS, size=UTTERANCES)
    )
    return truth, prediction, [str(1001 + index % SPEAKERS) for index in range(UTTERANCES)]


def _loop(truth, prediction, speakers, metric):
    """As it is usually written: the utterances of every resampled corpus are counted anew."""
    rng = np.random.default_rng(0)
    speakers = np.array(speakers)
    known = [np.flatnonzero(speakers == one) for one in np.unique(speakers)]
    scores = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([known[one] for one in rng.integers(SPEAKERS, size=SPEAKERS)])
        scores.append(metric.compute(confusion(truth[drawn], prediction[drawn], LABELS)))
    return np.quantile(scores, [0.025, 0.975])


def _ours(truth, prediction, speakers, metric):
    counted = speaker_confusions(truth, prediction, speakers, LABELS)
    return speaker_interval(counted, metric.compute, resamples=RESAMPLES)


WAYS = {"a loop over resamples": _loop, "ours": _ours}


@pytest.mark.parametrize("metric", [METRICS["accuracy"], METRICS["f1"]], ids=lambda m: m.name)
@pytest.mark.parametrize("way", WAYS)
def test_interval_over_speakers(benchmark, ratios, predicted, way, metric):
    truth, prediction, _ = predicted
    low, high = benchmark.pedantic(WAYS[way], (*predicted, metric), rounds=3, warmup_rounds=1)
    assert low < metric.compute(confusion(truth, prediction, LABELS)) < high
    ratios.took(f"interval of {metric.name}, 91 speakers", way, benchmark)
