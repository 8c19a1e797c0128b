"""Labels of different corpora, mapped onto the words of one vocabulary."""

import pytest

from serbench.errors import BadParameter
from serbench.protocols import vocabulary

RAVDESS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
MELD = ("neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear")


def test_synonyms_are_one_word_and_keep_the_order_of_the_first_set():
    both = vocabulary.shared(RAVDESS, MELD)
    assert both.labels == ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    assert both.second["joy"] == "happy"
    assert "calm" not in both.first


def test_no_synonym_is_a_word_itself_or_of_two_words():
    synonyms = [each for words in vocabulary.SYNONYMS.values() for each in words]
    assert len(set(synonyms)) == len(synonyms)
    assert not set(synonyms) & set(vocabulary.SYNONYMS)


def test_a_change_merges_or_leaves_out_a_word_on_both_sides():
    both = vocabulary.shared(RAVDESS, MELD, {"calm": "neutral", "disgust": ""})
    assert both.first["calm"] == both.first["neutral"] == "neutral"
    assert "disgust" not in {**both.first, **both.second}.values()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clam": "neutral"}, "there is no label 'clam'; did you mean calm?"),
        ({"calm": 1}, "the label calm becomes 1, but must become another label, calm=OTHER"),
        ({"calm": "neu\u202etral"}, "the label calm becomes 'neu.*tral', but must become another"),
        ({"calm": "neu\ntral"}, "the label calm becomes 'neu.*tral', but must become another"),
        ({"joy": "sad", "happy": "angry"}, "happy is given twice"),
    ],
)
def test_a_change_of_no_label_or_to_no_label_is_refused(changes, words):
    with pytest.raises(BadParameter, match=words):
        vocabulary.shared(RAVDESS, MELD, changes)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("calm=neutral,sleepy=", ["calm=neutral", "sleepy="]),
        ("sad, tired=sad,calm=sad, tired", ["sad, tired=sad", "calm=sad, tired"]),
        ("sad, tired, bored=sad", ["sad, tired, bored=sad"]),
        ("sad=calm, tired=", ["sad=calm", " tired="]),
        ("", [""]),
    ],
)
def test_the_commas_of_labels_separate_no_changes(text, changes):
    labels = ["sad, tired", "sad, tired, bored", "calm", "sad", "sleepy"]

    assert vocabulary.split_changes(text, labels) == changes


def test_a_change_may_spell_a_word_otherwise():
    changes = {"Calm": " Neutral", "joy": "Surprise"}
    assert vocabulary.resolved(RAVDESS, changes) == {"calm": "neutral", "happy": "surprised"}
    both = vocabulary.shared(RAVDESS, MELD, changes)
    assert both.first["calm"] == "neutral"
    assert both.second["joy"] == "surprised"
