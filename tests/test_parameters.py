from datetime import date
from typing import Any, Literal

import pytest

from serbench.errors import BadParameter
from serbench.parameters import checked, parse, parse_name, settable


def model(
    n: int = 5,
    rate: float = 0.1,
    kind: Literal["a", "b"] = "a",
    seed: int | None = None,
    anything: Any = None,
):
    return n, rate, kind, seed, anything


def test_a_value_is_json_or_else_text():
    assert parse("n=5") == ("n", 5)
    assert parse("path=a=b.csv") == ("path", "a=b.csv")


def test_a_name_without_a_colon_has_no_parameters():
    assert parse_name("paper") == ("paper", {})


def test_a_parameter_without_a_value_is_refused():
    with pytest.raises(BadParameter, match="written name=value, not 'n'"):
        parse_name("kfold:n")


def test_what_is_not_given_keeps_its_default():
    values = checked("model", settable(model), {"n": 7})
    assert values == {"n": 7, "rate": 0.1, "kind": "a", "seed": None, "anything": None}


def test_an_integer_is_good_enough_for_a_float():
    rate = checked("model", settable(model), {"rate": 1})["rate"]
    assert isinstance(rate, float)


def test_an_unknown_parameter_is_named_with_the_nearest():
    with pytest.raises(BadParameter, match="no parameter of model 'sed'; did you mean seed"):
        checked("model", settable(model), {"sed": 1})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n": True}, "n of model is True, but must be int"),
        ({"n": "five"}, "n of model is 'five', but must be int"),
        ({"kind": "c"}, "kind of model is 'c', but must be one of 'a', 'b'"),
        ({"seed": 1.5}, "seed of model is 1.5, but must be int or NoneType"),
        ({"rate": float("nan")}, "rate of model is nan, but must be text without NUL, a number"),
        ({"kind": "\0"}, "kind of model is '.x00', but must be text without NUL"),
        ({"anything": date(1979, 5, 27)}, "anything of model is datetime.date.*, but must be text"),
        ({"anything": [{"a": {1}}]}, "anything of model is .*, or a list or table of these"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(given, words):
    with pytest.raises(BadParameter, match=words):
        checked("model", settable(model), given)
