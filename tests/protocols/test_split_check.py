"""The check of a split counts what sets share, and finds what a split file has wrong."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from serbench.cli.app import app
from serbench.corpus import Corpus, Fold, Utterance
from serbench.errors import SerbenchError
from serbench.protocols import leakage, split_file
from serbench.protocols.families import kfold, random
from serbench.protocols.leakage import PAIRS
from serbench.protocols.lookup import make_folds
from serbench.protocols.split_check import FORMATS, SplitCheck

CORPUS = Corpus(
    "tiny",
    ("sad", "happy"),
    tuple(
        Utterance(
            f"s{k}-{label}-{text}",
            f"s{k}",
            label,
            sex=("male", "female")[k % 2],
            session=str(k // 2),
            sentence=str(text),
        )
        for k in range(6)
        for label in ("sad", "happy")
        for text in (1, 2)
    ),
    "own",
)


def check(folds, audio=None, corpus=CORPUS, **facts):
    audio = audio or {}
    certified = leakage.check(corpus, folds, audio)
    return SplitCheck("mine", corpus, certified, compared=len(audio), **facts)


def of(*speakers):
    return CORPUS.of_speakers([f"s{k}" for k in speakers])


FOLD = Fold("1", of(0, 1, 2), of(3), of(4, 5))


def test_a_split_that_keeps_speakers_apart_and_tests_all_says_so():
    checked = check(make_folds(kfold(n=3), CORPUS))
    assert checked.is_clean
    assert checked.verdict().startswith(
        "3 folds, all counts are sums over them; speaker-disjoint: yes; recordings not compared;"
    )
    assert checked.verdict().endswith("all 24 utterances are tested once")


def test_speakers_of_two_sets_are_counted_with_their_utterances():
    leaky = replace(FOLD, train=(*of(0, 1, 2), *of(4)[:1]), test=(*of(4)[1:], *of(5)))
    checked = check([leaky])
    assert not checked.is_clean
    overlap = checked.overlap(leaky, ("train", "test"), "speaker")
    assert vars(overlap) == {"shared": 1, "total": 2, "utterances": 3, "of_utterances": 7}
    assert "speaker-disjoint: no, 1 of 2 test speakers train (3 of 7 test utterances);" in (
        checked.verdict()
    )
    rows = {row["sets"]: row for row in checked.rows()}
    assert rows["train | test"]["speakers"] == "1 of 2"
    assert rows["train | test"]["utterances"] == "3 of 7"
    assert rows["train | test"]["verdict"] == "leaks"
    assert rows["train | validation"]["verdict"] == "clean"


def test_counts_are_summed_over_folds():
    checked = check(make_folds(random(n=4), CORPUS))
    parts = [checked.overlap(fold, PAIRS[1], "speaker") for fold, _ in checked.checked]
    shared, total, known = (
        sum(getattr(part, name) for part in parts) for name in ("shared", "total", "utterances")
    )
    assert 0 < known < 24
    assert f"{shared} of {total} test speakers train ({known} of 24 test utterances)" in (
        checked.verdict()
    )


def test_sentences_and_sessions_are_counted_and_allowed():
    checked = check([FOLD])
    assert checked.is_clean
    assert "; test sessions that train: 0 of 1; test sentences that train: 2 of 2;" in (
        checked.verdict()
    )
    assert "dialogues" not in checked.rows()[0]
    shared = replace(FOLD, train=of(0, 1, 4), test=of(2, 5))
    assert "test sessions that train: 1 of 2" in check([shared]).verdict()


def test_a_recording_in_two_sets_is_told_with_an_example():
    audio = {id_: f"sha of {id_}" for id_ in CORPUS.by_id}
    assert "identical recordings in two sets: none of 24;" in check([FOLD], audio).verdict()
    twin = check([FOLD], audio | {of(4)[0]: audio[of(0)[0]]})
    assert not twin.is_clean
    assert (
        f"identical recordings in two sets: 1, such as {of(0)[0]} = {of(4)[0]};" in twin.verdict()
    )
    assert [row["recordings"] for row in twin.rows()] == [0, 1, 0]


def test_what_is_not_tested_or_in_no_set_is_counted():
    fold = replace(FOLD, train=of(0, 1))
    assert (
        check([fold])
        .verdict()
        .endswith("8 of 24 utterances are tested; in no set: 4 utterances (s2-happy-1, ...)")
    )
    twice = check([FOLD, replace(FOLD, name="2")])
    assert twice.verdict().endswith("8 of 24 utterances are tested, 8 of them several times")
    group = [replace(FOLD, name=name, group="a") for name in "12"]
    assert check(group).verdict().endswith("8 of them several times, by folds that compete")


def test_utterances_of_unknown_speakers_may_only_train():
    unknown = {"s0", "s4"}
    corpus = replace(
        CORPUS,
        utterances=tuple(
            replace(one, speaker="" if one.speaker in unknown else one.speaker)
            for one in CORPUS.utterances
        ),
    )
    checked = check([FOLD], corpus=corpus)
    assert "speaker-disjoint: no, 4 utterances of unknown speakers not in train;" in (
        checked.verdict()
    )


def test_balance_names_the_fold_and_label_that_are_furthest_off():
    happy = tuple(id_ for id_ in of(4, 5) if "happy" in id_)
    labels, sexes = check([FOLD, Fold("2", of(0, 1), of(2), happy)]).balance()
    assert labels == (
        "labels: test sets are up to 50.00 points off (0.00 % sad in fold 2, 50.00 % in the "
        "corpus), train sets are as the corpus"
    )
    assert sexes == (
        "sexes: test sets are as the corpus, train sets are up to 16.67 points off (33.33 % female "
        "in fold 1, 50.00 % in the corpus)"
    )


def test_without_sexes_there_is_no_line_on_them():
    corpus = replace(CORPUS, utterances=tuple(replace(one, sex="") for one in CORPUS.utterances))
    assert len(check([FOLD], corpus=corpus).balance()) == 1


@pytest.mark.parametrize("form", FORMATS[:-1])
def test_every_format_has_a_row_per_pair(form):
    assert check([FOLD]).table(form).count("0 of 2") >= 2


def test_json_has_numbers():
    stored = json.loads(json.dumps(check([FOLD]).to_json()))
    assert stored["clean"] is True
    assert stored["folds"][1]["sets"] == ["train", "test"]
    assert stored["folds"][1]["speakers"] == {
        "shared": 0,
        "total": 2,
        "utterances": 0,
        "of_utterances": 8,
    }


# ---- split files ----


def write(path, rows):
    path.write_text("fold,split,utterance\n" + "".join(f"1,{row}\n" for row in rows))
    return path


def test_all_faults_of_a_file_are_found_and_the_rest_is_read(tmp_path):
    rows = [f"train,{id_}" for id_ in of(0, 1)] + [f"test,{id_}" for id_ in of(2)]
    faulty = [*rows, rows[0], f"test,{of(1)[0]}", "train,who"]
    path = write(tmp_path / "split.csv", faulty)
    examined = split_file.examine(path, CORPUS)
    (fold,) = examined.folds
    assert (len(fold.train), fold.validation, len(fold.test)) == (8, (), 5)
    twice, both, unknown = examined.faults
    assert "line 14: utterance s0-happy-1 is in train twice in fold 1" in twice
    assert "line 15: utterance s1-happy-1 is in both train and test in fold 1" in both
    assert "names 1 of 13 utterances that corpus tiny does not have" in unknown
    checked = check(examined.folds, faults=examined.faults)
    assert not checked.is_clean
    assert unknown in checked.verdict()
    assert [row["sets"] for row in checked.rows()] == ["train | test"]


def test_a_file_of_another_corpus_is_refused(tmp_path):
    path = write(tmp_path / "split.csv", ["train,a", "test,b"])
    with pytest.raises(SerbenchError, match="names 2 of 2 utterances that corpus tiny does not"):
        split_file.examine(path, CORPUS)


@pytest.fixture
def asked(places):
    """A function that asks for a check of tones, in this process."""

    def ask(*words):
        done = CliRunner().invoke(app, ["protocol", "check", "--dataset", "tones", *words])
        return done.exit_code, done.stdout

    return ask


def test_the_command_checks_a_file_without_validation_and_says_so(asked, tmp_path):
    ids = [
        f"s{k}-{label}-{take}" for k in range(1, 7) for label in ("low", "high") for take in "01"
    ]
    rows = [f"{'test' if id_ > 's6' else 'train'},{id_}" for id_ in ids]
    path = write(tmp_path / "split.csv", rows)
    code, text = asked("--protocol", str(path))
    assert code == 0
    assert "1 fold; speaker-disjoint: yes; identical recordings in two sets: none of 72;" in text
    assert "in no set: 48 utterances (s1-high-2, ...)" in text
    assert "1 fold without a validation set: a run divides the training set" in text
    write(path, [*rows, rows[-1]])
    code, text = asked("--protocol", str(path))
    assert code == 1
    assert "s6-high-1 is in test twice" in text or "is in test twice" in text


def test_the_command_says_in_json_that_a_split_leaks(asked):
    code, text = asked("--protocol", "random:n=3", "--format", "json")
    assert code == 1
    assert json.loads(text)["clean"] is False
