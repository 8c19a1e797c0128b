"""Intervals cover, tests are honest, and both equal what slow loops compute."""

import doctest
import itertools
import math

import numpy as np
import pytest

from serbench import stats
from serbench.errors import BadParameter, SerbenchError
from serbench.metrics import accuracy, confusion, macro_f1, uar
from serbench.stats import (
    holm,
    mean_std,
    paired_permutation,
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
        assert stats._student_quantile(probability, freedom) == pytest.approx(exact, rel=1e-3)


def models(seed: int, speakers: int, gain: float = 0.0):
    """The confusion matrices of two models on the same utterances, the second better by `gain`."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(LABELS, size=(speakers, 40))
    ease = rng.uniform(-0.2, 0.2, (speakers, 1))
    both = []
    for skill in (0.6, 0.6 + gain):
        right = rng.random(truth.shape) < skill + ease
        prediction = np.where(right, truth, rng.integers(LABELS, size=truth.shape))
        pairs = zip(truth, prediction, strict=True)
        both.append(np.stack([confusion(*pair, LABELS) for pair in pairs]))
    return both


def test_the_exact_test_equals_a_slow_loop_over_all_exchanges():
    first, second = models(seed=0, speakers=6, gain=0.05)
    observed = uar(first.sum(axis=0)) - uar(second.sum(axis=0))
    hits = 0
    for exchanged in itertools.product([False, True], repeat=6):
        swap = np.array(exchanged)[:, None, None]
        ours, theirs = np.where(swap, second, first), np.where(swap, first, second)
        hits += abs(uar(ours.sum(axis=0)) - uar(theirs.sum(axis=0))) >= abs(observed) - 1e-12
    result = paired_permutation(first, second, uar)
    assert result == pytest.approx((observed, hits / 2**6))
    assert hits >= 2  # the observed exchange and its mirror image


def test_random_exchanges_come_near_the_exact_test(monkeypatch: pytest.MonkeyPatch):
    first, second = models(seed=1, speakers=12, gain=0.05)
    exact = paired_permutation(first, second, macro_f1)
    monkeypatch.setattr(stats, "EXACT", 0)
    drawn = paired_permutation(first, second, macro_f1, seed=1)
    assert 0.01 < exact.pvalue < 0.9
    assert drawn.difference == exact.difference
    assert drawn.pvalue == pytest.approx(exact.pvalue, abs=0.02)
    assert drawn == paired_permutation(first, second, macro_f1, seed=1)


def test_a_p_value_from_random_exchanges_is_never_zero():
    first, second = models(seed=0, speakers=40, gain=0.3)
    result = paired_permutation(first, second, uar, resamples=999)
    assert result.difference < -0.1
    assert result.pvalue == 1 / 1000


def test_the_order_of_two_models_changes_only_the_sign():
    first, second = models(seed=4, speakers=9, gain=0.1)
    one, other = paired_permutation(first, second, uar), paired_permutation(second, first, uar)
    assert (one.difference, one.pvalue) == (-other.difference, other.pvalue)


def test_equal_models_do_not_differ():
    first, _ = models(seed=0, speakers=8)
    assert paired_permutation(first, first, uar) == (0, 1)


def test_alike_models_are_told_apart_no_oftener_than_promised():
    # 200 pairs of models alike: at most 5 % below 0.05, give or take 1.5 % (one standard error)
    found = sum(paired_permutation(*models(s, 8), accuracy).pvalue <= 0.05 for s in range(200))
    assert found / 200 <= 0.05 + 3 * 0.0154


def test_models_scored_on_other_utterances_are_refused():
    first, second = models(seed=0, speakers=5)
    second[2, 0, 0] += 1
    with pytest.raises(
        SerbenchError, match=r"not scored on the same utterances.*use the same corpus"
    ):
        paired_permutation(first, second, uar)
    with pytest.raises(SerbenchError, match="not scored on the same utterances"):
        paired_permutation(first, first[:4], uar)


def test_holm_steps_down_and_keeps_the_order_given():
    # m = 4: 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1 raised to the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []
