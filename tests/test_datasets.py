"""Datasets that are named by their place: what is typed, and what results call them."""

from pathlib import Path

import pytest

import serbench
from serbench import datasets
from serbench.errors import BadParameter, CorpusError, SerbenchError, UnknownName

KNOWN = {"label": (str, "label"), "speaker": (str, "speaker"), "n": (int, 1)}


@pytest.mark.parametrize(
    ("text", "path", "given"),
    [
        ("my.csv", "my.csv", {}),
        ("a, b; c.csv", "a, b; c.csv", {}),
        (r"C:\corpora\my own.csv,label=x", r"C:\corpora\my own.csv", {"label": "x"}),
        ("~/my.csv, label = x", "~/my.csv", {"label": "x"}),
        ("a,other=1.csv,label=x", "a,other=1.csv", {"label": "x"}),
        ("my.csv,speaker=^(a,b=c:d),label=", "my.csv", {"speaker": "^(a,b=c:d)", "label": ""}),
        ("label=x", "", {"label": "x"}),
        ("", "", {}),
    ],
)
def test_a_path_ends_where_a_parameter_begins(text, path, given):
    assert datasets.split_path(text, KNOWN) == (path, given)


def test_what_cannot_be_seen_or_is_said_twice_is_refused():
    with pytest.raises(BadParameter, match="must not contain control characters"):
        datasets.split_path("my\n.csv", KNOWN)
    with pytest.raises(BadParameter, match="label is given twice"):
        datasets.split_path("my.csv,label=a,label=b", KNOWN)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/x/my.csv", "my"),
        ("/x/my.v2.TSV", "my.v2"),
        ("/x/a.csv.csv", "a"),
        ("/x/Größe, neu (2).csv", "Größe-neu-2"),
        ("/x/my", "my"),
    ],
)
def test_results_call_a_corpus_by_its_files_name(path, name):
    assert datasets.corpus_name(Path(path), [".csv", ".tsv"]) == name
    assert datasets.corpus_name(Path(name), [".csv", ".tsv"]) == name


def test_a_name_of_which_nothing_is_left_is_refused():
    with pytest.raises(BadParameter, match="write one before --data, as in csv:NAME --data PATH"):
        datasets.corpus_name(Path("/x/(...).csv"), [".csv"])


def test_a_spelling_reads_as_what_it_was_made_of():
    given = {"label": "emotion", "speaker": "^(.),", "n": 2}
    spelled = datasets.canonical_spec("csv", "my", given, KNOWN)
    assert spelled == "csv:my,label=emotion,n=2,speaker=^(.),"
    path, again = datasets.split_path(spelled.partition(":")[2], KNOWN)
    assert (path, datasets.parsed_values(again, KNOWN)) == ("my", given)
    assert datasets.canonical_spec("csv", "my", {"label": "label", "n": 1}, KNOWN) == "csv:my"


def test_a_parameter_that_nobody_knows_is_no_part_of_a_path():
    with pytest.raises(SerbenchError, match="no parameter of csv 'lable'; did you mean label"):
        datasets.refuse_parameter_in_path("csv", "my.csv,lable=x", KNOWN)
    datasets.refuse_parameter_in_path("csv", "my, own.csv", KNOWN)


def test_a_corpus_is_read_with_its_files_by_a_name_alone(places):
    corpus = serbench.read_corpus("tones:takes=1")
    assert corpus.name == "tones:takes=1"
    assert len(corpus.utterances) == 18
    assert all(utterance.path.is_file() for utterance in corpus.utterances)
    with pytest.raises(UnknownName, match="there is no label set of tones 'x'"):
        serbench.read_corpus("tones", "x")
    with pytest.raises(CorpusError):
        serbench.read_corpus("tones", data=str(places.data))
