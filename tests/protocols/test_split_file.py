import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.corpus import Corpus, Fold, Utterance, protocol_digest
from serbench.errors import BadParameter, SerbenchError
from serbench.protocols.families import kfold
from serbench.protocols.lookup import make_folds
from serbench.protocols.split_file import file, read, write_csv, write_json

CORPUS = Corpus(
    "tiny",
    ("sad", "happy"),
    tuple(Utterance(f"{s}-{label}", s, label) for s in "abcdef" for label in ("sad", "happy")),
    "own",
)
HEADING = "fold,split,utterance\n"


@pytest.fixture
def split(tmp_path):
    def written(text: str, encoding: str = "utf-8"):
        path = tmp_path / "split.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return written


def test_a_split_is_read_as_it_is_written(split):
    path = split(HEADING + "x,train,b-sad\nx,train,a-sad\nx,validation,c-sad\nx,test,d-sad\n")
    assert read(path, CORPUS) == [Fold("x", ("a-sad", "b-sad"), ("c-sad",), ("d-sad",))]


def test_folds_keep_the_order_of_the_file(split):
    rows = [f"{fold},{part}" for fold in ("2", "10", "1") for part in ("train,a-sad", "test,b-sad")]
    text = HEADING + "\n".join(rows + [f"{k},validation,c-sad" for k in ("1", "2", "10")])
    assert [fold.name for fold in read(split(text), CORPUS)] == ["2", "10", "1"]


def test_a_spreadsheets_byte_order_mark_and_line_ends_are_no_obstacle(split):
    text = (HEADING + "1,train,a-sad\n1,validation,b-sad\n1,test,c-sad\n").replace("\n", "\r\n")
    assert len(read(split(text, "utf-8-sig"), CORPUS)) == 1


def test_columns_may_come_in_any_order_with_others_between(split):
    path = split("utterance,note,split,fold\na-sad,!,train,1\nb-sad,,validation,1\nc-sad,,test,1\n")
    assert read(path, CORPUS)[0].test == ("c-sad",)


def test_a_split_without_validation_gets_a_training_speaker(split):
    train = "".join(f"1,train,{s}-{label}\n" for s in "abcde" for label in ("sad", "happy"))
    fold = read(split(HEADING + train + "1,test,f-sad\n"), CORPUS)[0]
    assert fold.validation == ("e-happy", "e-sad")
    assert len(fold.train) == 8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fold,utterance\n1,a-sad\n", "lacks the column split: its first line must be fold,split,"),
        ("", "lacks the column fold and split and utterance"),
        (HEADING, "has no rows: each must give a fold, a split and an utterance"),
        (HEADING + "1,dev,a-sad\n", "line 2: the split is 'dev', but must be train or validation"),
        (HEADING + "1,train\n", "line 2: the utterance is empty; fill it in or delete the line"),
        (
            HEADING + "1,train,a-sad\n1,test,a-sad\n",
            "line 3: utterance a-sad is in both train and test in fold 1; keep one of the lines",
        ),
        (
            HEADING + "1,train,a-sad\n1,train,a-sad\n",
            "line 3: utterance a-sad is in train twice in fold 1; keep one",
        ),
        (
            HEADING + "1,train,a-sad\n1,test,a-sad.wav\n",
            "names 1 of 2 utterances that corpus tiny does not have under the label set own: "
            "a-sad.wav; write them as the corpus does, like a-happy",
        ),
        (HEADING + "1,train,a-sad\n", "fold 1 has no utterances in test; add some"),
        (HEADING + "1,test,a-sad\n", "fold 1 has no utterances in train"),
        # the only training speaker becomes validation
        (HEADING + "1,train,a-sad\n1,test,b-sad\n", "fold 1 has no utterances in train"),
        (
            "fold,split,utterance,group\n1,train,a-sad,x\n1,test,b-sad,y\n",
            "line 3: fold 1 is in the groups 'x' and 'y'; give all its lines the same",
        ),
    ],
)
def test_what_is_wrong_with_a_split_is_said_in_one_line(split, text, words):
    path = split(text)
    with pytest.raises(SerbenchError) as error:
        read(path, CORPUS)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named_with_what_it_should_be(tmp_path):
    with pytest.raises(SerbenchError, match=r"cannot read the split .*no\.csv \(No such file"):
        read(tmp_path / "no.csv", CORPUS)


def test_a_file_in_another_encoding_is_refused(split):
    with pytest.raises(SerbenchError, match="is not a CSV in UTF-8"):
        read(split(HEADING + "1,train,ä\n", "latin-1"), CORPUS)


def test_a_path_must_be_given():
    with pytest.raises(BadParameter, match=r"needs the path of a CSV: file:path=split\.csv"):
        file()


def test_a_path_with_a_comma_is_refused():
    with pytest.raises(BadParameter, match="a comma separates parameters: rename"):
        file("a,b.csv")


def test_only_a_declared_split_leaks():
    assert file("x.csv").leaks == ""
    assert "x.csv is declared to share" in file("x.csv", leaks=True).leaks


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_what_is_exported_is_imported_again(data, tmp_path_factory):
    ids = sorted(CORPUS.by_id)
    made = []
    for name in data.draw(st.lists(st.text("ab ,\"'é", min_size=1), min_size=1, unique=True)):
        parts = data.draw(
            st.lists(st.integers(0, 3), min_size=len(ids), max_size=len(ids)).filter(
                lambda parts: {0, 1, 2} <= set(parts)
            )
        )
        sets = [tuple(one for one, p in zip(ids, parts, strict=True) if p == k) for k in range(3)]
        made.append(Fold(name, *sets, group=data.draw(st.sampled_from(["", "g", "a,b"]))))
    path = tmp_path_factory.mktemp("export") / "split.csv"
    write_csv(path, made)
    assert read(path, CORPUS) == made


def test_an_exported_protocol_keeps_its_identity(tmp_path):
    made = make_folds(kfold(n=3), CORPUS)
    write_csv(tmp_path / "split.csv", made)
    again = make_folds(file(str(tmp_path / "split.csv")), CORPUS)
    assert protocol_digest(again) == protocol_digest(made)


def test_a_group_is_only_written_where_there_is_one(tmp_path):
    write_csv(tmp_path / "split.csv", make_folds(kfold(n=3), CORPUS))
    assert (tmp_path / "split.csv").read_text().startswith(HEADING)


def test_the_json_says_what_it_is_about(tmp_path):
    protocol = kfold(n=3)
    made = make_folds(protocol, CORPUS)
    write_json(tmp_path / "split.json", protocol, CORPUS, made)
    data = json.loads((tmp_path / "split.json").read_text())
    assert data["schema"] == 1
    assert (data["name"], data["leaks"]) == ("kfold:n=3", "")
    assert data["digest"] == protocol_digest(made)
    assert data["corpus"] == {"name": "tiny", "label_set": "own", "digest": CORPUS.digest}
    assert [fold["test"] for fold in data["folds"]] == [list(fold.test) for fold in made]
