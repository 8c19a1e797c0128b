from dataclasses import dataclass, replace

import pytest

from serbench.corpus import Corpus, Fold, Protocol, Utterance
from serbench.errors import (
    BadParameter,
    LeakageError,
    PluginError,
    SerbenchError,
    UnknownName,
)
from serbench.protocols.families import kfold, loso
from serbench.protocols.lookup import default_protocol, find_protocol, fold_rows, make_folds

CORPUS = Corpus(
    "tiny",
    ("sad", "happy"),
    tuple(
        Utterance(f"{s}-{label}", s, label, sex={"a": "female", "b": "male"}.get(s, ""))
        for s in "abc"
        for label in ("sad", "happy")
    ),
    "own",
)
FOLD = Fold("1", ("a-sad",), ("b-sad",), ("c-sad",))


def giving(*made: Fold, name: str = "mine", leaks: str = "") -> Protocol:
    return Protocol(name, "", lambda corpus: list(made), leaks)


@dataclass
class Plain:
    protocols: tuple[Protocol, ...] = (giving(FOLD, name="paper"), giving(FOLD, name="session"))


@dataclass
class Choosy(Plain):
    default_protocol: str = "kfold:n=6"


def test_a_corpuss_own_protocol_is_found_by_its_name():
    dataset = Plain()
    assert find_protocol("session", dataset) is dataset.protocols[1]


def test_without_a_name_the_first_of_the_dataset_is_taken():
    assert find_protocol(None, Plain()).name == "paper"


def test_without_a_name_the_datasets_default_goes_first():
    assert find_protocol(None, Choosy()).name == default_protocol(Choosy()) == "kfold:n=6"


def test_without_any_protocol_one_must_be_named():
    with pytest.raises(PluginError, match="no protocol of its own: name one, for example kfold"):
        find_protocol(None, Plain(protocols=()))


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("loso", "loso"),
        ("kfold", "kfold:n=5"),
        ("kfold:n=7", "kfold:n=7"),
        ("random:seed=4", "random:n=6,seed=4"),
        ("my/split.csv", "file:path=my/split.csv"),
        ("file:path=my/split.csv", "file:path=my/split.csv"),
        ("file:path=split.txt,leaks=true", "file:path=split.txt,leaks=true"),
        ("file:leaks=false,path=x.csv", "file:path=x.csv"),
        ("C:/splits/x.csv", "file:path=C:/splits/x.csv"),
    ],
)
def test_a_family_is_found_with_its_parameters_under_one_name(typed, name):
    found = find_protocol(typed, Plain())
    assert found.name == name
    assert find_protocol(found.name, Plain()).name == name


def test_an_unknown_protocol_is_named_with_the_nearest():
    with pytest.raises(UnknownName, match=r"no protocol 'papr'; did you mean paper.*known: paper,"):
        find_protocol("papr", Plain())


def test_an_empty_name_is_unknown():
    with pytest.raises(UnknownName, match="no protocol ''"):
        find_protocol("", Plain())


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("kfold:m=5", "no parameter of protocol kfold 'm'"),
        ("kfold:n=five", "n of protocol kfold is 'five', but must be int"),
        ("kfold:n=2", "has too few folds"),
        ("kfold:", "a parameter is written name=value"),
        ("file", "needs the path of a CSV"),
        ("paper:n=5", "protocol paper takes no parameters: write paper, not paper:n=5"),
    ],
)
def test_a_wrong_parameter_is_refused(typed, words):
    with pytest.raises(BadParameter, match=words):
        find_protocol(typed, Plain())


def test_folds_come_sorted():
    shuffled = Fold("1", ("b-sad", "a-sad"), ("b-happy", "a-happy"), ("c-sad", "c-happy"))
    assert make_folds(giving(shuffled), CORPUS) == [
        Fold("1", ("a-sad", "b-sad"), ("a-happy", "b-happy"), ("c-happy", "c-sad"))
    ]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([], "protocol mine on corpus tiny (label set own) has no folds"),
        ([FOLD, FOLD], "has 2 folds named '1': give each its own name"),
        (
            [replace(FOLD, test=("c-angry",))],
            "fold 1 of protocol mine on corpus tiny (label set own) names 'c-angry' in test, "
            "which the corpus lacks",
        ),
        ([replace(FOLD, train=("a-sad", "a-sad"))], "has 'a-sad' twice in train: name it once"),
        (
            [replace(FOLD, group="g"), replace(FOLD, name="2", test=("c-happy",), group="g")],
            "folds 1 and 2 are in the group 'g' but test on different utterances",
        ),
    ],
)
def test_folds_that_are_none_are_the_plugins_fault(made, words):
    with pytest.raises(PluginError) as error:
        make_folds(giving(*made), CORPUS)
    assert words in str(error.value)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_no_set_may_be_empty(part):
    with pytest.raises(SerbenchError, match=f"has an empty {part} set: choose another protocol or"):
        make_folds(giving(replace(FOLD, **{part: ()})), CORPUS)


@pytest.mark.parametrize("leaks", ["", "declared"])
def test_no_protocol_may_share_utterances_whatever_it_declares(leaks):
    shared = replace(FOLD, test=("a-sad", "c-sad"))
    with pytest.raises(LeakageError, match="the utterance a-sad in both train and test: keep it"):
        make_folds(giving(shared, leaks=leaks), CORPUS)


def test_groups_that_share_their_test_set_are_fine():
    made = [
        replace(FOLD, group="g"),
        replace(FOLD, name="2", train=("b-sad",), validation=("a-sad",), group="g"),
    ]
    assert make_folds(giving(*made), CORPUS) == made


def test_a_summary_counts_utterances_speakers_sexes_and_labels():
    rows = fold_rows(CORPUS, make_folds(loso(), CORPUS))
    assert len(rows) == 9
    assert rows[1] == {
        "fold": "a",
        "set": "validation",
        "utterances": 2,
        "speakers": 1,
        "female": 0,
        "male": 1,
        "sex unknown": 0,
        "sad": 1,
        "happy": 1,
    }


def test_a_summary_of_three_folds_adds_up_to_three_corpora():
    rows = fold_rows(CORPUS, make_folds(kfold(n=3), CORPUS))
    assert sum(row["utterances"] for row in rows) == 3 * len(CORPUS.utterances)
