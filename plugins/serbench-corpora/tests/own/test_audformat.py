"""A database in audformat."""

import re
from collections.abc import Sequence
from pathlib import Path

import audformat
import pytest

from serbench.errors import CorpusError
from serbench.protocols import lookup
from serbench_corpora.own.audformat import Audformat

FILES = tuple(f"audio/{speaker}{n}.wav" for speaker in ("01", "02", "03") for n in (1, 2))
EMOTIONS = ("sad", "happy") * 3
SPEAKERS = {"01": {"gender": "female"}, "02": {"gender": "male"}, "03": {"gender": "male"}}


def _table(
    database: audformat.Database,
    name: str,
    files: Sequence[str],
    split: str | None = None,
    **columns,
) -> None:
    """A table with a column for each scheme."""
    table = audformat.Table(audformat.filewise_index(list(files)), split_id=split)
    database[name] = table
    for scheme, values in columns.items():
        table[scheme] = audformat.Column(scheme_id=scheme)
        table[scheme].set(list(values))


def _database(**schemes) -> audformat.Database:
    database = audformat.Database("my")
    database.schemes["emotion"] = audformat.Scheme("str", labels=["sad", "happy"])
    database.schemes["speaker"] = audformat.Scheme("str", labels=SPEAKERS)
    for name, scheme in schemes.items():
        database.schemes[name] = scheme
    return database


def _usual(database: audformat.Database) -> audformat.Database:
    """Emotions in one table, speakers in another."""
    _table(database, "emotion", FILES, emotion=EMOTIONS)
    _table(database, "files", FILES, speaker=[file[6:8] for file in FILES])
    return database


def _saved(database: audformat.Database, root: Path, storage: str = "csv") -> Path:
    database.save(str(root), storage_format=storage)
    (root / "audio").mkdir()
    for file in FILES:
        (root / file).touch()
    return root


def _read(root: Path, **names: str):
    return Audformat(**names).at(root).read(root)


def _refusal(root: Path, **names: str) -> str:
    with pytest.raises(CorpusError) as caught:
        _read(root, **names)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_emotions_and_speakers_are_found_in_their_tables(tmp_path, storage):
    corpus = _read(_saved(_usual(_database()), tmp_path, storage))
    assert (corpus.labels, corpus.speakers) == (("happy", "sad"), ("01", "02", "03"))
    first = corpus.utterances[0]
    assert (first.id, first.label, first.sex) == ("audio/011", "sad", "female")


def test_schemes_may_have_other_names(tmp_path):
    database = _database(feeling=audformat.Scheme("str"))
    _table(database, "all", FILES, feeling=EMOTIONS, speaker=[file[6:8] for file in FILES])
    root = _saved(database, tmp_path)
    assert _read(root, label="feeling").labels == ("happy", "sad")
    assert re.search(r"no 'emotion' for whole files \(schemes .*feeling", _refusal(root))


def test_without_speakers_it_says_why_they_are_needed(tmp_path):
    database = _database()
    _table(database, "emotion", FILES, emotion=EMOTIONS)
    words = _refusal(_saved(database, tmp_path))
    assert "has no 'speaker' for whole files" in words
    assert "a voice in both training and test would go unnoticed" in words


@pytest.mark.parametrize("by_name", [True, False])
def test_tables_of_sets_are_the_split(tmp_path, by_name):
    database = _usual(_database())
    for number, part in enumerate(("train", "dev", "test")):
        database.splits[part] = audformat.Split(part)
        files = slice(2 * number, 2 * number + 2)
        name, split = (f"emotion.{part}", None) if by_name else (f"part{number}", part)
        _table(database, name, FILES[files], split=split, emotion=EMOTIONS[files])
    root = _saved(database, tmp_path)
    dataset = Audformat().at(root)
    (fold,) = lookup.make_folds(lookup.find_protocol(None, dataset), dataset.read(root))
    assert (fold.train[0], fold.validation[0], fold.test[0]) == (
        "audio/011",
        "audio/021",
        "audio/031",
    )
    assert Audformat(split="").at(root).default_protocol == "loso"


def test_files_in_no_set_are_counted(tmp_path):
    database = _usual(_database())
    _table(database, "emotion.train", FILES[:2], emotion=EMOTIONS[:2])
    _table(database, "emotion.test", FILES[4:], emotion=EMOTIONS[4:])
    (protocol,) = Audformat().at(_saved(database, tmp_path)).protocols
    assert protocol.summary.endswith(
        "2 train, 2 test utterances; validation is drawn from training; 2 are in no set"
    )


def test_a_file_in_two_sets_is_refused(tmp_path):
    database = _usual(_database())
    _table(database, "emotion.train", FILES[:3], emotion=EMOTIONS[:3])
    _table(database, "emotion.test", FILES[2:], emotion=EMOTIONS[2:])
    words = _refusal(_saved(database, tmp_path))
    assert "audio/021.wav is both in test and, by the table emotion.train, in train" in words


