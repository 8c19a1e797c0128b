"""A corpus that a table lists: what is read of it, and a line for everything that goes wrong."""

import re
from pathlib import Path

import pytest

from serbench.errors import BadParameter, CorpusError, LeakageError, SerbenchError
from serbench.protocols import lookup, speakers
from serbench_corpora.own.csv_table import Csv

HEAD = "path,label,speaker"
ROWS = ("a/1.wav,sad,01", "a/2.wav,happy,01", "b/1.wav,sad,02", "b/2.wav,happy,02")
ROWS += ("c/1.wav,sad,03", "c/2.wav,happy,03")


def _table(folder: Path, *lines: str, head: str = HEAD, ending: str = "\n") -> Path:
    path = folder / "my.csv"
    path.write_text("".join(f"{line}{ending}" for line in (head, *lines)), "utf-8", newline="")
    for line in lines:
        audio = folder / re.split("[,;\t]", line)[0].strip().strip('"')
        audio.parent.mkdir(parents=True, exist_ok=True)
        audio.touch()
    return path


def _read(table: Path, **names: str):
    return Csv(**names).at(table).read(table)


def _refusal(table: Path, **names: str) -> str:
    with pytest.raises(SerbenchError) as caught:
        _read(table, **names)
    words = str(caught.value)
    assert words.count("\n") == 0
    return words


def test_rows_are_utterances_named_by_their_paths(tmp_path):
    path = _table(tmp_path, *ROWS)
    corpus = _read(path)
    assert [one.id for one in corpus.utterances][:3] == ["a/1", "a/2", "b/1"]
    assert corpus.utterances[0].path == tmp_path / "a" / "1.wav"
    assert corpus.speakers == ("01", "02", "03")
    assert corpus.labels == ("happy", "sad")


def test_the_label_set_original_has_all_labels_in_sorted_order(tmp_path):
    dataset = Csv().at(_table(tmp_path, *ROWS))
    assert {name: list(one) for name, one in dataset.label_sets.items()} == {
        "original": ["happy", "sad"]
    }


def test_the_manifest_needs_no_audio(tmp_path):
    path = _table(tmp_path, *ROWS)
    (tmp_path / "a" / "1.wav").unlink()
    dataset = Csv().at(path)
    assert dataset.manifest().digest != ""
    assert all(one.path is None for one in dataset.manifest().utterances)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace(",sad,", ',"sad",'),
        lambda text: text.replace(",", " , "),
        lambda text: text.replace("path,label,speaker", "Path,LABEL,Speaker"),
        lambda text: text + "\n,,\n",
        lambda text: text.replace("\n", ",,\n").replace("speaker,,", "speaker"),
        lambda text: text.replace("a/1.wav", "./a//1.wav").replace("b/1.wav", "b\\1.wav"),
    ],
    ids=[
        "semicolons",
        "tabs",
        "CRLF",
        "byte-order mark",
        "quotes",
        "spaces",
        "case",
        "empty lines",
        "trailing commas",
        "ways to write a path",
    ],
)
def test_however_a_table_is_written_it_is_the_same_corpus(tmp_path, change):
    path = _table(tmp_path, *ROWS)
    expected = _read(path)
    path.write_text(change(path.read_text("utf-8")), "utf-8", newline="")
    found = _read(path)
    assert found.digest == expected.digest
    assert [one.path for one in found.utterances] == [one.path for one in expected.utterances]


def test_cells_in_quotes_may_hold_the_delimiter(tmp_path):
    (tmp_path / "a, b.wav").touch()
    path = _table(tmp_path, *ROWS)
    path.write_text(path.read_text() + '"a, b.wav",sad,03\n')
    assert "a, b" in _read(path).by_id


def test_further_columns_are_read_and_others_passed_by(tmp_path):
    head = "note,path,label,speaker,sex,session,dialogue,id"
    path = _table(tmp_path)
    lines = [f"x,{row},{'F' if row[0] == 'a' else 'male'},s1,d{row[0]},u{row[:3]}" for row in ROWS]
    _table(tmp_path, *ROWS)
    path.write_text("\n".join([head, *lines]))
    first, last = _read(path).utterances[0], _read(path).utterances[-1]
    assert (first.id, first.sex, first.session, first.dialogue) == ("ua/1", "female", "s1", "da")
    assert last.sex == "male"


def test_columns_may_have_other_names(tmp_path):
    path = _table(tmp_path, *ROWS, head="file,emotion,actor")
    corpus = _read(path, path="file", label="emotion", speaker="actor")
    assert len(corpus.utterances) == 6


def test_paths_may_lead_elsewhere_where_ids_do_not_tell(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    lines = [f"{elsewhere / f'{number}.wav'},{row[8:]}" for number, row in enumerate(ROWS)]
    table = tmp_path / "corpus" / "my.csv"
    table.parent.mkdir()
    made = _table(tmp_path, *lines)
    table.write_text(made.read_text())
    assert "results would tell where your files are: add a column id" in _refusal(table)
    named = [line if number == 0 else f"u{number},{line}" for number, line in enumerate(lines)]
    table.write_text("\n".join([f"id,{HEAD}", f"u0,{named[0]}", *named[1:]]))
    assert _read(table).utterances[0].path == elsewhere / "0.wav"


def test_an_absolute_path_below_the_folder_is_as_good_as_a_relative_one(tmp_path):
    path = _table(tmp_path, *ROWS)
    expected = _read(path).digest
    path.write_text(path.read_text().replace("a/1.wav", str(tmp_path / "a" / "1.wav")))
    assert _read(path).digest == expected


def test_letters_with_accents_are_found_however_the_disk_spells_them(tmp_path):
    path = _table(tmp_path, *ROWS, "e\u0301te\u0301.wav,sad,03")
    path.write_text(path.read_text("utf-8").replace("e\u0301", "\xe9"), "utf-8")
    assert "\xe9t\xe9" in _read(path).by_id


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("a/1.wav,sad",), "my.csv, line 2 has 2 cells, but the heading has 3"),
        (("a/1.wav,sad,01,x",), "line 2 has 4 cells.*put cells with a comma in quotes"),
        ((",sad,01",), "my.csv, line 2: the path is empty; fill it in or delete the line"),
        (("a/1.wav,,01",), "line 2: the label is empty"),
        (("a/1.wav,sad, ",), "line 2: the speaker is empty"),
        ((*ROWS, "a/1.wav,sad,01"), "line 8: a/1.wav is listed twice, first at my.csv, line 2"),
        ((*ROWS, "a/./1.wav,sad,01"), "line 8: a/./1.wav is listed twice"),
        ((*ROWS, "a/1.flac,sad,01"), "line 8: two utterances have the id 'a/1'.*in a column id"),
        (
            ("a/1.wav,s\x07ad,01",),
            r"line 2: the label 's\\x07ad' contains the invisible character U\+",
        ),
        (('a/1.wav,"s\nad",01',), r"the label 's\\nad' contains the invisible character U\+000A"),
        (("a/1.wav,sad,0\u200b1",), r"the speaker .* contains the invisible character U\+200B"),
        (('a/1.wav,"sad,01',), "is broken: .*a quotation mark that is not closed"),
        ((), "my.csv lists no utterances: write one row per utterance"),
        ([row.replace("happy", "sad") for row in ROWS], "has one label, 'sad', for all 6"),
        (
            (*ROWS, "c/3.wav,Sad,03"),
            r"the labels 'Sad' \(1\) and 'sad' \(3\) differ only in upper and",
        ),
        ((*ROWS, "c/3.wav,sad,x", "c/4.wav,sad,X"), "'X' and 'x' are written almost alike"),
        ((*ROWS, "c/3.wav,sad,s 0", "c/4.wav,sad,s  0"), "'s  0' and 's 0' are written almost"),
        ((*ROWS, "c/3.wav,sad,s 0", "c/4.wav,sad,s\u00a00"), "are written almost alike"),
        ((*ROWS, "c/3.wav,sad,s0", "c/4.wav,sad,\uff530"), "are written almost alike"),
        ((*ROWS, "c/3.wav,sad,s0", "c/4.wav,sad,s0\ufe0f"), "are written almost alike"),
        ((*ROWS, "c/3.wav,sad,s0", "c/4.wav,sad,s0\u3164"), "are written almost alike"),
        ((*ROWS, "c/3.wav,sad,7", "c/4.wav,sad,7.0"), "'7' and '7.0' are written almost alike"),
        (
            (*ROWS, "c/3.wav,nan,01"),
            "line 8: the label is nan, the text for a missing value",
        ),
        (("a/1.wav,sad,01", "a/2.wav,happy,01"), "has one speaker, '01', for all 2 .*needs three"),
        (("a/1.wav,sad,01", "a/2.wav,happy,02"), "every label has only one speaker"),
    ],
)
def test_a_row_that_cannot_be_meant_is_told_in_a_line(tmp_path, lines, words):
    path = tmp_path / "my.csv"
    path.write_text("\n".join([HEAD, *lines]), "utf-8")
    assert re.search(words, _refusal(path))


@pytest.mark.parametrize(
    "name",
    [
        "NA",
        "NULL",
        "N/A",
        "NaN",
        "nan",
        "None",
        "none",
        "unknown",
        "Unknown",
        "?",
        "??",
        "-",
        "n.a.",
        "missing",
        "<NA>",
        "#N/A",
        "ＮＡ",
    ],
)
def test_a_word_for_what_is_missing_is_no_speaker(tmp_path, name):
    assert _refusal(_table(tmp_path, *ROWS, f"c/3.wav,sad,{name}")) == (
        f"my.csv, line 8: the speaker is '{name}', which stands for a missing name: write who "
        "speaks, or leave the utterance out"
    )


@pytest.mark.parametrize("name", ["none", "NA", "unknown", "?", "N/A", "-"])
def test_a_word_for_what_is_missing_may_be_a_label_in_doubt(tmp_path, name):
    corpus = _read(_table(tmp_path, *ROWS, f"c/3.wav,{name},03"))
    assert speakers.doubts(corpus)[-1] == (
        f"my.csv: the label {name!r} of 1 utterance counts as an emotion; if it stands for a "
        "missing label, leave them out"
    )


MEND = (
    "name the column of the speakers with ,speaker=COLUMN behind the path (columns: path, "
    "label, speaker, split)"
)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            {"speaker": "path"},
            " has 6 speakers for 6 utterances, such as 'a/1.wav' for a/1: one voice under many "
            f"names would be in training and in test; {MEND}; if each utterance really has a "
            "different speaker, write ,speakers=single behind the path",
        ),
        ({"speaker": "label"}, f": the speakers are the labels, 'happy', 'sad': {MEND}"),
        ({"speaker": "split"}, f": the speakers are the names of the split's sets: {MEND}"),
        (
            {"speakers": "single"},
            ": speakers=single means that each utterance has a different speaker, but '01' "
            "speaks 2: leave speakers=single out",
        ),
    ],
)
def test_a_column_that_does_not_say_who_speaks_is_refused(tmp_path, names, words):
    sets = {"a": "train", "b": "dev", "c": "test"}
    path = _table(tmp_path, *(f"{row},{sets[row[0]]}" for row in ROWS), head=f"{HEAD},split")
    assert _refusal(path, **names) == f"{path}{words}"


def test_endings_of_files_are_no_speakers(tmp_path):
    endings = ("wav", "flac", "mp3")
    lines = [f"{n}.{endings[n % 3]},{'xy'[n % 2]},{endings[n % 3]}" for n in range(9)]
    words = "the speakers are endings of files, 'flac', 'mp3', 'wav': name the column"
    assert words in _refusal(_table(tmp_path, *lines))


def test_a_speaker_for_each_utterance_is_read_where_it_is_said(tmp_path):
    path = _table(tmp_path, *ROWS)
    corpus = _read(path, speaker="path", speakers="single")
    assert len(corpus.speakers) == len(corpus.utterances) == 6
    assert speakers.doubts(corpus) == ()


