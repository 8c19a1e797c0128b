"""Intervals cover, and equal what slow loops compute."""

import doctest
import itertools
import math

import numpy as np
import pytest

from serbench.errors import BadParameter
from serbench.metrics import intervals as stats
from serbench.metrics.classification import confusion, macro_f1, per_class, uar
from serbench.metrics.intervals import (
    mean_std,
    paired_interval,
    speaker_confusions,
    speaker_interval,
)

LABELS = 4


def corpora(seed: int, n: int, speakers: int, per_label: int = 20, skill: float = 0.7):
    """Confusion matrices (n, speakers, labels, labels) of speakers who differ in difficulty.

    Returns the matrices and the one to expect of an average speaker.
    """
    rng = np.random.default_rng(seed)
    expected = np.full((LABELS, LABELS), (1 - skill) / (LABELS - 1))
    np.fill_diagonal(expected, skill)
    rows = np.stack([rng.dirichlet(10 * row, (n, speakers)) for row in expected], axis=-2)
    return rng.multinomial(per_label, rows), expected


def test_the_examples_in_the_docstrings_hold():
    results = doctest.testmod(stats)
    assert results.failed == 0
    assert results.attempted >= 5


def test_mean_and_sample_standard_deviation_over_folds():
    assert mean_std([0.1, 0.2, 0.6]) == pytest.approx((0.3, math.sqrt(0.14 / 2)))
    single = mean_std([0.4])
    assert single.mean == 0.4
    assert math.isnan(single.std)


def test_each_speaker_has_the_confusion_matrix_of_their_utterances():
    truth, prediction = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1])
    speakers = ["f2", "f1", "f2", "f1"]
    first, second = speaker_confusions(truth, prediction, speakers, 2)
    np.testing.assert_array_equal(first, confusion(truth[[1, 3]], prediction[[1, 3]], 2))
    np.testing.assert_array_equal(second, confusion(truth[[0, 2]], prediction[[0, 2]], 2))


def test_the_interval_is_that_of_a_slow_loop_over_utterances():
    (matrices,), _ = corpora(seed=3, n=1, speakers=30)
    utterances = [
        [cell for cell in itertools.product(range(LABELS), repeat=2) for _ in range(matrix[cell])]
        for matrix in matrices
    ]
    rng = np.random.default_rng(1)
    scores = []
    for _ in range(1000):
        drawn = rng.integers(30, size=30)
        truth, prediction = np.array(list(itertools.chain(*(utterances[s] for s in drawn)))).T
        scores.append(macro_f1(confusion(truth, prediction, LABELS)))
    # 30 speakers: Phi(-2.0452 sqrt(30 / 29)), from a table of Student's t
    slow = np.quantile(scores, [0.01877, 1 - 0.01877])
    assert speaker_interval(matrices, macro_f1) == pytest.approx(slow, abs=0.004)


def test_the_interval_is_reproducible_and_depends_on_the_seed():
    (matrices,), _ = corpora(seed=0, n=1, speakers=10)
    first = speaker_interval(matrices, uar, seed=1)
    assert first == speaker_interval(matrices, uar, seed=1)
    assert first != speaker_interval(matrices, uar, seed=2)


def test_the_interval_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch):
    (matrices,), _ = corpora(seed=0, n=1, speakers=10)
    whole = speaker_interval(matrices, uar)
    monkeypatch.setattr(stats, "CHUNK", 700 * (10 + LABELS**2))
    assert speaker_interval(matrices, uar) == whole


def test_the_interval_holds_the_score():
    (matrices,), _ = corpora(seed=7, n=1, speakers=10)
    low, high = speaker_interval(matrices, uar)
    assert low < uar(matrices.sum(axis=0)) < high


def test_four_times_the_speakers_give_about_half_the_width():
    def mean_width(speakers: int) -> float:
        many, _ = corpora(seed=7, n=20, speakers=speakers)
        intervals = [speaker_interval(matrices, uar, resamples=1000) for matrices in many]
        return float(np.mean([interval.high - interval.low for interval in intervals]))

    assert 0.4 < mean_width(80) / mean_width(20) < 0.6


