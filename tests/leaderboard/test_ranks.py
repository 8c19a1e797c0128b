import itertools

import numpy as np
import pytest

from serbench.errors import SerbenchError
from serbench.leaderboard.ranking import ranks
from serbench.leaderboard.ranking.ranks import LEVEL
from serbench.metrics import rare_pvalues, significance
from serbench.metrics.classification import macro_f1

GOOD, BAD = np.array([[4, 0], [0, 4]]), np.array([[2, 2], [2, 2]])


def corpus(rng, ability, speakers=24, utterances=60, labels=8, effect=0.05):
    """Confusions of models that are right in these shares, on speakers who differ, unlike, too."""
    truth = rng.integers(labels, size=(speakers, utterances))
    hard = effect * rng.standard_normal((speakers, 1))
    found = []
    for share in ability:
        own = np.clip(share + hard + effect * rng.standard_normal((speakers, 1)), 0, 1)
        wrong = rng.integers(labels, size=truth.shape)
        answers = np.where(rng.random(truth.shape) < own, truth, wrong)
        matrix = np.zeros((speakers, labels, labels), dtype=np.int64)
        np.add.at(matrix, (np.arange(speakers)[:, None], truth, answers), 1)
        found.append(matrix)
    return found


def ranked(matrices):
    scores = [float(macro_f1(matrix.sum(axis=0))) for matrix in matrices]
    return ranks.rank(scores, matrices)


def of(pvalues, n):
    """The ranking of n models, best first, whose p-values are given; unnamed ones are 1."""
    matrices = [np.array([[[2 * n - at, at], [at, 2 * n - at]]] * 60) for at in range(n)]
    scores = [1.0 - at / n for at in range(n)]
    return ranks.rank(scores, matrices, lambda a, b: pvalues.get((a, b), 1.0))


@pytest.mark.parametrize("speakers", [1, 5, 8, 12])
def test_with_few_speakers_the_pvalue_is_that_of_all_exchanges(speakers):
    first, second = corpus(np.random.default_rng(speakers), [0.7, 0.6], speakers, labels=4)
    exact = significance.paired_permutation(first, second, macro_f1).pvalue
    assert rare_pvalues.pvalue(first, second) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("gap", [0.0, 0.05, 0.1, 0.25])
def test_with_more_speakers_it_is_near_that_of_all_exchanges(gap):
    first, second = corpus(np.random.default_rng(4), [0.6, 0.6 - gap], speakers=16)
    halves, middle, truth = rare_pvalues._halves(first, second)
    everything = (2 * significance.all_exchanges(16) - 1) @ halves
    observed = rare_pvalues._differences(halves.sum(axis=0)[None], middle, truth)
    differences = np.abs(rare_pvalues._differences(everything, middle, truth))
    exact = (differences >= np.abs(observed) - 1e-12).mean()
    assert rare_pvalues.pvalue(first, second) == pytest.approx(exact, rel=0.2)


def test_it_agrees_with_plain_exchanges_also_where_a_label_is_never_true_or_seeds_are_averaged():
    first, second = corpus(np.random.default_rng(5), [0.62, 0.6], speakers=30, labels=4)
    wider = [np.pad(one, ((0, 0), (0, 1), (0, 1))) for one in (first, second)]
    wider[0][:, 0, 4] += 1  # the fifth label is answered, but never right
    wider[1][:, 0, 0] += 1
    plain = significance.paired_permutation(*wider, macro_f1).pvalue
    assert rare_pvalues.pvalue(*wider) == pytest.approx(plain, rel=0.15)
    assert rare_pvalues.pvalue(wider[0] / 3, wider[1] / 3) == pytest.approx(plain, rel=0.15)


def test_small_pvalues_are_as_small_as_they_are():
    first, second = np.stack([GOOD] * 40), np.stack([BAD] * 40)
    assert rare_pvalues.pvalue(first, second) == pytest.approx(2.0**-39, rel=0.5)
    assert rare_pvalues.pvalue(first, first) == 1.0


def test_a_pvalue_is_the_same_either_way_and_every_time():
    first, second = corpus(np.random.default_rng(6), [0.6, 0.5])
    once = rare_pvalues.pvalue(first, second)
    assert once == rare_pvalues.pvalue(first, second) == rare_pvalues.pvalue(second, first)


def test_other_utterances_are_refused():
    first, second = corpus(np.random.default_rng(7), [0.6, 0.5])
    second[0, 0, 0] += 1
    with pytest.raises(SerbenchError, match="same utterances.*use the same corpus, label set"):
        rare_pvalues.pvalue(first, second)


