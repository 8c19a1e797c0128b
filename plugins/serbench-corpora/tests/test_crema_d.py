from collections import Counter
from pathlib import Path

import pytest

from serbench.corpus import Corpus
from serbench.errors import CorpusError
from serbench_corpora.crema_d import CremaD, paper, paper_nested

# the paper, Table I
TABLE_I = {"neutral": 1087} | dict.fromkeys(("happy", "sad", "angry", "fearful", "disgust"), 1271)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return CremaD().manifest()


def speakers(corpus: Corpus, ids: tuple[str, ...]) -> dict[str, str]:
    """The speakers of these utterances and their sexes."""
    return {corpus.by_id[one].speaker: corpus.by_id[one].sex for one in ids}


def test_the_manifest_has_the_counts_of_table_i(corpus: Corpus) -> None:
    assert Counter(u.label for u in corpus.utterances) == TABLE_I


def test_the_manifest_has_82_utterances_of_each_actor_but_five(corpus: Corpus) -> None:
    counts = Counter(u.speaker for u in corpus.utterances)

    assert len(counts) == 91
    fewer = {"1008": 76, "1009": 76, "1019": 76, "1002": 81, "1076": 81}
    assert {speaker: n for speaker, n in counts.items() if n != 82} == fewer


def test_the_manifest_has_48_men_and_43_women(corpus: Corpus) -> None:
    sexes = speakers(corpus, tuple(corpus.by_id))

    assert Counter(sexes.values()) == {"male": 48, "female": 43}
    assert (sexes["1001"], sexes["1002"]) == ("male", "female")


def test_the_folder_of_recordings_is_read(crema_d_tree: Path, corpus: Corpus) -> None:
    read = CremaD().read(crema_d_tree)

    assert read.digest == corpus.digest
    assert read.labels == tuple(CremaD.label_sets["crema-d"])
    assert read.utterances[0].path == crema_d_tree / "AudioWAV" / "1001_DFA_ANG_XX.wav"


# ---- layouts ----


def test_a_clone_with_its_other_formats_is_read(
    crema_d_tree: Path, tmp_path: Path, corpus: Corpus
) -> None:
    clone = tmp_path / "CREMA-D-master"
    for name in ("AudioMP3/1001_DFA_ANG_XX.mp3", "VideoFlash/1001_DFA_ANG_XX.flv"):
        (clone / name).parent.mkdir(parents=True)
        (clone / name).write_bytes(bytes(2000))
    (clone / "AudioWAV").symlink_to(crema_d_tree / "AudioWAV")

    assert CremaD().read(tmp_path).digest == corpus.digest


def test_lower_case_and_flac_do_as_well(crema_d_copy: Path, corpus: Corpus) -> None:
    for path in list(crema_d_copy.glob("AudioWAV/10[0-4]*.wav")):
        path.rename(crema_d_copy / f"{path.stem.lower()}.flac")

    assert CremaD().read(crema_d_copy).digest == corpus.digest


def test_the_name_that_was_mended_in_2022_may_still_be_the_old_one(
    crema_d_copy: Path, corpus: Corpus
) -> None:
    recordings = crema_d_copy / "AudioWAV"
    (recordings / "1040_ITH_SAD_XX.wav").rename(recordings / "1040_ITH_SAD_X.wav")

    assert CremaD().read(crema_d_copy).digest == corpus.digest


# ---- what is refused ----


def test_the_old_and_the_mended_name_together_are_refused(crema_d_copy: Path) -> None:
    (crema_d_copy / "AudioWAV" / "1040_ITH_SAD_X.wav").write_bytes(bytes(2000))

    with pytest.raises(CorpusError, match=r"1040_ITH_SAD_XX is there twice.*SAD_X\.wav.*SAD_XX\."):
        CremaD().read(crema_d_copy)


def test_a_clone_without_git_lfs_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:c6f9\nsize 72862\n"
    (tmp_path / "1001_DFA_ANG_XX.wav").write_text(pointer)

    with pytest.raises(CorpusError, match=r"Git LFS pointers, not audio.*run .*`git lfs pull`"):
        CremaD().read(tmp_path)