def test_sexes_are_words_and_a_speaker_has_one(tmp_path):
    path = _table(tmp_path, *(f"{row},{'f' if row[0] == 'a' else ''}" for row in ROWS))
    path.write_text(path.read_text().replace(HEAD, f"{HEAD},sex"))
    assert {one.sex for one in _read(path).utterances} == {"female", ""}
    path.write_text(path.read_text().replace("a/2.wav,happy,01,f", "a/2.wav,happy,01,m"))
    assert "speaker 01 is male, but female at my.csv, line 2: is it the right" in _refusal(path)
    path.write_text(path.read_text().replace("01,m", "01,tall"))
    assert "line 3: the sex is 'tall', but must be female, male or empty" in _refusal(path)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (
            "path,label,speaker_id",
            "no column 'speaker' .*if you mean 'speaker_id', write ,speaker=",
        ),
        ("path,emotion,speaker", "no column 'label' .*write ,label=emotion behind the path"),
        ("path,label,x", "no column 'speaker' .*a voice in both training and test"),
        ("path,label,label", "has two columns 'label': rename or remove one"),
    ],
)
def test_a_missing_column_is_told_with_what_may_be_meant(tmp_path, head, words):
    assert re.search(words, _refusal(_table(tmp_path, *ROWS, head=head)))


def test_a_column_that_was_named_must_be_there_even_if_it_is_not_needed(tmp_path):
    assert "has no column 'gender'" in _refusal(_table(tmp_path, *ROWS), sex="gender")


def test_files_that_are_not_there_are_counted_and_the_first_is_named(tmp_path):
    path = _table(tmp_path, *ROWS)
    (tmp_path / "b" / "1.wav").unlink()
    (tmp_path / "c" / "2.wav").unlink()
    words = _refusal(path)
    assert "2 of the 6 files" in words
    assert f"the first at my.csv, line 4: {tmp_path / 'b' / '1.wav'}" in words


def test_what_is_no_table_is_told_in_a_line(tmp_path):
    assert (
        f"{tmp_path} is a folder: name the table in it, behind the colon or with --data, or write "
        f"folder:{tmp_path} for a folder of audio" in _refusal(tmp_path)
    )
    assert "there is no file" in _refusal(tmp_path / "none.csv")
    path = tmp_path / "my.csv"
    path.write_bytes(b"")
    assert "is empty: its first line must name the columns" in _refusal(path)
    path.write_bytes(f"{HEAD}\na/1.wav,sad,01\na/2.wav,fr\xf6hlich,01\n".encode("latin-1"))
    assert 'is not text in UTF-8, as line 3 shows: save it again as "CSV UTF-8"' in _refusal(path)
    path.write_text(f"{HEAD}\n", "utf-16")
    assert "is not text in UTF-8, as line 1" in _refusal(path)


def _split(folder: Path, *parts: str) -> Csv:
    lines = [f"{row},{part}" for row, part in zip(ROWS, parts, strict=True)]
    return Csv().at(_table(folder, *lines, head=f"{HEAD},split"))


def _fold(dataset: Csv, place: Path):
    (fold,) = lookup.make_folds(lookup.find_protocol(None, dataset), dataset.read(place))
    return {part: getattr(fold, part) for part in ("train", "validation", "test")}


def test_a_split_of_its_own_is_the_default_protocol(tmp_path):
    dataset = _split(tmp_path, "train", "Training", "dev", "val", "test", "eval")
    assert lookup.default_protocol(dataset) == "split"
    expected = {"train": ("a/1", "a/2"), "validation": ("b/1", "b/2"), "test": ("c/1", "c/2")}
    assert _fold(dataset, tmp_path / "my.csv") == expected


def test_without_a_validation_set_training_speakers_are_held_out(tmp_path):
    dataset = _split(tmp_path, "train", "train", "train", "train", "test", "test")
    (protocol,) = dataset.protocols
    assert protocol.summary.endswith(
        "4 train, 2 test utterances; validation is drawn from training"
    )
    expected = {"train": ("a/1", "a/2"), "validation": ("b/1", "b/2"), "test": ("c/1", "c/2")}
    assert _fold(dataset, tmp_path / "my.csv") == expected


def test_a_split_that_shares_speakers_leaks_and_is_nobodys_default(tmp_path):
    dataset = _split(tmp_path, "train", "test", "train", "test", "dev", "dev")
    (protocol,) = dataset.protocols
    assert protocol.leaks == "2 speakers are in more than one of its sets: 01, 02"
    with pytest.raises(LeakageError, match="Choose --protocol loso.*or --protocol split, which is"):
        lookup.find_protocol(None, dataset)
    assert lookup.find_protocol("split", dataset).leaks


