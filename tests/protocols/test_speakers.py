"""Speakers that are files, labels or gaps are refused, and what may be right is told."""

import pytest

from serbench import datasets
from serbench.contracts import About
from serbench.corpus import Corpus, Utterance
from serbench.errors import CorpusError
from serbench.protocols import speakers

LABELS = ("sad", "happy", "angry")


def _corpus(*names: str, **fields) -> Corpus:
    """Three utterances of each speaker, one a label; `fields` make further ones of the name."""
    spoken = [
        Utterance(f"{at}-{label}", name, label, **{key: of(name) for key, of in fields.items()})
        for at, name in enumerate(names)
        for label in LABELS
    ]
    return Corpus("mine", LABELS, tuple(spoken), "raw")


def _one_each(speaker=lambda at: f"take{at}") -> Corpus:
    spoken = [Utterance(f"u{at:02}", speaker(at), LABELS[at % 3]) for at in range(12)]
    return Corpus("mine", LABELS, tuple(spoken), "raw")


def test_people_raise_no_doubt():
    corpus = _corpus("01", "02", "Ann", "Ann-Marie", "1-12", "11-2", "\u041d\u0438\u043d\u0430")
    speakers.require_people(corpus.utterances, "mine")
    assert speakers.doubts(corpus) == ()


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("03", "3", "'03' and '3'"),
        ("spk-03", "spk_03", "'spk-03' and 'spk_03'"),
        ("spk3", "SPK 003", "'SPK 003' and 'spk3'"),
        ("Anna.", "anna", "'Anna.' and 'anna'"),
        ("\u0430nna", "anna", "'anna' and '\\u0430nna'"),
        ("\u039d\u03b1n", "Nan.", "'Nan.' and '\\u039d\\u03b1n'"),
        ("Jos\xe9", "Jose", "'Jose' and 'Jos\\xe9'"),
        ("\uff10\uff13", "3", "'3' and '\\uff10\\uff13'"),
    ],
)
def test_names_that_are_alike_are_told(first, second, shown):
    assert speakers.doubts(_corpus(first, second, "x")) == (
        f"mine: the speakers {shown} differ only in case, punctuation, leading zeros, accents "
        "or letters that look alike; write them alike if they are one person: training and test "
        "may share a voice",
    )


def test_many_pairs_of_alike_names_are_counted():
    (words,) = speakers.doubts(_corpus("01", "1", "02", "2", "03", "3"))
    assert "the speakers '01' and '1', and 2 more such pairs differ only in" in words


def test_labels_that_are_alike_are_told():
    spoken = [Utterance(f"{s}{n}", s, ("sad", "sad.")[n % 2]) for s in "abc" for n in range(4)]
    assert speakers.doubts(Corpus("mine", ("sad", "sad."), tuple(spoken), "raw")) == (
        "mine: the labels 'sad' and 'sad.' differ only in case, punctuation, leading zeros, "
        "accents or letters that look alike; write them alike if they are one emotion",
    )


@pytest.mark.parametrize("name", ["", "NA", "none", "n/a", "Unknown", "?", "--", " - ", "NULL"])
def test_a_missing_speaker_is_refused_whoever_reads_the_corpus(name):
    corpus = _corpus("a", "b", name)
    with pytest.raises(CorpusError) as caught:
        speakers.require_people(corpus.utterances, "mine")
    assert str(caught.value) == (
        f"mine: the speaker of 2-angry is '{name}', which stands for a missing name: write who "
        "speaks, or leave the utterance out"
    )


@pytest.mark.parametrize("name", ["Nan Ho", "Noneka", "x?", "0", "\u4e2d", "NA1"])
def test_a_name_is_a_name(name):
    assert not speakers.is_missing(name)


