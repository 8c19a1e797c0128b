"""A folder of audio as the library `datasets` reads it."""

import json
import re
from pathlib import Path

import pytest

from serbench.errors import SerbenchError
from serbench.protocols import lookup
from serbench_corpora.own.audio_folder import AUDIO, UNREAD, AudioFolder

LABELS = ("happy", "sad")
SPEAKERS = ("s1", "s2", "s3")


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _labelled(root: Path, sets: dict[str, str] | None = None) -> Path:
    """One folder a label, in the folder of the speaker's set where there are any."""
    for speaker in SPEAKERS:
        part = (sets or {}).get(speaker, "")
        _touch(*(root / part / label / f"{speaker}_{n}.wav" for label in LABELS for n in (1, 2)))
    return root


def _described(root: Path, rows: list[tuple[str, ...]], head: str, name: str) -> None:
    _touch(*(root / row[0] for row in rows))
    names = head.split(",")
    if name.endswith("csv"):
        text = "\n".join([head, *(",".join(row) for row in rows)])
    else:
        text = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    (root / name).write_text(text)


def _rows(speakers: tuple[str, ...] = SPEAKERS) -> list[tuple[str, ...]]:
    return [(f"{s}_{label}.wav", label, s) for s in speakers for label in LABELS]


def _read(root: Path, **params: str):
    return AudioFolder(**params).at(root).read(root)


def _refusal(root: Path, **params: str) -> str:
    with pytest.raises(SerbenchError) as caught:
        _read(root, **params)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_a_label_and_a_rule_finds_the_speaker(tmp_path):
    corpus = _read(_labelled(tmp_path), speaker_pattern=r"(s\d)_")
    assert (corpus.labels, corpus.speakers) == (LABELS, SPEAKERS)
    assert corpus.utterances[0].id == "happy/s1_1"


def test_a_rule_without_a_group_finds_the_speaker_in_the_whole_path(tmp_path):
    for speaker in SPEAKERS:
        _touch(*(tmp_path / f"spk{speaker}" / label / "a.flac" for label in LABELS))
    assert _read(tmp_path, speaker_pattern="spks[0-9]").speakers == ("spks1", "spks2", "spks3")


def test_without_speakers_it_says_what_to_add(tmp_path):
    words = _refusal(_labelled(tmp_path))
    assert "does not say who speaks" in words
    assert "add metadata.csv with file_name,label,speaker, or write ,speaker_pattern=REGEX" in words
    assert words.endswith("such as happy/s1_1.wav")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(x)_", "the speaker_pattern (x)_ finds no speaker in 12 of the 12 files, such as happy"),
        ("(s1)_", "finds no speaker in 8 of the 12 files, such as happy/s2_1.wav: change it"),
        ("(s", "is not a regular expression: "),
    ],
)
def test_a_rule_that_finds_nobody_is_refused(tmp_path, pattern, words):
    assert words in _refusal(_labelled(tmp_path), speaker_pattern=pattern)


def test_the_folders_of_sets_are_the_split(tmp_path):
    root = _labelled(tmp_path, {"s1": "train", "s2": "validation", "s3": "test"})
    dataset = AudioFolder(speaker_pattern="s[0-9]").at(root)
    (fold,) = lookup.make_folds(lookup.find_protocol(None, dataset), dataset.read(root))
    assert {one.split("/")[0] for one in fold.validation} == {"validation"}
    assert fold.test[0] == "test/happy/s3_1"


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_metadata_tells_label_and_speaker(tmp_path, name):
    _described(tmp_path, _rows(), "file_name,emotion,speaker", name)
    corpus = _read(tmp_path, label="emotion")
    assert (corpus.labels, corpus.speakers) == (LABELS, SPEAKERS)
    assert "if you mean 'emotion', write ,label=emotion" in _refusal(tmp_path)


def test_numbers_in_json_are_text(tmp_path):
    rows = [
        {"file_name": f"{s}{k}.wav", "label": k, "speaker": s} for s in (1, 2, 3) for k in (0, 1)
    ]
    _touch(*(tmp_path / row["file_name"] for row in rows))
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    corpus = _read(tmp_path)
    assert (corpus.labels, corpus.speakers) == (("0", "1"), ("1", "2", "3"))


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_metadata_may_tell_sentence_repetition_and_attributes(tmp_path, name):
    rows = [(*row, "3", "2", "41", "north") for row in _rows()]
    head = "file_name,label,speaker,sentence,repetition,age,accent"
    _described(tmp_path, rows, head, name)
    first = _read(tmp_path, attributes="accent").utterances[0]

    assert (first.sentence, first.repetition) == ("3", "2")
    assert first.attributes == {"accent": "north", "age": "41"}


def test_every_set_may_have_metadata_of_its_own(tmp_path):
    for part, speaker in zip(("train", "validation", "test"), SPEAKERS, strict=True):
        (tmp_path / part).mkdir()
        _described(tmp_path / part, _rows((speaker,)), "file_name,label,speaker", "metadata.csv")
    dataset = AudioFolder().at(tmp_path)
    assert dataset.default_protocol == "split"
    assert dataset.read(tmp_path).utterances[0].id == "test/s3_happy"


def test_the_folders_of_sets_count_for_metadata_above_them_too(tmp_path):
    parts = dict(zip(SPEAKERS, ("train", "dev", "test"), strict=True))
    rows = [(f"{parts[row[2]]}/{row[0]}", *row[1:]) for row in _rows()]
    _described(tmp_path, rows, "file_name,label,speaker", "metadata.csv")
    assert AudioFolder().at(tmp_path).default_protocol == "split"
    assert AudioFolder(split="").at(tmp_path).default_protocol == "loso"


