"""How objects show themselves: a short line, and a table in a notebook."""

import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from serbench import tables
from serbench.comparison.result import compare
from serbench.contracts import Examples, Needs, Predictions, Task
from serbench.corpus import Corpus, Fold, Utterance
from serbench.inference import PredictedFiles
from serbench.processes import Outcome
from serbench.report.manifest import Item, Report
from serbench.study.matrix import Item as Named
from serbench.study.matrix import expand
from serbench.study.result import Study
from serbench.study.study_run import StudyRun

HOSTILE = '<img src=x onerror="alert(1)">|[a](http://b)*c*\x1b[31m\n\n# d'
SHOWN = {"Run", "Study", "ComparedRuns", "PredictedFiles", "Corpus"}  # as tables


@pytest.fixture(scope="module")
def objects(invented):
    """One object of each kind, with hostile names, by the name of its class."""
    config = {"config": {"model": HOSTILE, "dataset": HOSTILE, "protocol": HOSTILE}}
    labels = (HOSTILE, "b", "c", "d")
    speaker = HOSTILE.replace("\n", "") + "{0:02d}"
    first = invented(f"{HOSTILE}_1", labels=labels, speaker=speaker, **config)
    other = invented(f"{HOSTILE}_2", labels=labels, speaker=speaker, right=0.9, **config)
    matrix = expand([Named(HOSTILE)], [Named(HOSTILE)], {})
    study_run = StudyRun(0, 0, 0, HOSTILE, first, (), HOSTILE)
    compared = compare(first, other)
    name = HOSTILE.replace("\n", "")
    utterances = tuple(
        Utterance(f"{name}{at}", name, HOSTILE, Path(f"{at}.wav")) for at in range(999)
    )
    item = Item("picture", HOSTILE, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,))
    made = [
        first,
        Study(HOSTILE, matrix, (study_run,)),
        study_run,
        compared,
        compared.pairs[0],
        first.folds[0],
        first.folds[0].test,
        PredictedFiles(HOSTILE, (HOSTILE,), 0, (HOSTILE,), labels, np.full((1, 4), 0.25)),
        Corpus(HOSTILE, labels, utterances, HOSTILE, (HOSTILE,)),
        Fold(HOSTILE, *(tuple(map(str, range(999))) for _ in range(3))),
        Examples([np.zeros(9)] * 999, np.zeros(999, np.int64), ("a",) * 999),
        Predictions(np.zeros((999, 4))),
        Report(Path(HOSTILE), (HOSTILE,), (item,) * 99),
        Task("a", {"a": "b" * 999}, Needs()),
        Outcome(0, None, files={"model": b"a" * 999}),
    ]
    return {type(each).__name__: each for each in made}


def test_a_repr_is_one_short_line(objects):
    for name, shown in objects.items():
        text = repr(shown)
        assert name in text
        assert text.isprintable(), name  # no line break, no escape sequence
        # a comparison of two numbers has no short form
        assert len(text) < 420 or name == "Pair", text


def test_a_repr_says_what_matters(invented):
    run = invented()
    assert repr(run).startswith("<Run invented on toy, kfold:n=6, seed 0: 2 folds, UAR ")
    assert repr(run).endswith(" %>")
    assert repr(compare(run, invented("b_2"))) == "<ComparedRuns invented (1) against invented (2)>"
    matrix = expand([Named("a")], [Named("toy")], {})
    study = Study("mine", matrix, (StudyRun(0, 0, 0, "a on toy, seed 0", run, ()),))
    assert repr(study) == "<Study mine: 1 model, 1 corpus, 1 run, 2 finished folds>"
    assert repr(study.results[0]) == "<StudyRun a on toy, seed 0: 2 finished folds>"
    corpus = Corpus("tiny", ("a",), (Utterance("u", "s", "a"),), "own")
    assert repr(corpus) == "<Corpus tiny labels=own utterances=1 speakers=1>"
    assert repr(Fold("1", ("u", "v"), ("w",), ())) == "<Fold 1 train=2 validation=1 test=0>"


class Elements(HTMLParser):
    """The elements of a page, and its text; refuses one that does not fit together."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_names_are_no_markup_in_html(objects):
    shown = {name for name, each in objects.items() if "_repr_html_" in dir(each)}
    assert shown == SHOWN
    for name in shown:
        page = Elements(objects[name]._repr_html_())
        allowed = {"div", "style", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
        assert set(page.tags) <= allowed
        assert {key for key, _ in page.attributes} <= {"class", "style", "colspan"}
        assert '<img src=x onerror="alert(1)">|[a](http://b)*c*\\x1b[31m' in page.text
        assert "\x1b" not in page.text


def test_names_are_no_markup_in_markdown(objects):
    for name in ("Run", "Study", "ComparedRuns"):
        page = objects[name]._repr_markdown_()
        assert "<img" not in page
        assert "[a](" not in page
        assert "*c*" not in page.replace(r"\*", "")
        assert "\n# d" not in page
        bars = {line.replace(r"\|", "").count("|") for line in page.splitlines() if line[:1] == "|"}
        assert len(bars) == 1


def test_a_style_touches_only_its_own_table(objects):
    for name in SHOWN:
        style = objects[name]._repr_html_().partition("<style>")[2].partition("</style>")[0]
        rules = style.strip().splitlines()
        assert rules
        assert all(rule.startswith(".serbench ") for rule in rules)
        assert "color" not in style.replace("border-collapse", "")  # neither light nor dark
        assert "#" not in style


def test_a_run_without_a_known_time_is_shown(invented):
    run = invented(seconds={"fit": float("inf")})
    assert "Fitted and predicted in inf s" in str(run)
    assert "nan s" in str(invented(seconds={"fit": float("nan")}))
    assert tables.duration(float("inf")) == "inf s"


def test_html_has_a_line_between_a_run_and_chance(invented):
    page = invented()._repr_html_()
    assert page.count("<tbody>") == 2
    assert page.index("95 % over speakers") < page.rindex("<tbody>") < page.index("chance")


def test_a_comparison_of_two_repeats_no_name_in_html(invented):
    shares = {"toy_a": 0.4, "toy_b": 0.6, "toy_c": 0.8}
    runs = [invented(name, right=right) for name, right in shares.items()]
    assert compare(*runs[:2])._repr_html_().count("invented (b)") == 1
    assert compare(*runs)._repr_html_().count("<th>invented (b)</th>") == 2 + 4 + 3


def test_tables_in_other_formats_have_no_empty_row(invented):
    run = invented()
    for form, rows in (("text", 2 + 5), ("markdown", 2 + 5), ("csv", 1 + 5)):
        assert len(run.table(form).splitlines()) == rows
    assert dataclasses.replace(run).page("text") == str(run)