def test_as_many_speakers_as_utterances_are_refused_unless_it_is_said():
    corpus = _one_each()
    with pytest.raises(CorpusError) as caught:
        speakers.require_people(corpus.utterances, "mine")
    assert str(caught.value) == (
        "mine has 12 speakers for 12 utterances, such as 'take0' for u00: one voice under many "
        "names would be in training and in test; take the speaker from what names the person; if "
        'each utterance really has a different speaker, set speakers = "single" in the '
        "dataset's class"
    )
    speakers.require_people(corpus.utterances, "mine", single=True)
    assert speakers.doubts(corpus) == ()


class Crowd:
    """A plugin's dataset whose speakers are its utterances."""

    about = About("Crowd", "MIT", "1 kB", "nowhere", "it is here", "nobody")
    label_sets = {"own": {label: label for label in LABELS}}
    protocols = ()

    def manifest(self):
        """All of it."""
        return _one_each()

    def read(self, root):
        """All of it."""
        return _one_each()


class Single(Crowd):
    """One that says so."""

    speakers = "single"


@pytest.mark.parametrize("ask", [datasets.read, datasets.manifest])
def test_a_plugins_corpus_is_held_to_the_same(tmp_path, ask):
    with pytest.raises(CorpusError, match="crowd has 12 speakers for 12 utterances"):
        ask(datasets.Source("crowd", Crowd(), tmp_path))
    assert len(ask(datasets.Source("crowd", Single(), tmp_path)).speakers) == 12


def test_labels_that_are_speakers_are_refused():
    spoken = [Utterance(f"u{at}", f"s{at % 3}", f"Actor {at % 3}") for at in range(12)]
    with pytest.raises(CorpusError) as caught:
        speakers.require_people(spoken, "mine")
    assert str(caught.value) == (
        "mine: every label has only one speaker ('Actor 0' has 's0'), so no label can be tested on "
        "new speakers; if these labels are emotions, take the speaker from what names the "
        "person"
    )


def test_a_median_of_one_or_two_utterances_is_told():
    corpus = _one_each(lambda at: f"take{at // 2}")
    (words,) = speakers.doubts(corpus)
    assert words == (
        "mine: half of the 6 speakers have 2 of the 12 utterances or fewer ('take0' has 2); if "
        "these names contain more than the speaker, one voice is in training and in test, and "
        "scores are too high"
    )
    assert speakers.doubts(_one_each(lambda at: f"s{at // 3}")) == ()


def test_speakers_of_one_label_each_are_told():
    corpus = _one_each(lambda at: f"{LABELS[at % 3]}{at % 6}")
    assert speakers.doubts(corpus)[1].startswith(
        "mine: each of the 6 speakers has only one label ('angry2' 'angry'), so the voice "
        "gives away the label"
    )


def test_names_that_combine_speakers_with_texts_are_told():
    names = [f"{speaker:02}{text}" for speaker in (3, 8, 9, 10) for text in ("a01", "a02", "b01")]
    (words,) = speakers.doubts(_corpus(*names))
    assert words == (
        "mine: the names of 12 speakers combine 4 beginnings with 3 endings (such as '03a01'); if "
        "only one of the two is the speaker, and the other a text or a take, one voice is in "
        "training and in test, and scores are too high"
    )
    pairs = [f"Ses{session:02}{sex}" for session in range(1, 6) for sex in "FM"]
    assert speakers.doubts(_corpus(*pairs)) == ()
    assert speakers.doubts(_corpus("A01", "A02", "B03", "B04", "C05", "C06")) == ()


@pytest.mark.parametrize("field", ["session", "dialogue"])
def test_a_session_that_is_the_speaker_is_told(field):
    (words,) = speakers.doubts(_corpus("a", "b", "c", **{field: str}))
    assert words == (
        f"mine: speaker and {field} are the same for all 9 utterances; if more than one person "
        f"speaks in a {field}, a {field} is not a speaker"
    )


def test_what_a_name_holds_moves_no_terminal():
    (words,) = speakers.doubts(_corpus("a\x1b[31m1", "a\x1b[31m01", "x"))
    assert "\x1b" not in words