def _two(root: Path) -> None:
    _described(root, _rows(), "file_name,label,speaker", "metadata.csv")
    (root / "metadata.jsonl").touch()


def _bare(root: Path) -> None:
    _touch(_labelled(root) / "stray.wav")


def _directly_in_a_set(root: Path) -> None:
    _touch(root / "train" / "x.wav", root / "test" / "y.wav")


def _undecoded(root: Path) -> None:
    _touch(_labelled(root) / "sad" / "s1_3.m4a")


def _broken_json(root: Path) -> None:
    (root / "metadata.jsonl").write_text('{"file_name": \n')


def _no_object(root: Path) -> None:
    (root / "metadata.jsonl").write_text("[1]\n")


def _parquet(root: Path) -> None:
    (root / "metadata.parquet").touch()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_two, "is described by metadata.csv and by metadata.jsonl: keep one"),
        (
            _bare,
            r"1 file below .* is not in the folder of a label \(stray.wav\): put each",
        ),
        (_directly_in_a_set, "2 files below .* are not in the folder of a label"),
        (_undecoded, "1 file below .* cannot be decoded .*s1_3.m4a.*write them as wav or flac"),
        (_broken_json, "metadata.jsonl, line 1 is not JSON"),
        (_no_object, "line 1 must be an object"),
        (_parquet, "metadata.parquet is not read: save it as metadata.csv"),
        (lambda root: None, "there is no audio below"),
        (lambda root: root.rmdir(), "does not exist; name a folder of audio, folder:DIR or --data"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_line(tmp_path, make, words):
    root = tmp_path / "audio"
    root.mkdir()
    make(root)
    pattern = "" if make in (_two, _broken_json, _no_object) else "s[0-9]"
    assert re.search(words, _refusal(root, speaker_pattern=pattern))


def test_a_rule_beside_metadata_is_refused(tmp_path):
    _described(tmp_path, _rows(), "file_name,label,speaker", "metadata.csv")
    words = _refusal(tmp_path, speaker_pattern="s[0-9]")
    assert "speaker_pattern is for folders without metadata" in words


def test_files_that_are_no_audio_and_hidden_ones_are_passed_by(tmp_path):
    root = _labelled(tmp_path)
    _touch(root / "sad" / "._s1_1.wav", root / "README.md", root / "sad" / "notes.txt")
    assert len(_read(root, speaker_pattern="s[0-9]").utterances) == 12


@pytest.mark.parametrize("ending", AUDIO)
def test_every_ending_that_can_be_decoded_is_read(tmp_path, ending):
    root = _labelled(tmp_path)
    _touch(root / "sad" / f"s1_3{ending}", root / "sad" / f"s1_4{ending.upper()}")
    assert len(_read(root, speaker_pattern="s[0-9]").utterances) == 14


@pytest.mark.parametrize("ending", UNREAD)
def test_audio_that_cannot_be_decoded_is_never_left_out(tmp_path, ending):
    root = _labelled(tmp_path)
    _touch(root / "sad" / f"s1_3{ending}")
    words = _refusal(root, speaker_pattern="s[0-9]")
    assert f"1 file below {root} cannot be decoded (sad/s1_3{ending}): write them as wav" in words


def test_files_left_out_are_counted_by_ending(tmp_path):
    root = _labelled(tmp_path)
    _touch(root / "README.md", root / "sad" / "b.lab", root / "sad" / "a.lab", root / "LICENSE")
    assert _read(root, speaker_pattern="s[0-9]").remarks == (
        "4 files left out, not audio by their endings: 2 .lab, 1 no ending, 1 .md",
    )


def test_audio_that_metadata_does_not_list_is_named(tmp_path):
    _described(tmp_path, _rows(), "file_name,label,speaker", "metadata.csv")
    assert _read(tmp_path).remarks == ()
    _touch(*(tmp_path / f"x{n}.wav" for n in range(5)))
    assert _read(tmp_path).remarks == (
        "5 files of audio left out, not in metadata: x0.wav, x1.wav, x2.wav and 2 more",
    )


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(.*)", " has 12 speakers for 12 utterances, such as 'happy/s1_1.wav' for happy/s1_1: "),
        ("([a-z]+)/", ": the speakers are the labels, 'happy', 'sad': "),
        ("([a-z]+)$", " has one speaker, 'wav', for all 12 utterances, but needs three: "),
    ],
)
def test_a_rule_that_finds_something_else_is_refused(tmp_path, pattern, words):
    said = _refusal(_labelled(tmp_path), speaker_pattern=pattern)
    assert said.startswith(f"{tmp_path}{words}")
    assert "change speaker_pattern: its first group must hold the speaker alone, as in (s" in said


def test_a_rule_that_finds_the_sets_is_refused(tmp_path):
    root = _labelled(tmp_path, {"s1": "train", "s2": "validation", "s3": "test"})
    words = "the speakers are the names of the split's sets: change speaker_pattern"
    assert words in _refusal(root, speaker_pattern="^([a-z]+)")


def test_a_rule_may_find_a_speaker_for_each_file_where_it_is_said(tmp_path):
    dataset = {"speaker_pattern": "(.*)", "speakers": "single"}
    assert len(_read(_labelled(tmp_path), **dataset).speakers) == 12


def test_metadata_with_a_speaker_for_each_file_is_refused(tmp_path):
    _described(tmp_path, _rows(), "file_name,label,speaker", "metadata.csv")
    words = _refusal(tmp_path, speaker="file_name")
    assert "metadata.csv has 6 speakers for 6 utterances" in words
    assert "name the column of the speakers with ,speaker=COLUMN behind the path" in words