def test_one_set_for_all_splits_nothing(tmp_path):
    dataset = _split(tmp_path, *["train"] * 6)
    assert (dataset.protocols, dataset.default_protocol) == ((), "loso")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (("train", "1", "dev", "dev", "test", "test"), "line 3: the split is '1', but must be"),
        (("train", "", "dev", "dev", "test", "test"), "line 3: the split is '', but must be train"),
        (
            ("train", "train", "dev", "dev", "dev", "dev"),
            "into train and validation, without a test",
        ),
    ],
)
def test_a_split_that_cannot_be_meant_is_refused_and_may_be_passed_by(tmp_path, parts, words):
    dataset = _split(tmp_path, *parts)
    with pytest.raises(CorpusError, match=words):
        lookup.find_protocol(None, dataset)
    assert Csv(split="").at(tmp_path / "my.csv").default_protocol == "loso"


def test_without_a_split_speakers_are_kept_apart(tmp_path):
    lines = [f"{s}{n}.wav,{label},{s}" for s in "abcde" for n, label in enumerate(("x", "y"))]
    assert Csv().at(_table(tmp_path, *lines)).default_protocol == "kfold:n=5"
    assert Csv().at(_table(tmp_path, *lines[:8])).default_protocol == "loso"


def test_two_speakers_are_too_few(tmp_path):
    path = _table(tmp_path, *ROWS[:4])
    dataset = Csv().at(path)
    with pytest.raises(SerbenchError, match="has 2 speakers, but protocol loso needs at least 3"):
        lookup.make_folds(lookup.find_protocol(None, dataset), dataset.read(path))


def test_a_parameter_that_does_not_exist_is_refused():
    from serbench.parameters import checked, settable

    with pytest.raises(BadParameter, match="did you mean label"):
        checked("csv", settable(Csv), {"labels": "x"})


def test_behind_a_link_paths_are_relative_to_where_it_leads(tmp_path):
    path = _table(tmp_path, *ROWS)
    link = tmp_path / "elsewhere" / "link.csv"
    link.parent.mkdir()
    link.symlink_to(path)
    assert _read(link).digest == _read(path).digest


SPOKEN = [f"{row},{n},{'ab'[n % 2]},{31 + n % 2},north" for n, row in enumerate(ROWS)]
SPOKEN_HEAD = f"{HEAD},repetition,Sentence,Age,accent"


def test_sentence_repetition_and_age_are_read_where_there_are_such_columns(tmp_path):
    corpus = _read(_table(tmp_path, *SPOKEN, head=SPOKEN_HEAD))
    first = corpus.by_id["a/1"]

    assert (first.sentence, first.repetition, first.attributes) == ("a", "0", {"age": "31"})
    assert corpus.digest == _read(_table(tmp_path, *ROWS)).digest


def test_other_attributes_are_named(tmp_path):
    table = _table(tmp_path, *SPOKEN, head=SPOKEN_HEAD)
    named = _read(table, attributes=" accent ,", repetition="", sentence="accent")
    first = named.by_id["a/1"]

    assert (first.sentence, first.repetition) == ("north", "")
    assert first.attributes == {"accent": "north", "age": "31"}


def test_an_empty_attribute_is_not_known(tmp_path):
    rows = [f"{row},{age}" for row, age in zip(ROWS, ("", "nan", "4", "4", "5", "5"), strict=True)]
    corpus = _read(_table(tmp_path, *rows, head=f"{HEAD},age"))

    assert [u.attributes for u in corpus.utterances][:3] == [{}, {}, {"age": "4"}]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ("acent", "has no column 'acent' (columns: path, label, speaker, repetition, Sentence, "),
        ("sex", "attributes names sex, which is read anyway: leave it out, and write sex=COLUMN"),
    ],
)
def test_an_attribute_that_is_no_column_is_refused(attributes, words, tmp_path):
    table = _table(tmp_path, *SPOKEN, head=SPOKEN_HEAD)

    assert words in _refusal(table, attributes=attributes)


def test_two_columns_that_may_be_meant_are_told(tmp_path):
    path = _table(tmp_path, "a/1.wav,sad,01,02", head="path,label,speaker,Speaker")
    with pytest.raises(CorpusError, match="has 2 columns called speaker and Speaker: rename"):
        Csv().at(path).read(path)
