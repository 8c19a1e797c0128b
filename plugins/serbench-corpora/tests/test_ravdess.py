import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serbench.corpus import Corpus, relabelled
from serbench.errors import CorpusError
from serbench_corpora.ravdess import ARCHIVE, Ravdess, paper, paper_nested
from serbench_corpora.resumable_download import RemoteFile

Server = Any  # of conftest.py

FIRST = "03-01-01-01-01-01-01"

# the paper, Table I
TABLE_I = {"neutral": 96} | dict.fromkeys(
    ("calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), 192
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Ravdess().manifest()


def test_the_manifest_has_the_counts_of_table_i(corpus: Corpus) -> None:
    assert Counter(u.label for u in corpus.utterances) == TABLE_I
    assert set(Counter(u.speaker for u in corpus.utterances).values()) == {60}


def test_odd_actors_are_men(corpus: Corpus) -> None:
    assert {u.sex for u in corpus.utterances if int(u.speaker) % 2} == {"male"}
    assert {u.sex for u in corpus.utterances if not int(u.speaker) % 2} == {"female"}


def test_the_archive_is_read_as_it_is_unpacked(ravdess_tree: Path, corpus: Corpus) -> None:
    read = Ravdess().read(ravdess_tree)

    assert read.digest == corpus.digest
    assert read.labels == tuple(Ravdess.label_sets["ravdess"])
    assert read.utterances[0].path == ravdess_tree / "Actor_01" / f"{FIRST}.wav"


def test_sentences_and_attributes_leave_the_digest_as_it_was(corpus: Corpus) -> None:
    first = corpus.by_id["03-01-05-02-02-01-12"]
    assert (first.sentence, first.repetition, first.attributes) == (
        "02",
        "01",
        {"intensity": "strong"},
    )
    assert corpus.digest == "e74f6744b5adb49b2d59a1025815cd262dcc41faa09145c434fc4ede08341fc2"


def test_calm_may_count_as_neutral(corpus: Corpus) -> None:
    assert list(Ravdess.label_sets) == ["ravdess", "calm-as-neutral"]
    merged = relabelled(corpus, "calm-as-neutral", Ravdess.label_sets["calm-as-neutral"])

    assert merged.labels == ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    assert Counter(u.label for u in merged.utterances)["neutral"] == 288


def test_the_balanced_test_set_of_emobox_is_a_subset(ravdess_tree: Path, corpus: Corpus) -> None:
    dataset = Ravdess("emobox-balanced")
    cells = Counter((u.speaker, u.label) for u in dataset.manifest().utterances)
    labels = ("neutral", "happy", "sad", "angry")

    assert len(cells) == 20 * len(labels)
    assert set(cells.values()) == {3}
    assert [tuple(one) for one in dataset.label_sets.values()] == [labels, labels]
    assert dataset.read(ravdess_tree).digest == dataset.manifest().digest
    assert all(corpus.by_id[u.id].label == u.label for u in dataset.manifest().utterances)
    assert dataset.speaker_space == Ravdess().speaker_space


# ---- layouts ----


def test_the_folder_above_does_as_well(ravdess_tree: Path, tmp_path: Path, corpus: Corpus) -> None:
    (tmp_path / "Audio_Speech_Actors_01-24").symlink_to(ravdess_tree)

    assert Ravdess().read(tmp_path).digest == corpus.digest


def test_a_flat_folder_of_flac_in_capitals_does_as_well(
    ravdess_copy: Path, tmp_path: Path, corpus: Corpus
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in ravdess_copy.glob("*/*.wav"):
        path.rename(flat / f"{path.stem}.FLAC")

    assert Ravdess().read(flat).digest == corpus.digest


def test_songs_and_films_are_left_out(ravdess_copy: Path, corpus: Corpus) -> None:
    for name in ("03-02-01-01-01-01-01", "01-01-01-01-01-01-01", "02-01-01-01-01-01-01"):
        (ravdess_copy / "Actor_01" / f"{name}.wav").write_bytes(b"another recording" * 100)
    (ravdess_copy / "Actor_01" / "._03-01-01-01-01-01-01.wav").write_bytes(b"\0\5\x16\7")

    assert Ravdess().read(ravdess_copy).digest == corpus.digest


# ---- what is refused ----


def test_the_same_utterance_twice_is_refused(ravdess_copy: Path) -> None:
    again = ravdess_copy / "audio_speech_actors_01-24" / "Actor_01"
    again.mkdir(parents=True)
    (again / f"{FIRST}.wav").write_bytes(bytes(2000))

    with pytest.raises(CorpusError, match=f"{FIRST} has two files, .*Actor_01.*Actor_01"):
        Ravdess().read(ravdess_copy)


def test_missing_utterances_are_named_and_counted(ravdess_copy: Path) -> None:
    for name in ("07/03-01-03-01-01-01-07", "07/03-01-04-01-01-01-07", "09/03-01-04-01-01-01-09"):
        (ravdess_copy / f"Actor_{name}.wav").unlink()

    with pytest.raises(CorpusError) as caught:
        Ravdess().read(ravdess_copy)

    message = str(caught.value)
    assert f"ravdess is incomplete: {ravdess_copy} has 1437 of 1440 utterances" in message
    assert "missing 03-01-03-01-01-01-07, 03-01-04-01-01-01-07, 03-01-04-01-01-01-09" in message
    assert "speaker 07 has 58 of 60, 09 has 59 of 60" in message
    assert "label happy has 191 of 192, sad has 190 of 192" in message
    assert "`serbench download ravdess`" in message


def test_an_utterance_that_was_never_published_is_refused(ravdess_copy: Path) -> None:
    strongly_neutral = "03-01-01-02-01-01-01"
    (ravdess_copy / "Actor_01" / f"{strongly_neutral}.wav").write_bytes(bytes(2000))

    with pytest.raises(CorpusError, match=rf"1 utterance too many: {strongly_neutral}.*move it"):
        Ravdess().read(ravdess_copy)


def test_a_missing_corpus_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        Ravdess().read(tmp_path / "ravdess")

    message = str(caught.value)
    for words in ("ravdess is missing", f"no folder {tmp_path}/ravdess", "208 MB", "CC BY-NC-SA"):
        assert words in message
    assert "zenodo.org/records/1188976: `serbench download ravdess`" in message


# ---- protocols ----


def test_paper_has_six_folds_of_16_4_4_actors_half_of_them_women(corpus: Corpus) -> None:
    folds = paper(corpus)

    assert [fold.name for fold in folds] == ["1", "2", "3", "4", "5", "6"]
    for fold in folds:
        train, validation, test = (
            {corpus.by_id[one].speaker for one in part}
            for part in (fold.train, fold.validation, fold.test)
        )
        assert (len(train), len(validation), len(test)) == (16, 4, 4)
        assert len(train | validation | test) == 24
        for speakers in (train, validation, test):
            assert sum(int(speaker) % 2 for speaker in speakers) == len(speakers) / 2
    assert folds[0].test == corpus.of_speakers(["01", "02", "03", "04"])
    assert folds[0].validation == folds[1].test
    assert folds[5].validation == folds[0].test


def test_paper_tests_every_utterance_once(corpus: Corpus) -> None:
    tested = [one for fold in paper(corpus) for one in fold.test]

    assert sorted(tested) == sorted(corpus.by_id)


def test_paper_nested_validates_each_test_set_on_each_other_one(corpus: Corpus) -> None:
    folds = paper_nested(corpus)
    tests = {fold.name: fold.test for fold in paper(corpus)}

    assert len({fold.name for fold in folds}) == 30
    assert Counter(fold.group for fold in folds) == dict.fromkeys(tests, 5)
    for fold in folds:
        assert fold.test == tests[fold.group]
        assert (len(fold.train), len(fold.validation)) == (960, 240)
        assert not {*fold.train} & {*fold.validation, *fold.test}
    validations = {fold.validation for fold in folds if fold.group == "2"}
    assert validations == {*tests.values()} - {tests["2"]}


def test_protocols_hold_under_the_other_label_set(corpus: Corpus) -> None:
    merged = relabelled(corpus, "calm-as-neutral", Ravdess.label_sets["calm-as-neutral"])

    assert [protocol.name for protocol in Ravdess.protocols][:2] == ["paper", "paper-nested"]
    for protocol in Ravdess.protocols:
        assert protocol.folds(merged) == protocol.folds(corpus)


# ---- download ----


@pytest.fixture
def published(server: Server, ravdess_zip: Callable[[str], Path]) -> RemoteFile:
    """A zip of the look-alike, on the server."""
    content = ravdess_zip("Actor_*").read_bytes()
    server.files["speech.zip"] = content
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return RemoteFile(server.url("speech.zip"), "speech.zip", len(content), checksum)


def test_ravdess_is_fetched_unpacked_and_read_once(
    server: Server, published: RemoteFile, tmp_path: Path
) -> None:
    root = tmp_path / "ravdess"
    Ravdess().download(root, published)
    Ravdess().download(root, published)

    assert Ravdess().read(root).digest == Ravdess().manifest().digest
    assert sorted(path.name for path in root.iterdir()) == [f"Actor_{a:02}" for a in range(1, 25)]
    assert len(server.requests) == 1


def test_a_zip_that_the_user_has_is_used_and_kept(
    server: Server, published: RemoteFile, ravdess_copy: Path
) -> None:
    (ravdess_copy / "speech.zip").write_bytes(server.files["speech.zip"])
    (ravdess_copy / "notes.txt").write_text("mine")
    lost = ravdess_copy / "Actor_01/03-01-01-01-01-01-01.wav"
    lost.unlink()

    Ravdess().download(ravdess_copy, published)

    assert lost.exists()
    assert (ravdess_copy / "speech.zip").exists()
    assert (ravdess_copy / "notes.txt").read_text() == "mine"
    assert server.requests == []


def test_the_archive_is_the_one_that_was_published(server: Server, tmp_path: Path) -> None:
    server.files["speech.zip"] = b"another archive"

    with pytest.raises(CorpusError, match=r"has 15 bytes instead of 208468073"):
        Ravdess().download(tmp_path, replace(ARCHIVE, url=server.url("speech.zip")))
    assert ARCHIVE.checksum == "md5:bc696df654c87fed845eb13823edef8a"


@pytest.mark.usefixtures("no_network")
def test_ravdess_is_fetched_from_where_it_was_published(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot reach https://zenodo\.org.*Speech_Actors_01-24"):
        Ravdess().download(tmp_path / "ravdess")