def test_files_without_an_emotion_are_counted_and_a_table_may_be_named(tmp_path):
    database = _usual(_database())
    _table(database, "more", ["audio/x.wav"], emotion=[None])
    root = _saved(database, tmp_path)
    assert "has no 'emotion' for 1 of 7 files: name tables" in _refusal(root)
    assert len(_read(root, table="emotion").utterances) == 6
    assert "has no table 'nope': its tables are emotion, files, more" in _refusal(
        root, table="nope"
    )


def test_tables_that_disagree_are_refused(tmp_path):
    database = _usual(_database())
    _table(database, "other", FILES, emotion=EMOTIONS[::-1])
    words = _refusal(_saved(database, tmp_path))
    assert "Found overlapping data in column 'emotion'" in words


def test_segments_are_refused(tmp_path):
    database = _database()
    database["segments"] = audformat.Table(audformat.segmented_index(FILES, [0] * 6, [1] * 6))
    database["segments"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["segments"]["emotion"].set(list(EMOTIONS))
    words = _refusal(_saved(database, tmp_path))
    assert (
        "the table segments labels segments of files, but an utterance must be a whole file"
        in words
    )
    assert "audformat.utils.to_filewise_index" in words


def test_nothing_in_a_header_is_run(tmp_path):
    root = _saved(_usual(_database()), tmp_path)
    header = root / "db.yaml"
    harm = tmp_path / "harm"
    header.write_text(
        f"{header.read_text()}\nx: !!python/object/apply:pathlib.Path.touch\n- "
        f"!!python/object/apply:pathlib.Path ['{harm}']\n"
    )
    assert f"{header} is not plain YAML, so it is not read" in _refusal(root)
    assert not harm.exists()


def test_no_pickle_is_read(tmp_path):
    root = _saved(_usual(_database()), tmp_path)
    (root / "db.emotion.pkl").write_bytes(b"no pickle at all")
    assert len(_read(root).utterances) == 6
    (root / "db.emotion.csv").unlink()
    words = _refusal(root)
    assert "tables that exist only as pickles are not read: save them as csv or parquet" in words
    assert f"{root}/db.emotion" in words


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "there is no .*db.yaml: name the folder of a database, as in audformat:DIR"),
        ("[1, 2]", "is not the header of a database"),
        ("name: x", "audformat cannot read .*: TypeError"),
    ],
)
def test_what_is_no_database_is_told_in_a_line(tmp_path, header, words):
    if header is not None:
        (tmp_path / "db.yaml").write_text(header)
    assert re.search(words, _refusal(tmp_path))


def test_a_speaker_for_each_file_is_refused_unless_it_is_said(tmp_path):
    database = _database(take=audformat.Scheme("str"))
    _table(database, "all", FILES, emotion=EMOTIONS, take=FILES)
    root = _saved(database, tmp_path)
    words = _refusal(root, speaker="take")
    assert "has 6 speakers for 6 utterances, such as 'audio/011.wav' for audio/011: " in words
    assert "name the scheme of the speakers with ,speaker=SCHEME behind the path" in words
    assert len(_read(root, speaker="take", speakers="single").speakers) == 6


def test_a_word_for_what_is_missing_is_no_speaker(tmp_path):
    database = _database(who=audformat.Scheme("str"))
    who = ["unknown", *(file[6:8] for file in FILES[1:])]
    _table(database, "all", FILES, emotion=EMOTIONS, who=who)
    words = _refusal(_saved(database, tmp_path), speaker="who")
    assert ", audio/011.wav: the speaker is 'unknown', which stands for a missing name: " in words


def test_sentence_repetition_and_attributes_are_read(tmp_path):
    integers = {name: audformat.Scheme("int") for name in ("repetition", "age")}
    texts = {name: audformat.Scheme("str") for name in ("sentence", "accent")}
    database = _usual(_database(**integers, **texts))
    spoken = {"sentence": "ababab", "repetition": (1, 2) * 3, "accent": ["north"] * 6}
    _table(database, "spoken", FILES, age=[31, None, 40, 40, 50, 50], **spoken)
    root = _saved(database, tmp_path / "my")
    first, second, *_ = _read(root, attributes="accent").utterances

    assert (first.sentence, first.repetition) == ("a", "1")
    assert first.attributes == {"accent": "north", "age": "31"}
    assert second.attributes == {"accent": "north"}
    assert _read(root).utterances[0].attributes == {"age": "31"}
    with pytest.raises(CorpusError, match="has no 'acent' for whole files .*attributes=accent"):
        _read(root, attributes="acent")
