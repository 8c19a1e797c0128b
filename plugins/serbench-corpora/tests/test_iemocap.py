from collections import Counter
from pathlib import Path
from typing import Literal

import pytest

from serbench.corpus import Corpus, Fold, relabelled
from serbench.errors import CorpusError
from serbench_corpora import published_splits, subsets
from serbench_corpora.iemocap import Iemocap, by_session, marker, paper, paper_marker, turn

# the paper, Table I
TABLE_I = {"neutral": 1708, "happy": 1636, "sad": 1084, "angry": 1103}
SESSIONS = {"Ses01": 1085, "Ses02": 1023, "Ses03": 1151, "Ses04": 1031, "Ses05": 1241}
SPEAKERS = {
    "Ses01F": 528,
    "Ses01M": 557,
    "Ses02F": 481,
    "Ses02M": 542,
    "Ses03F": 522,
    "Ses03M": 629,
    "Ses04F": 528,
    "Ses04M": 503,
    "Ses05F": 590,
    "Ses05M": 651,
}


@pytest.fixture(scope="module")
def raw(iemocap_tree: Path) -> Corpus:
    return Iemocap().read(iemocap_tree)


@pytest.fixture(scope="module")
def corpus(raw: Corpus) -> Corpus:
    return relabelled(raw, "iemocap", Iemocap.label_sets["iemocap"])


def first_evaluation(root: Path) -> Path:
    return sorted((root / "Session1/dialog/EmoEvaluation").glob("Ses*.txt"))[0]


def replaced(path: Path, text: str) -> None:
    """Write a file anew, as it may be a hard link."""
    path.unlink()
    path.write_text(text)


def test_the_release_is_read_as_it_is_unpacked(corpus: Corpus) -> None:
    assert corpus.labels == ("neutral", "happy", "sad", "angry")
    assert Counter(u.label for u in corpus.utterances) == TABLE_I
    assert Counter(u.session for u in corpus.utterances) == SESSIONS
    assert Counter(u.speaker for u in corpus.utterances) == SPEAKERS


def test_a_turn_knows_its_scenario() -> None:
    improvised, scripted = (
        turn(name, "sad").attributes for name in ("Ses01F_impro01_M000", "Ses02M_script01_1_F003")
    )

    assert improvised == {"scenario": "impro01", "style": "improvised"}
    assert scripted == {"scenario": "script01_1", "style": "scripted"}


def test_excited_is_its_own_label_until_a_label_set_merges_it(raw: Corpus) -> None:
    assert raw.labels == ("neutral", "happy", "excited", "sad", "angry")
    labels = Counter(u.label for u in raw.utterances)
    assert (labels["happy"], labels["excited"]) == (595, 1041)


def test_happy_may_leave_excited_out(raw: Corpus) -> None:
    assert list(Iemocap.label_sets) == ["iemocap", "without-excited"]
    fewer = relabelled(raw, "without-excited", Iemocap.label_sets["without-excited"])

    assert fewer.labels == ("neutral", "happy", "sad", "angry")
    assert Counter(u.label for u in fewer.utterances) == TABLE_I | {"happy": 595}


@pytest.mark.parametrize(
    ("subset", "counts"),
    [
        ("improvised", {"neutral": 1099, "happy": 947, "sad": 608, "angry": 289}),
        ("scripted", {"neutral": 609, "happy": 689, "sad": 476, "angry": 814}),
    ],
)
def test_improvised_and_scripted_turns_are_subsets(
    subset: Literal["improvised", "scripted"], counts: dict[str, int], iemocap_tree: Path
) -> None:
    dataset = Iemocap(subset)
    read = relabelled(dataset.read(iemocap_tree), "iemocap", dataset.label_sets["iemocap"])
    described = relabelled(dataset.stand_in(), "iemocap", dataset.label_sets["iemocap"])

    assert Counter(u.label for u in read.utterances) == counts
    assert Counter(u.label for u in described.utterances) == counts
    assert {u.attributes["style"] for u in read.utterances} == {subset}
    assert len(read.speakers) == 10
    tested = [id_ for fold in paper(read) for id_ in fold.test]
    assert sorted(tested) == sorted(read.by_id)


def test_emobox_lists_some_turns_by_the_digests_of_their_names(raw: Corpus) -> None:
    listed = published_splits.emobox_balanced("iemocap", "sha256")
    turns = [turn("Ses02F_impro03_F019", "happy"), turn("Ses02F_impro03_F000", "happy")]
    corpus = Corpus("iemocap", raw.labels, tuple(turns), "raw")

    assert len(listed["sha256"]) == 240
    assert [u.id for u in subsets.part(corpus, listed).utterances] == ["Ses02F_impro03_F019"]
    assert set(Iemocap("emobox-balanced").label_sets["iemocap"]) == set(raw.labels)