@pytest.mark.parametrize("speakers", [0, 5, 30])
def test_models_that_were_tested_on_nothing_are_alike(speakers):
    nothing = np.zeros((speakers, 4, 4), dtype=np.int64)
    assert rare_pvalues.pvalue(nothing, nothing) == 1.0


def test_no_pvalue_is_above_1():
    for seed in range(40):
        first, second = corpus(np.random.default_rng(seed), [0.6, 0.6], 13, 12, labels=4)
        swapped = np.concatenate([second[:6], first[6:]]), np.concatenate([first[:6], second[6:]])
        assert rare_pvalues.pvalue(*swapped) <= 1.0
        even = np.where((np.arange(13) % 2 == 0)[:, None, None], first, second)
        assert rare_pvalues.pvalue(first, even) <= 1.0


def test_identical_models_tie():
    model = corpus(np.random.default_rng(1), [0.7])[0]
    assert ranked([model, model, model]).ranks == (1, 1, 1)


def test_clearly_different_models_do_not_whatever_their_order():
    models = corpus(np.random.default_rng(2), [0.9, 0.5, 0.1])
    for order in itertools.permutations(range(3)):
        assert ranked([models[at] for at in order]).ranks == tuple(at + 1 for at in order)


def test_who_ties_with_the_leader_and_with_the_last_is_ranked_with_the_leader():
    found = of({(0, 2): 0.001}, 3)  # 0 = 1 and 1 = 2, but 0 > 2
    assert found.ranks == (1, 1, 2)
    assert [(test.leader, test.other, test.apart) for test in found.tests] == [
        (0, 1, False),
        (0, 2, True),
    ]


def test_a_rank_is_left_once_and_for_all():
    # 2 is worse than 0, and leads the next rank; 3 is not shown to be worse than 0, but is not
    # tested against 0: it is not worse than 2
    assert of({(0, 2): 0.001}, 4).ranks == (1, 1, 2, 2)


def test_all_pairs_count_as_tests_not_only_those_that_are_made():
    pvalue = LEVEL / 3  # alone in a table of three it would do for two tests, not for three pairs
    assert of({(0, 1): pvalue, (1, 2): 1.0}, 3).ranks == (1, 2, 2)
    assert of({(0, 1): 1.001 * pvalue, (0, 2): 1.001 * pvalue}, 3).ranks == (1, 1, 1)


def test_what_one_test_finds_makes_the_next_easier():
    second = 0.9 * LEVEL / 2  # too large for three pairs, small enough for the two that are left
    assert of({(1, 2): second}, 3).ranks == (1, 1, 1)
    found = of({(0, 1): 1e-9, (1, 2): second}, 3)
    assert found.ranks == (1, 2, 3)
    assert found.threshold == LEVEL


def test_a_leader_whose_pooled_score_is_worse_beats_nobody():
    first, second = corpus(np.random.default_rng(3), [0.8, 0.3])
    assert ranks.rank([0.3, 0.8], [first, second]).ranks == (1, 1)


def test_too_few_speakers_are_said_and_nothing_is_tested():
    models = corpus(np.random.default_rng(8), [0.9, *[0.2] * 7], speakers=10)
    found = ranked(models)
    assert (found.ranks, found.tests, found.separable) == ((1,) * 8, (), False)
    assert found.smallest == 2 / 1024 > found.threshold == LEVEL / 28
    assert ranked(models[:7]).separable  # 21 pairs: 2/1024 is enough
    assert ranked(models[:7]).ranks == (1, *[2] * 6)


@pytest.mark.parametrize("n", [0, 1])
def test_tables_of_none_and_of_one_have_ranks_too(n):
    models = corpus(np.random.default_rng(9), [0.5] * n)
    assert ranked(models).ranks == (1,) * n


def test_an_order_of_equal_scores_is_kept():
    models = corpus(np.random.default_rng(10), [0.5, 0.5])
    found = ranks.rank([0.4, 0.4], models)
    assert [(test.leader, test.other) for test in found.tests] == [(0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("alike", [3, 12])
def test_equal_models_are_told_apart_in_at_most_5_of_100_tables(alike):
    tables = 400
    rng = np.random.default_rng(alike)
    wrong = sum(max(ranked(corpus(rng, [0.6] * alike)).ranks) > 1 for _ in range(tables))
    assert wrong / tables <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / tables)


@pytest.mark.slow
def test_equal_models_of_two_kinds_are_not_told_apart_within_their_kind():
    tables, rng, wrong = 400, np.random.default_rng(0), 0
    for _ in range(tables):
        found = ranked(corpus(rng, [0.8] * 5 + [0.5] * 5))
        wrong += len(set(found.ranks[:5])) > 1 or len(set(found.ranks[5:])) > 1
        assert min(found.ranks[5:]) > max(found.ranks[:5])
    assert wrong / tables <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / tables)
