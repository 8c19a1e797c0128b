import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from serbench.corpus import Corpus
from serbench.errors import CorpusError
from serbench.files import file_digest
from serbench_corpora.crema_d import (
    RECORDINGS,
    CremaD,
    missing_recordings,
    paper,
    paper_nested,
    recordings,
)
from serbench_corpora.resumable_download import RemoteFile

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:c6f9\nsize 72862\n"

Server = Any  # of conftest.py

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


def test_sentences_and_attributes_leave_the_digest_as_it_was(corpus: Corpus) -> None:
    first = corpus.by_id["1001_IEO_ANG_HI"]
    assert (first.sentence, first.attributes) == ("IEO", {"age": "51", "intensity": "high"})
    assert corpus.by_id["1001_DFA_ANG_XX"].attributes == {"age": "51"}
    assert corpus.digest == "e56583373ae74b13bf099f874e3b4b214202124cf0f37cc24f271bd4162c4b77"


def test_the_folder_of_recordings_is_read(crema_d_tree: Path, corpus: Corpus) -> None:
    read = CremaD().read(crema_d_tree)

    assert read.digest == corpus.digest
    assert read.labels == tuple(CremaD.label_sets["crema-d"])
    assert read.utterances[0].path == crema_d_tree / "AudioWAV" / "1001_DFA_ANG_XX.wav"


def test_what_listeners_heard_may_be_the_label(crema_d_tree: Path, corpus: Corpus) -> None:
    dataset = CremaD("perceived")
    heard = dataset.manifest()
    agree = sum(corpus.by_id[u.id].label == u.label for u in heard.utterances)

    assert Counter(u.label for u in heard.utterances) == {
        "neutral": 3897,
        "angry": 986,
        "fearful": 645,
        "disgust": 547,
        "sad": 370,
        "happy": 353,
    }
    assert agree / 6798 == pytest.approx(0.456, abs=0.0005)  # listeners' accuracy by voice alone
    assert dataset.read(crema_d_tree).digest == heard.digest
    assert dataset.label_sets == CremaD().label_sets
    assert dataset.speaker_space == CremaD().speaker_space
    assert (corpus.by_id["1001_IEO_HAP_LO"].label, heard.by_id["1001_IEO_HAP_LO"].label) == (
        *("happy", "neutral"),
    )


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

    with pytest.raises(CorpusError, match=r"1040_ITH_SAD_XX has two files.*SAD_X\.wav.*SAD_XX\."):
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


# ---- download ----


def on_server(server: Server, tree: Path, *names: str) -> list[RemoteFile]:
    """These recordings of a tree, as if the server had published them."""
    files = []
    for name in names:
        content = (tree / "AudioWAV" / f"{name}.wav").read_bytes()
        server.files[f"{name}.wav"] = content
        checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
        url = server.url(f"{name}.wav")
        files.append(RemoteFile(url, f"AudioWAV/{name}.wav", len(content), checksum))
    return files


def test_only_the_recordings_that_are_missing_are_fetched(
    server: Server, crema_d_tree: Path, crema_d_copy: Path
) -> None:
    names = ["1001_DFA_ANG_XX", "1001_DFA_DIS_XX", "1040_ITH_SAD_XX", "1090_WSI_SAD_XX"]
    published = on_server(server, crema_d_tree, *names)
    folder = crema_d_copy / "AudioWAV"
    (folder / f"{names[0]}.wav").unlink()
    (folder / f"{names[1]}.wav").rename(folder / f"{names[1].lower()}.flac")
    (folder / f"{names[2]}.wav").rename(folder / "1040_ITH_SAD_X.wav")

    CremaD().download(crema_d_copy, published)

    assert [name for name, _ in server.requests] == [f"{names[0]}.wav"]
    assert CremaD().read(crema_d_copy).digest == CremaD().manifest().digest


def test_git_lfs_pointers_are_replaced_where_they_lie(
    server: Server, crema_d_tree: Path, crema_d_copy: Path
) -> None:
    published = on_server(server, crema_d_tree, "1001_DFA_ANG_XX")
    pointer = crema_d_copy / "clone" / "1001_DFA_ANG_XX.wav"
    pointer.parent.mkdir()
    pointer.write_text(POINTER)
    (crema_d_copy / "AudioWAV" / pointer.name).unlink()

    CremaD().download(crema_d_copy, published)

    assert f"sha256:{file_digest(pointer)}" == published[0].checksum


def test_a_recording_that_is_another_one_is_not_overwritten(
    server: Server, crema_d_tree: Path, tmp_path: Path
) -> None:
    published = on_server(server, crema_d_tree, "1001_DFA_ANG_XX")
    (tmp_path / "1001_DFA_ANG_XX.wav").write_bytes(bytes(published[0].size))

    with pytest.raises(CorpusError, match=r"1001_DFA_ANG_XX.wav is not the .*move it elsewhere"):
        missing_recordings(tmp_path, published)


def test_the_list_of_recordings_is_the_published_one() -> None:
    files = recordings()

    assert len(files) == 7442
    assert sum(file.size for file in files) == 605_899_936
    assert files[0].url == f"{RECORDINGS}/1001_DFA_ANG_XX.wav"
    assert files[0].name == "AudioWAV/1001_DFA_ANG_XX.wav"
    assert {len(file.checksum) for file in files} == {len("sha256:") + 64}


def test_recordings_that_are_byte_for_byte_equal_are_known() -> None:
    by_checksum: dict[str, list[str]] = {}
    for file in recordings():
        by_checksum.setdefault(file.checksum, []).append(Path(file.name).stem)

    assert sorted(names for names in by_checksum.values() if len(names) > 1) == [
        ["1006_TIE_HAP_XX", "1006_TIE_NEU_XX"],
        ["1013_WSI_DIS_XX", "1013_WSI_SAD_XX"],
        ["1017_IWW_ANG_XX", "1017_IWW_FEA_XX"],
    ]


@pytest.mark.usefixtures("no_network")
def test_crema_d_is_fetched_from_where_it_was_published(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot reach https://media\.githubusercontent\.com"):
        CremaD().download(tmp_path / "crema-d")