def test_missing_utterances_are_named_and_counted(crema_d_copy: Path) -> None:
    (crema_d_copy / "AudioWAV" / "1001_DFA_ANG_XX.wav").unlink()

    with pytest.raises(CorpusError) as caught:
        CremaD().read(crema_d_copy)

    message = str(caught.value)
    assert "has 7441 of 7442 utterances, missing 1001_DFA_ANG_XX (" in message
    assert "speaker 1001 has 81 of 82; label angry has 1270 of 1271" in message
    assert "run `git lfs pull` in the clone, or `serbench download crema-d`" in message


def test_an_utterance_that_was_never_published_is_refused(crema_d_copy: Path) -> None:
    (crema_d_copy / "AudioWAV" / "1092_DFA_ANG_XX.wav").write_bytes(bytes(2000))

    with pytest.raises(CorpusError, match=r"1 utterance too many: 1092_DFA_ANG_XX.*move it"):
        CremaD().read(crema_d_copy)


def test_a_missing_corpus_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        CremaD().read(tmp_path)

    message = str(caught.value)
    for words in ("crema-d is missing", "no file like 1001_DFA_ANG_XX.wav", "606 MB", "ODbL 1.0"):
        assert words in message
    assert "`serbench download crema-d`" in message


# ---- protocols ----


def test_paper_has_nine_folds_of_71_10_10_actors(corpus: Corpus) -> None:
    folds = paper(corpus)

    sizes = [820, 820, 818, 820, 820, 820, 820, 808, 814]
    assert [len(fold.test) for fold in folds] == sizes
    assert [len(fold.validation) for fold in folds] == [*sizes[1:], sizes[0]]
    for fold in folds:
        sets = [speakers(corpus, part) for part in (fold.train, fold.validation, fold.test)]
        assert [len(part) for part in sets] == [71, 10, 10]
        assert len({**sets[0], **sets[1], **sets[2]}) == 91


def test_paper_spreads_the_sexes_evenly(corpus: Corpus) -> None:
    men = [Counter(speakers(corpus, fold.test).values())["male"] for fold in paper(corpus)]

    assert men == [6, 6, 5, 5, 5, 5, 5, 5, 5]


def test_paper_deals_the_men_first(corpus: Corpus) -> None:
    first = speakers(corpus, paper(corpus)[0].test)
    men = sorted(s for s, sex in speakers(corpus, tuple(corpus.by_id)).items() if sex == "male")

    assert {s for s, sex in first.items() if sex == "male"} == {*men[:-1:9]}


def test_paper_tests_every_utterance_once_but_those_of_actor_1090(corpus: Corpus) -> None:
    folds = paper(corpus)
    tested = [one for fold in folds for one in fold.test]
    only_trained = set(corpus.of_speakers(["1090"]))

    assert len(only_trained) == 82
    assert sorted(tested) == sorted(corpus.by_id.keys() - only_trained)
    assert all(only_trained <= set(fold.train) for fold in folds)


def test_paper_nested_validates_each_test_set_on_each_other_one(corpus: Corpus) -> None:
    folds = paper_nested(corpus)
    tests = {fold.name: fold.test for fold in paper(corpus)}

    assert len({fold.name for fold in folds}) == 72
    assert Counter(fold.group for fold in folds) == dict.fromkeys(tests, 8)
    for fold in folds:
        assert fold.test == tests[fold.group]
        assert len(fold.train) + len(fold.validation) + len(fold.test) == 7442
        assert not {*fold.train} & {*fold.validation, *fold.test}
    validations = {fold.validation for fold in folds if fold.group == "9"}
    assert validations == {*tests.values()} - {tests["9"]}


def test_the_papers_protocol_is_the_default() -> None:
    assert [protocol.name for protocol in CremaD.protocols][:2] == ["paper", "paper-nested"]
    assert not any(protocol.leaks for protocol in CremaD.protocols[:2])
