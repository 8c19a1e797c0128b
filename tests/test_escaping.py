import pytest

from serbench.escaping import unseen
from serbench.protocols.lookalike_names import disguised, skeleton


@pytest.mark.parametrize(
    "other",
    [
        "Serbench",
        " ser bench ",
        "ser-bench",
        "\u0455erb\u0435nch",  # Cyrillic
        "\u0405\u0415R\u0412\u0415N\u0421\u041d",  # Cyrillic capitals
        "\u03c3erbench".replace("\u03c3", "\u0455"),
        "\uff53\uff45\uff52bench",  # wide
        "\U0001d42cerbench",  # bold
        "s\u00e9rbench",
        "ser\u3164bench",  # a letter that takes no ink
        "ser\u2010bench",
    ],
)
def test_names_that_look_alike_have_one_skeleton(other):
    assert skeleton(other) == skeleton("serbench")


@pytest.mark.parametrize("other", ["serbenchs", "serbank", "\u0421\u0411", "bench"])
def test_other_names_have_another(other):
    assert skeleton(other) != skeleton("serbench")


def test_digits_and_letters_of_one_shape_are_one():
    assert skeleton("mode1-O") == skeleton("model-0")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\u0410da", "U+0410 CYRILLIC CAPITAL LETTER A in '\u0410da'"),
        ("a w\u03bfrd", "U+03BF GREEK SMALL LETTER OMICRON in 'w\u03bfrd'"),
        ("\uff41da", "U+FF41 FULLWIDTH LATIN SMALL LETTER A in '\uff41da'"),
        ("\u0410\u0434\u0430 Lovelace", ""),
        ("gr\u00f6\u00dfe, na\u00efve, \u6f22\u5b57 kanji", ""),
        ("R\u00b2", ""),
        ("\u03b1-stable", ""),
    ],
)
def test_a_letter_of_another_script_in_a_latin_word_is_named(text, words):
    assert disguised(text) == words


def test_what_takes_no_ink_is_found_and_an_emojis_selector_only_in_names():
    assert unseen("a\u2800b") == "\u2800"
    assert unseen("\u2764\ufe0f") == "\ufe0f"
    assert unseen("\u2764\ufe0f", emoji=True) == ""
    assert unseen("pl\u00e4in") == ""
