import pytest

from serbench.corpus import Corpus, Utterance, held_out, relabelled, speaker_fold
from serbench.errors import SerbenchError


def _corpus(*rows):
    return Corpus("c", ("a", "b"), tuple(Utterance(*row) for row in rows), "raw")


def test_utterances_are_sorted_by_id():
    corpus = _corpus(("2", "s", "a"), ("1", "s", "b"))
    assert [one.id for one in corpus.utterances] == ["1", "2"]


def test_the_digest_is_of_ids_speakers_and_labels():
    same = _corpus(("1", "s", "a"), ("2", "t", "b"))
    assert _corpus(("2", "t", "b"), ("1", "s", "a")).digest == same.digest
    for other in (("1", "s", "b"), ("1", "t", "a"), ("3", "s", "a")):
        assert _corpus(other, ("2", "t", "b")).digest != same.digest


def test_sentence_repetition_and_attributes_are_no_part_of_the_digest():
    plain = Utterance("1", "s", "a")
    rich = Utterance("1", "s", "a", sentence="7", repetition="2", attributes={"age": "31"})
    assert (plain.sentence, plain.repetition, plain.attributes) == ("", "", {})
    assert plain != rich
    assert len({plain, rich}) == 2
    first, second = (Corpus("c", ("a", "b"), (each,), "raw") for each in (plain, rich))
    assert first.digest == second.digest
    assert relabelled(second, "x", {"a": "b"}).utterances[0].attributes == {"age": "31"}


def test_utterances_without_a_speaker_are_no_speaker_and_train():
    corpus = _corpus(("1", "s", "a"), ("2", "", "b"), ("3", "t", "a"), ("4", "u", "a"))
    assert corpus.speakers == ("s", "t", "u")
    assert corpus.speakerless == ("2",)
    assert "speakers=3" in repr(corpus)
    fold = speaker_fold(corpus, "1", train=["s"], validation=["t"], test=["u"])
    assert (fold.train, fold.validation, fold.test) == (("1", "2"), ("3",), ("4",))
    assert held_out(corpus, ["1", "2", "3"], ["4"]) == (("1", "2"), ("3",))


def test_one_id_twice_is_refused():
    with pytest.raises(SerbenchError, match="two utterances with the id '1'.*keep one"):
        _corpus(("1", "s", "a"), ("1", "t", "b"))


def test_an_unknown_label_is_refused():
    with pytest.raises(SerbenchError, match="label 'c', but must have one of a, b"):
        _corpus(("1", "s", "c"))


def test_a_label_set_merges_and_leaves_out():
    corpus = _corpus(("1", "s", "a"), ("2", "s", "b"))
    merged = relabelled(corpus, "one", {"a": "x", "b": "x"})
    assert merged.labels == ("x",)
    assert [one.label for one in merged.utterances] == ["x", "x"]
    assert merged.digest != corpus.digest
    assert [one.id for one in relabelled(corpus, "some", {"b": "b"}).utterances] == ["2"]