def test_every_utterance_knows_its_speaker_sex_session_dialogue_and_file(raw: Corpus) -> None:
    for one in raw.utterances:
        assert one.speaker == one.session + one.id.rpartition("_")[2][0]
        assert one.sex == {"F": "female", "M": "male"}[one.speaker[5]]
        assert one.path is not None
        assert one.path.parts[-2:] == (one.dialogue, f"{one.id}.wav")


def test_the_speaker_is_who_speaks_and_not_who_wears_the_markers() -> None:
    spoken_by_the_man = turn("Ses01F_impro01_M000", "neutral")

    assert (spoken_by_the_man.speaker, spoken_by_the_man.sex) == ("Ses01M", "male")
    assert (spoken_by_the_man.session, spoken_by_the_man.dialogue) == ("Ses01", "Ses01F_impro01")
    assert marker(spoken_by_the_man) == "Ses01F"
    assert turn("Ses05M_script01_1b_F003", "sad").speaker == "Ses05F"


def test_there_is_no_manifest_but_a_stand_in() -> None:
    assert Iemocap().manifest() is None
    assert len(Iemocap().stand_in().utterances) == 5531


# ---- layouts ----


def test_the_sessions_may_lie_directly_below_the_folder(iemocap_copy: Path, raw: Corpus) -> None:
    assert Iemocap().read(iemocap_copy).digest == raw.digest


def test_endings_and_names_of_files_may_be_in_any_case(iemocap_copy: Path, raw: Corpus) -> None:
    for path in list((iemocap_copy / "Session1/sentences").glob("wav/*/*.wav"))[:500]:
        path.rename(path.with_name(f"{path.stem.lower()}.FLAC"))
    (iemocap_copy / "Session1/dialog/EmoEvaluation").rename(
        iemocap_copy / "Session1/dialog/emoevaluation"
    )
    (iemocap_copy / "Session1").rename(iemocap_copy / "SESSION1")

    assert Iemocap().read(iemocap_copy).digest == raw.digest


def test_windows_line_ends_do_no_harm(iemocap_copy: Path, raw: Corpus) -> None:
    evaluation = first_evaluation(iemocap_copy)
    replaced(evaluation, evaluation.read_text().replace("\n", "\r\n"))

    assert Iemocap().read(iemocap_copy).digest == raw.digest


def test_votes_of_single_listeners_and_hidden_files_are_not_read(
    iemocap_copy: Path, raw: Corpus
) -> None:
    evaluation = first_evaluation(iemocap_copy)
    line = "[1.0 - 2.0]\tSes01F_impro01_F999\tang\t[2.5, 2.5, 2.5]\n"
    for place in ("Categorical", "Attribute", "Self-evaluation"):
        (evaluation.parent / place).mkdir(exist_ok=True)
        (evaluation.parent / place / "Ses01F_impro99.txt").write_text(line)
    (evaluation.parent / "._Ses01F_impro99.txt").write_text(line)
    (iemocap_copy / "Session1/dialog/transcriptions").mkdir()
    (iemocap_copy / "Session1/dialog/transcriptions/Ses01F_impro99.txt").write_text(line)

    assert Iemocap().read(iemocap_copy).digest == raw.digest


def test_whole_dialogues_are_not_utterances(iemocap_copy: Path, raw: Corpus) -> None:
    (iemocap_copy / "Session1/dialog/wav").mkdir()
    for name in ("Ses01F_impro01", "Ses01F_script01_1"):
        (iemocap_copy / f"Session1/dialog/wav/{name}.wav").write_bytes(bytes(2000))

    assert Iemocap().read(iemocap_copy).digest == raw.digest


# ---- what is refused ----


def test_a_missing_session_is_named(iemocap_copy: Path) -> None:
    (iemocap_copy / "Session3").unlink()

    with pytest.raises(CorpusError) as caught:
        Iemocap().read(iemocap_copy)

    message = str(caught.value)
    assert "has 4380 labelled utterances instead of 5531" in message
    assert (
        "session Ses03 has 0 of 1151; speaker Ses03F has 0 of 522, Ses03M has 0 of 629" in message
    )


def test_one_label_less_is_seen_and_named(iemocap_copy: Path) -> None:
    evaluation = first_evaluation(iemocap_copy)
    replaced(evaluation, evaluation.read_text().replace("\tsad\t", "\txxx\t", 1))

    with pytest.raises(
        CorpusError, match=r"5530 labelled.*session Ses01 has 1084 of 1085.*label sad"
    ):
        Iemocap().read(iemocap_copy)


def test_one_label_more_is_seen(iemocap_copy: Path) -> None:
    evaluation = first_evaluation(iemocap_copy)
    replaced(evaluation, evaluation.read_text().replace("\txxx\t", "\tang\t", 1))

    with pytest.raises(CorpusError, match=r"5532 labelled.*Ses01 has 1086 of 1085.*angry has 1104"):
        Iemocap().read(iemocap_copy)


