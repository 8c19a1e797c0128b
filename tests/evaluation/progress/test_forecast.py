"""The time left is estimated from folds that have ended, and from those that run."""

import pytest

from serbench.evaluation.progress.forecast import Forecast


def test_folds_take_the_time_of_others_of_their_group_or_else_of_all():
    now = 0.0
    forecast = Forecast(clock=lambda: now)
    forecast.add("a", "quick", 3, took=[10.0])
    forecast.add("b", "slow", 2)
    assert forecast.left() == 5 * 10
    forecast.running(("b", "1"), 0.0)
    now = 50.0
    forecast.running(("b", "1"), 0.5)  # a pace of 100 s
    assert forecast.fold_left(("b", "1")) == 50
    assert forecast.left() == 3 * 10 + 50 + 100
    now = 60.0
    forecast.running(("b", "1"), 0.75)  # a pace of 80 s replaces it
    assert forecast.left() == 3 * 10 + 20 + 80
    forecast.ended(("b", "1"), is_done=True)
    assert forecast.left() == 3 * 10 + 60
    forecast.running(("a", "1"), 0.0)
    forecast.ended(("a", "1"), is_done=False)  # a failure says nothing about the time
    assert forecast.left() == 2 * 10 + 60


def test_what_precedes_the_training_is_not_taken_for_its_pace():
    now = 0.0
    forecast = Forecast(clock=lambda: now)
    forecast.add("a", "group", 1)
    forecast.running(("a", "1"), 0.0)  # starts, and imports
    now = 10.0
    forecast.running(("a", "1"), 0.0)  # begins to train
    now = 11.0
    forecast.running(("a", "1"), 0.01)
    assert forecast.left() == pytest.approx(99)


def test_nothing_is_known_before_the_first_pace():
    forecast = Forecast(clock=lambda: 0.0)
    forecast.add("a", "group", 2)
    forecast.running(("a", "1"), 0.0)
    assert forecast.left() is None
    assert forecast.fold_left(("a", "1")) is None
