"""Checks are run once, in the order of their needs; expected failures have reasons."""

import pytest

from serbench.errors import BadParameter, UnknownName
from serbench.testing.examination import Check, Examination, NotRun, Verdict, Violation, blaming


class Asked(list):
    """The names of the checks that were run, as the subject of an examination."""

    package = "test_testing_findings"


def first(asked):
    """It is first.

    Somebody has to be.
    """
    asked.append("first")


def second(asked):
    """It fails."""
    asked.append("second")
    raise Violation("second is wrong: mend it")


def third(asked):
    """It cannot say."""
    raise NotRun("nothing to see")


def fourth(asked):
    """It needs the second."""
    asked.append("fourth")


def fifth(asked):
    """It crashes."""
    with blaming("for the fifth time: stop"):
        raise KeyError("what")


CHECKS = (
    Check(first),
    Check(second, (first,)),
    Check(third),
    Check(fourth, (second,)),
    Check(fifth),
)


def test_a_check_is_named_and_described_by_its_function():
    assert (CHECKS[0].name, CHECKS[0].demands) == ("first", "It is first.")
    assert CHECKS[0].why == "Somebody has to be."


def test_what_one_check_finds_stops_none_of_the_others():
    asked = Asked()
    examination = Examination(asked, CHECKS)
    found = {name: examination.verdict(name) for name in examination.checks}
    assert found["first"] == Verdict("first", "ok")
    assert found["second"] == Verdict("second", "failed", "second is wrong: mend it")
    assert found["third"] == Verdict("third", "not run", "nothing to see")
    assert found["fourth"] == Verdict("fourth", "not run", "second must be ok first")
    assert found["fifth"].state == "failed"
    assert found["fifth"].reason.startswith("it raised KeyError: 'what' (test_examination.py,")
    assert found["fifth"].reason.endswith(", in fifth), for the fifth time: stop")
    assert asked == ["first", "second"]


def test_needs_are_looked_at_first_and_everything_once():
    asked = Asked()
    examination = Examination(asked, CHECKS)
    assert examination.verdict("fourth").state == "not run"
    assert examination.verdict("second") == examination.verdict("second")
    assert asked == ["first", "second"]


def test_what_is_known_already_is_not_asked_again():
    asked = Asked()
    earlier = [Verdict("second", "ok", "it was so")]
    examination = Examination(asked, CHECKS, earlier=earlier)
    assert examination.verdict("fourth").state == "ok"
    assert asked == ["fourth"]


def test_a_failure_that_is_expected_is_told_with_its_reason():
    examination = Examination(Asked(), CHECKS, expected={"second": "nobody is perfect"})
    assert examination.verdict("second") == Verdict("second", "expected", "nobody is perfect")
    assert examination.verdict("fourth").state == "not run"


def test_a_failure_that_is_expected_and_does_not_come_is_one():
    verdict = Examination(Asked(), CHECKS, expected={"first": "it is hard"}).verdict("first")
    assert verdict.state == "failed"
    assert verdict.reason == (
        "it passed, but was expected to fail (it is hard): remove it from the expected failures"
    )


def test_a_failure_is_not_expected_where_the_check_was_not_run():
    examination = Examination(Asked(), CHECKS, expected={"third": "it is hard"})
    assert examination.verdict("third").state == "not run"


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_expected_failure_needs_a_reason(reason):
    with pytest.raises(BadParameter, match="first is expected to fail without a reason: write in"):
        Examination(Asked(), CHECKS, expected={"first": reason})


def test_an_expected_failure_of_no_check_is_a_mistake():
    with pytest.raises(UnknownName, match="no check 'secund'; did you mean second"):
        Examination(Asked(), CHECKS, expected={"secund": "a reason"})