def test_an_utterance_without_audio_is_named(iemocap_copy: Path, raw: Corpus) -> None:
    lost = raw.utterances[0]
    (iemocap_copy / "Session1/sentences/wav" / lost.dialogue / f"{lost.id}.wav").unlink()

    with pytest.raises(
        CorpusError, match=rf"no audio for 1 labelled utterances, missing {lost.id}:"
    ):
        Iemocap().read(iemocap_copy)


def test_an_utterance_with_two_files_is_refused(iemocap_copy: Path, raw: Corpus) -> None:
    one = raw.utterances[0]
    (iemocap_copy / "Session1" / f"{one.id}.wav").write_bytes(bytes(2000))

    with pytest.raises(CorpusError, match=rf"{one.id.lower()} has two files"):
        Iemocap().read(iemocap_copy)


def test_a_turn_that_is_labelled_twice_is_refused(iemocap_copy: Path) -> None:
    evaluation = first_evaluation(iemocap_copy)
    copy = evaluation.with_name("copy.txt")
    copy.write_text(evaluation.read_text())

    with pytest.raises(
        CorpusError, match=rf"labelled twice, in .*{evaluation.name} and .*copy.txt"
    ):
        Iemocap().read(iemocap_copy)


def test_audio_without_emotions_says_what_lacks(iemocap_tree: Path) -> None:
    sentences = iemocap_tree / "IEMOCAP_full_release/Session1/sentences"

    with pytest.raises(CorpusError, match=r"sentences but no emotions.*EmoEvaluation/\*\.txt"):
        Iemocap().read(sentences)


def test_a_missing_corpus_says_how_to_ask_for_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"iemocap is missing.*sail\.usc\.edu.*release form"):
        Iemocap().read(tmp_path)


# ---- protocols ----


def sets(fold: Fold) -> tuple[set[str], set[str], set[str]]:
    return set(fold.train), set(fold.validation), set(fold.test)


def test_paper_tests_one_true_speaker_and_validates_on_the_other(corpus: Corpus) -> None:
    folds = paper(corpus)

    assert {fold.name: len(fold.test) for fold in folds} == SPEAKERS
    for fold in folds:
        speakers = [{corpus.by_id[one].speaker for one in part} for part in sets(fold)]
        assert [len(part) for part in speakers] == [8, 1, 1]
        assert speakers[2] == {fold.name}
        assert speakers[1] | speakers[2] == {fold.name[:5] + "F", fold.name[:5] + "M"}
    tested = [one for fold in folds for one in fold.test]
    assert sorted(tested) == sorted(corpus.by_id)


def test_paper_marker_reproduces_the_counts_of_figure_5(corpus: Corpus) -> None:
    fold = next(fold for fold in paper_marker(corpus) if fold.name == "Ses01M")

    labels = Counter(corpus.by_id[one].label for one in fold.test)
    assert (labels["happy"], labels["neutral"]) == (161, 158)


def test_no_true_speaker_has_the_counts_of_figure_5(corpus: Corpus) -> None:
    for fold in paper(corpus):
        labels = Counter(corpus.by_id[one].label for one in fold.test)
        assert (labels["happy"], labels["neutral"]) != (161, 158)


def test_paper_marker_shares_speakers_and_says_so(corpus: Corpus) -> None:
    leaky = {protocol.name: protocol.leaks for protocol in Iemocap.protocols}["paper-marker"]

    assert "both actors" in leaky
    for fold in paper_marker(corpus):
        train, validation, test = (
            {corpus.by_id[one].speaker for one in part} for part in sets(fold)
        )
        assert validation == test
        assert not train & test
        assert len(fold.train) + len(fold.validation) + len(fold.test) == 5531


def test_session_shares_no_dialogue_between_sets(corpus: Corpus) -> None:
    folds = by_session(corpus)

    assert {fold.name: len(fold.test) for fold in folds} == SESSIONS
    assert [folds[i].validation for i in range(5)] == [folds[(i + 1) % 5].test for i in range(5)]
    for fold in folds:
        train, validation, test = (
            {corpus.by_id[one].dialogue for one in part} for part in sets(fold)
        )
        assert not train & validation
        assert not validation & test
        assert not train & test


def test_protocols_hold_with_excited_as_a_class_of_its_own(raw: Corpus, corpus: Corpus) -> None:
    assert [p.name for p in Iemocap.protocols][:3] == ["paper", "paper-marker", "session"]
    for protocol in Iemocap.protocols:
        assert protocol.folds(raw) == protocol.folds(corpus)


# ---- download ----


def test_iemocap_says_how_to_ask_for_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"iemocap cannot be downloaded.*release form.*sail\.usc"):
        Iemocap().download(tmp_path)
