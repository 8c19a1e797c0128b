"""Tests between models are honest, and equal what slow loops compute."""

import doctest
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.errors import SerbenchError
from serbench.metrics import significance
from serbench.metrics.classification import accuracy, confusion, macro_f1, uar
from serbench.metrics.significance import detectable_difference, holm, paired_permutation, pvalues

LABELS = 4


def test_the_examples_in_the_docstrings_hold():
    results = doctest.testmod(significance)
    assert results.failed == 0
    assert results.attempted >= 4


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
    monkeypatch.setattr(significance, "EXACT", 0)
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


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8), st.randoms(use_true_random=False))
def test_holm_keeps_order_and_never_makes_a_p_value_smaller(raw, random):
    adjusted = holm(raw)
    assert all(one <= other <= 1 for one, other in zip(raw, adjusted, strict=True))
    order = random.sample(range(len(raw)), len(raw))
    assert holm([raw[place] for place in order]).tolist() == adjusted[order].tolist()
    ranked = [adjusted[place] for place in np.argsort(raw)]
    assert ranked == sorted(ranked)


def test_many_pairs_at_once_get_the_p_value_of_each():
    pairs = [models(seed, speakers=14, gain=0.05) for seed in range(3)]
    together = pvalues(*np.array(pairs).transpose(1, 2, 0, 3, 4), uar, resamples=500)
    each = [paired_permutation(*pair, uar, resamples=500).pvalue for pair in pairs]
    assert together.tolist() == each


def test_the_detectable_difference_is_that_of_a_slow_loop_over_utterances():
    first, second = models(seed=3, speakers=24, gain=0.05)
    left_out = []
    for speaker in range(24):
        rest = [s for s in range(24) if s != speaker]
        left_out.append(macro_f1(sum(first[s] for s in rest)) - macro_f1(sum(second[rest])))
    mean = sum(left_out) / 24
    error = math.sqrt(23 / 24 * sum((one - mean) ** 2 for one in left_out))
    expected = (2.0687 + 0.8575) * error  # Student's, 23 degrees of freedom, from a table
    assert detectable_difference(first, second, macro_f1) == pytest.approx(expected, rel=1e-3)
    assert detectable_difference(second, first, macro_f1) == pytest.approx(expected, rel=1e-3)


def test_more_speakers_and_less_power_detect_smaller_differences():
    few, many = (models(seed=1, speakers=speakers) for speakers in (20, 80))
    assert 0.3 < detectable_difference(*many, uar) / detectable_difference(*few, uar) < 0.7
    assert detectable_difference(*few, uar, power=0.5) < detectable_difference(*few, uar)


def test_with_up_to_five_speakers_nothing_is_detectable():
    assert math.isnan(detectable_difference(*models(seed=1, speakers=5), uar))
    assert detectable_difference(*models(seed=1, speakers=6), uar) > 0


def test_what_is_called_detectable_is_mostly_detected():
    # 24 speakers, 40 utterances each; a gain of skill is worth 3/4 of it in UAR, since a wrong
    # answer is right by chance one time in four. The standard error of the power is 3.3 %
    typical = np.median([detectable_difference(*models(s, 24), uar) for s in range(30)])
    gains = [models(100 + s, 24, gain=typical * LABELS / (LABELS - 1)) for s in range(150)]
    together = pvalues(*np.array(gains).transpose(1, 2, 0, 3, 4), uar, resamples=500)
    assert 0.7 <= np.mean(together <= 0.05) <= 0.9
