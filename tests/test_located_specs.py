"""Datasets that are named by their place: what is typed, and what results call them."""

from pathlib import Path

import pytest

from serbench import specs
from serbench.errors import BadParameter, SerbenchError

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
    assert specs.divided(text, KNOWN) == (path, given)


def test_what_cannot_be_seen_or_is_said_twice_is_refused():
    with pytest.raises(BadParameter, match="may hold no control characters"):
        specs.divided("my\n.csv", KNOWN)
    with pytest.raises(BadParameter, match="label is given twice"):
        specs.divided("my.csv,label=a,label=b", KNOWN)


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
    assert specs.called(Path(path), [".csv", ".tsv"]) == name
    assert specs.called(Path(name), [".csv", ".tsv"]) == name


def test_a_name_of_which_nothing_is_left_is_refused():
    with pytest.raises(BadParameter, match="write one before --data, as in csv:NAME --data PATH"):
        specs.called(Path("/x/(...).csv"), [".csv"])


def test_a_spelling_reads_as_what_it_was_made_of():
    given = {"label": "emotion", "speaker": "^(.),", "n": 2}
    spelled = specs.spelled("csv", "my", given, KNOWN)
    assert spelled == "csv:my,label=emotion,n=2,speaker=^(.),"
    path, again = specs.divided(spelled.partition(":")[2], KNOWN)
    assert (path, specs.values(again, KNOWN)) == ("my", given)
    assert specs.spelled("csv", "my", {"label": "label", "n": 1}, KNOWN) == "csv:my"


def test_a_parameter_that_nobody_knows_is_no_part_of_a_path():
    with pytest.raises(SerbenchError, match="no parameter of csv 'lable'; did you mean label"):
        specs.require_known("csv", "my.csv,lable=x", KNOWN)
    specs.require_known("csv", "my, own.csv", KNOWN)
