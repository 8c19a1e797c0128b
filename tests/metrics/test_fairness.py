"""Scores of groups, their gap, and the gaps that arise by chance."""

import math

import numpy as np
import pytest

from serbench.errors import BadParameter
from serbench.metrics.classification import accuracy
from serbench.metrics.fairness import Groups


def groups(rows, metric=accuracy):
    """From (speaker, group, truth, prediction) for each utterance."""
    speakers, names, truth, prediction = zip(*rows, strict=True)
    return Groups(np.array(truth), np.array(prediction), speakers, names, 2, metric)


def speaker(name, group, hits):
    """Four utterances of one speaker, of which so many are right."""
    return [(name, group, 0, 0 if at < hits else 1) for at in range(4)]


BY_SPEAKER = [
    *(speaker("a", "x", 4) + speaker("b", "x", 4)),
    *(speaker("c", "y", 2) + speaker("d", "y", 2)),
]


def test_each_group_is_scored_on_its_utterances():
    scores = groups(BY_SPEAKER).scores()
    assert [(each.group, each.score, each.speakers, each.utterances) for each in scores] == [
        ("x", 1.0, 2, 8),
        ("y", 0.5, 2, 8),
    ]


def test_the_gap_by_chance_is_that_of_groups_dealt_to_speakers():
    gap = groups(BY_SPEAKER).gap()
    assert (gap.highest, gap.lowest, gap.gap) == ("x", "y", 0.5)
    # of the six ways to deal two groups of two to four speakers, two have this gap and four none
    assert gap.p == pytest.approx(1 / 3, abs=0.04)
    assert gap.by_chance == 0.0
    assert gap.most_by_chance == 0.5


def test_groups_within_speakers_are_dealt_to_their_utterances_of_a_label():
    # each speaker is right on all eight loud utterances and on four of eight soft ones
    rows = []
    for name in "abcd":
        rows += [(name, "loud", 0, 0)] * 8
        rows += [(name, "soft", 0, 0)] * 4 + [(name, "soft", 0, 1)] * 4
    gap = groups(rows).gap()
    assert (gap.highest, gap.lowest, gap.gap) == ("loud", "soft", 0.5)
    assert gap.interval == (0.5, 0.5)  # all speakers are alike
    assert gap.p == pytest.approx(1 / 2001)  # by chance, 64 utterances rarely differ by a half
    assert gap.most_by_chance < 0.25


def test_a_label_that_one_group_has_more_often_makes_no_gap_by_itself():
    # all utterances of label 1 are wrong, and only group y has them: a fact of the labels
    rows = [("a", "x", 0, 0)] * 8 + [("a", "y", 0, 0)] * 4 + [("a", "y", 1, 0)] * 4
    gap = groups([(f"{name}{at % 2}", *rest) for at, (name, *rest) in enumerate(rows)]).gap()
    assert gap.gap == 0.5
    assert gap.by_chance == 0.5  # dealt within labels, so the simulation has it too
    assert gap.p == 1.0


def test_the_simulation_depends_on_its_seed_alone():
    assert groups(BY_SPEAKER).gap() == groups(BY_SPEAKER).gap()
    other = groups(BY_SPEAKER).gap(simulations=50, seed=1).p
    assert other != groups(BY_SPEAKER).gap(simulations=50, seed=2).p


def test_one_group_has_no_gap():
    with pytest.raises(BadParameter, match="a gap needs two groups"):
        groups(speaker("a", "x", 2) + speaker("b", "x", 2)).gap()


def test_a_gap_is_between_two_groups_even_if_all_score_the_same():
    gap = groups([*speaker("a", "x", 4), *speaker("b", "y", 4)]).gap()
    assert (gap.highest, gap.lowest, gap.gap, gap.p) == ("x", "y", 0.0, 1.0)


def test_a_gap_to_a_single_speaker_has_no_interval():
    gap = groups([*BY_SPEAKER, *speaker("e", "z", 1)]).gap()
    assert (gap.highest, gap.lowest, gap.gap) == ("x", "z", 0.75)
    assert all(map(math.isnan, gap.interval))