def test_a_higher_level_gives_a_wider_interval():
    (matrices,), _ = corpora(seed=0, n=1, speakers=10)
    narrow, wide = (speaker_interval(matrices, uar, level=level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_interval_of_few_speakers_covers_the_truth():
    # the standard error of the coverage is 0.9 %; the percentile interval covers the truth of
    # these 600 corpora in 92.3 %, and must fail here
    matrices, expected = corpora(seed=11, n=600, speakers=10)
    truth = uar(expected)
    covered = 0
    for corpus in matrices:
        low, high = speaker_interval(corpus, uar, resamples=1000)
        covered += low <= truth <= high
    assert 0.93 <= covered / len(matrices) <= 0.97


def test_one_speaker_gives_no_interval():
    (matrices,), _ = corpora(seed=0, n=1, speakers=1)
    assert all(math.isnan(end) for end in speaker_interval(matrices, uar))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 95}, "level is 95, but must be between 0 and 1: 0.95 for 95 %"),
        ({"resamples": 0}, "resamples is 0, but must be at least 1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, int], words: str):
    with pytest.raises(BadParameter, match=words):
        speaker_interval(np.ones((3, 2, 2)), uar, **options)


def test_the_quantiles_of_few_speakers_are_moved_out():
    scipy = pytest.importorskip("scipy.stats")
    for speakers in (4, 10, 24, 91):
        moved = -scipy.t.ppf(0.975, speakers - 1) * math.sqrt(speakers / (speakers - 1))
        assert stats._expanded_tail(0.025, speakers) == pytest.approx(
            scipy.norm.cdf(moved), rel=0.02
        )


@pytest.mark.parametrize("probability", [0.9, 0.975, 0.995])
def test_student_quantiles_equal_scipys(probability: float):
    scipy = pytest.importorskip("scipy.stats")
    for freedom in (5, 9, 23, 90):
        exact = scipy.t.ppf(probability, freedom)
        assert stats.student_quantile(probability, freedom) == pytest.approx(exact, rel=1e-3)


def test_the_paired_interval_is_that_of_a_slow_loop():
    (first, second), _ = corpora(seed=5, n=2, speakers=30)
    rng = np.random.default_rng(1)
    gains = []
    for _ in range(2000):
        drawn = rng.integers(30, size=30)
        gains.append(macro_f1(sum(first[s] for s in drawn)) - macro_f1(sum(second[drawn])))
    slow = np.quantile(gains, [0.01877, 1 - 0.01877])
    assert paired_interval(first, second, macro_f1) == pytest.approx(slow, abs=0.004)


def test_what_is_hard_for_both_models_cancels_in_the_paired_interval():
    (first, other), _ = corpora(seed=2, n=2, speakers=24)
    alike = first.copy()
    alike[:, 0, 0] -= 1  # of every speaker, one utterance more is wrong
    alike[:, 0, 1] += 1
    narrow, wide = paired_interval(first, alike, uar), paired_interval(first, other, uar)
    assert narrow.low > 0
    assert narrow.high - narrow.low < 0.2 * (wide.high - wide.low)


def test_the_other_way_round_the_paired_interval_is_its_mirror_image():
    (first, second), _ = corpora(seed=5, n=2, speakers=10)
    low, high = paired_interval(first, second, uar)
    assert paired_interval(second, first, uar) == pytest.approx((-high, -low))


def test_a_model_does_not_differ_from_itself():
    (matrices,), _ = corpora(seed=5, n=1, speakers=10)
    assert paired_interval(matrices, matrices, macro_f1) == (0, 0)


def test_a_label_that_few_speakers_have_counts_where_it_is_drawn():
    (matrices,), _ = corpora(seed=5, n=1, speakers=6)
    matrices[1:, 2] = 0  # one speaker has label 2, nobody label 3
    matrices[:, 3] = 0
    low, high = stats.bootstrap(matrices, lambda sums: per_class(sums).recall)
    recall = matrices[0, 2, 2] / matrices[0, 2].sum()
    assert low[2] == high[2] == recall
    assert np.isnan([low[3], high[3]]).all()
    assert (low[:2] < high[:2]).all()
