"""Copies of a corpus on the disk: what a page reads of them, and a line for every fault."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from serbench import Corpus, CorpusError, LeakageError, SerbenchError
from serbench.cli.app import app
from serbench.protocols import leakage, lookup
from serbench_corpora.pages.corpus import PageCorpus

PAGE = r"""
pattern = '(?P<speaker>s\d)_(?P<label>[SH])_(?P<sentence>\d)'
[labels]
S = "sad"
H = "happy"
"""
FILES = tuple(
    f"s{speaker}_{label}_{n}.wav" for speaker in range(1, 6) for label in "SH" for n in "12"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    for name in FILES:
        _put(folder / name)
    return folder


def _put(path: Path, content: bytes = b"audio") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _dataset(root: Path, more: str = "", page: str = PAGE) -> PageCorpus:
    path = root.parent / "my.toml"
    path.write_text(page + more, encoding="utf-8")
    return PageCorpus(path)


def _read(root: Path, more: str = "", page: str = PAGE) -> Corpus:
    return _dataset(root, more, page).read(root)


def _refusal(root: Path, more: str = "", page: str = PAGE) -> str:
    with pytest.raises(SerbenchError) as caught:
        _read(root, more, page)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_say_everything(root: Path) -> None:
    corpus = _read(
        root, "[speaker]\n" + "".join(f's{n} = {{ age = "3{n}" }}\n' for n in range(1, 6))
    )

    first = corpus.utterances[0]
    assert (first.id, first.speaker, first.label, first.sentence) == ("s1_H_1", "s1", "happy", "1")
    assert first.attributes == {"age": "31"}
    assert first.path == root / "s1_H_1.wav"
    assert corpus.labels == ("sad", "happy")
    assert corpus.remarks == ()


def test_folders_may_name_the_speaker_and_groups_make_the_id(root: Path) -> None:
    for name in FILES:
        _put(root.parent / "other" / "data" / name[:2] / name[3:])
    page = PAGE.replace("_(?P<label>", "[/_](?P<label>")
    both = 'id = "{speaker}_{label}_{sentence}"' + page

    assert _read(root, page=both).digest == _read(root.parent / "other", page=both).digest


def test_codes_of_any_group_have_words(root: Path) -> None:
    page = PAGE.replace("sentence", "intensity").replace("s\\d", "(?P<sex>s)\\d")
    corpus = _read(
        root, '[words.intensity]\n1 = "low"\n2 = "high"\n[words.sex]\ns = "female"', page
    )

    assert corpus.utterances[0].attributes == {"intensity": "low"}
    assert {utterance.sex for utterance in corpus.utterances} == {"female"}


def test_a_code_without_a_word_names_the_file(root: Path) -> None:
    words = _refusal(root, page=PAGE.replace('H = "happy"', 'A = "angry"'))

    assert words.startswith(
        "s1_H_1.wav: there is no code 'H' in [labels] of the page (known: S, A)"
    )


def test_too_few_and_too_many_files_are_counted(root: Path) -> None:
    speakers = ", ".join(f"s{n} = 4" for n in range(1, 6))
    counts = f"[counts]\nlabel = {{ sad = 10, happy = 10 }}\nspeaker = {{ {speakers} }}"
    assert len(_read(root, counts).utterances) == 20

    (root / "s2_H_1.wav").rename(root / "s2-H-1.wav")
    assert _refusal(root, counts) == (
        f"my is incomplete: {root} has 19 of 20 utterances (label happy has 9 of 10; speaker "
        "s2 has 3 of 4); 1 file has a name that the pattern does not match (s2-H-1.wav): add or "
        "remove files, or correct the counts of the page"
    )
    (root / "s2-H-1.wav").rename(root / "s2_H_1.wav")
    _put(root / "s6_S_1.wav")
    assert "my is not the corpus of its page: " in _refusal(root, counts)
    assert "label sad has 11 of 10; speaker s6 has 1 of 0" in _refusal(root, counts)
    assert "(6 of 5 speakers)" in _refusal(root.parent / "corpus", "", "speakers = 5" + PAGE)


def test_a_file_that_does_not_fit_is_told(root: Path) -> None:
    _put(root / "song.wav")

    assert _read(root).remarks == ("1 file left out, since the pattern does not match: song.wav",)


def test_a_folder_without_any_such_file(root: Path, tmp_path: Path) -> None:
    assert "my: no file under" in _refusal(root, page=PAGE.replace("s\\d", "x\\d"))
    assert _refusal(tmp_path / "nowhere") == (
        f"my is missing: there is no folder {tmp_path / 'nowhere'}. Point at its folder with "
        "--data DIR, or set SERBENCH_DATA to the folder that holds my/"
    )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('home = "example.org"', "my is at example.org. Then point at"),
        ('obtain = "ask the lab"', "my: ask the lab. Then point at"),
        (
            'title = "Mine"\nlicence = "CC0"\nhome = "a.org"',
            "Mine (CC0) is at a.org. Then point at",
        ),
        (
            'size = "1 MB"\nlicence = "CC0"\nhome = "a.org"\nobtain = "ask"',
            "my (1 MB; CC0) is at a.org: ask. T",
        ),
    ],
)
def test_a_missing_corpus_says_only_what_its_page_knows(
    tmp_path: Path, keys: str, words: str
) -> None:
    (tmp_path / "empty").mkdir()
    refusal = _refusal(tmp_path / "empty", page=f"{keys}\n{PAGE}")
    assert refusal.startswith(
        f"my is missing: there is no audio under {tmp_path / 'empty'}. {words}"
    )


def test_a_second_copy_is_left_out_and_another_file_of_the_same_name_refused(root: Path) -> None:
    _put(root / "again" / "s1_S_1.wav")
    corpus = _read(root)
    assert corpus.by_id["s1_S_1"].path == root / "s1_S_1.wav"
    assert corpus.remarks == ("1 file left out as copies of others: again/s1_S_1.wav",)

    _put(root / "again" / "s1_S_1.wav", b"other")
    assert "are different files of one utterance: keep one of them" in _refusal(root)
    assert len(_read(root, page='skip = ["Again"]' + PAGE).utterances) == 20


def test_known_defects_are_renamed_dropped_or_refused(root: Path) -> None:
    (root / "s1_S_1.wav").rename(root / "s1_SS_1.wav")
    assert len(_read(root, '[rename]\ns1_SS_1 = "s1_S_1"').utterances) == 20

    corpus = _read(root, '[drop]\n"s1_SS_*" = "unreadable"\n"s5_H_?" = "cut off"')
    assert len(corpus.utterances) == 17
    assert corpus.remarks == (
        "1 file left out, s1_SS_*: unreadable",
        "2 files left out, s5_H_?: cut off",
    )
    assert _refusal(root, '[refuse]\n"s1_SS_*" = "this is the second edition"') == (
        "my: s1_SS_1.wav must not be there: this is the second edition"
    )


def test_video_is_refused_with_the_command_that_converts_it(root: Path) -> None:
    (root / "s1_S_1.wav").rename(root / "s1_S_1.mp4")
    command = "for f in *.mp4; do ffmpeg -i $f ${f%.mp4}.wav; done"

    assert _refusal(root, page=f'convert = "{command}"' + PAGE) == (
        f"my: 1 file cannot be decoded (s1_S_1.mp4): {command}"
    )


def test_converted_video_may_stay_beside_its_audio(root: Path) -> None:
    for ending in ("mp4", "avi"):
        _put(root / f"s1_S_1.{ending}", b"video")
    corpus = _read(root)

    assert corpus.by_id["s1_S_1"].path == root / "s1_S_1.wav"
    assert corpus.remarks == ()
    (root / "s1_S_1.wav").unlink()
    (root / "s1_S_1.mp4").unlink()
    assert "1 file cannot be decoded (s1_S_1.avi)" in _refusal(root)


def test_empty_files_are_refused(root: Path) -> None:
    _put(root / "s1_S_1.wav", b"")

    assert "1 of the files" in _refusal(root)


TABLE = r"""
pattern = '(?P<speaker>s\d)_[SH]_(?P<sentence>\d)'
labels = ["sad", "happy"]
[table]
file = "labels.csv"
key = "File"
[table.columns]
label = "Emotion"
age = "Age"
"""


def test_a_table_says_what_names_do_not(root: Path) -> None:
    rows = [f"data/{n},{'sad' if '_S_' in n else 'happy'},40" for n in FILES]
    (root / "labels.csv").write_text("\n".join(["File,Emotion,Age", *rows]), encoding="utf-8")
    corpus = _read(root, page=TABLE)

    assert corpus.by_id["s1_H_1"].label == "happy"
    assert corpus.by_id["s1_H_1"].attributes == {"age": "40"}

    (root / "labels.csv").write_text("\n".join(["File,Emotion,Age", *rows[1:]]), encoding="utf-8")
    assert _refusal(root, page=TABLE) == (
        "my: s1_S_1.wav has no row in the table labels.csv: use the table of the same edition as "
        "the audio"
    )
    (root / "labels.csv").write_text("File,Emotion\n", encoding="utf-8")
    assert "there is no column 'Age' in " in _refusal(root, page=TABLE)
    (root / "labels.csv").unlink()
    assert "my is incomplete: there is no table" in _refusal(root, page=TABLE)


TABLES = r"""
pattern = 's(?P<set>\d)_(?P<style>[SH])_(?P<sentence>\d)'
id = "{set}/{style}{sentence}"
labels = ["sad", "happy"]
[table]
key = "{file}/{Style}{N}"
[table.columns]
label = "Emotion"
speaker = "Who"
[table.files]
"""


def test_several_tables_have_the_rows_of_utterances(root: Path) -> None:
    page = TABLES + "\n".join(f'{n} = "tables/{n}.csv"' for n in range(1, 6))
    for n in range(1, 6):
        styles = ((style, word, k) for style, word in (("S", "sad"), ("H", "happy")) for k in "12")
        rows = [f"{style},{k},{word},w{n}" for style, word, k in styles]
        path = root / "deep" / "tables" / f"{n}.csv"
        _put(path, "\n".join(["Style,N,Emotion,Who", *rows]).encode())
    corpus = _read(root, page=page)

    assert corpus.by_id["4/H1"].speaker == "w4"
    assert corpus.by_id["4/H1"].label == "happy"
    _put(path, b"Style,Emotion,Who\n")
    assert "there is no column 'N' in " in _refusal(root, page=page)
    path.unlink()
    assert "my is incomplete: there is no table" in _refusal(root, page=page)


def test_unknown_speakers_only_train(root: Path) -> None:
    dataset = _dataset(root, page='unknown_speakers = ["s5"]' + PAGE)
    corpus = dataset.read(root)
    speakers = ", ".join(f"s{n} = 4" for n in range(1, 5))
    counts = f"[counts]\nlabel = {{ sad = 10, happy = 10 }}\nspeaker = {{ {speakers} }}"
    assert _read(root, counts, 'unknown_speakers = ["s5"]' + PAGE).digest == corpus.digest
    assert dataset.unknown_speakers
    assert corpus.speakers == ("s1", "s2", "s3", "s4")
    assert corpus.speakerless == ("s5_H_1", "s5_H_2", "s5_S_1", "s5_S_2")
    assert corpus.remarks == ("4 utterances have no known speaker: they are only trained on",)
    for name in ("loso", "kfold:n=3"):
        protocol = lookup.find_protocol(name, dataset)
        for fold in lookup.make_folds(protocol, corpus):
            certificate = leakage.certify(corpus, fold, {})
            assert set(corpus.speakerless) <= set(fold.train)
            assert certificate.speakerless == {"train": 4, "validation": 0, "test": 0}
            assert certificate.clean


def test_declared_and_refused_protocols(root: Path) -> None:
    declared = '[protocol]\nkind = "declared"\ndefault = "cross-speaker"\nreason = "too few"'
    dataset = _dataset(root, declared)
    protocol = lookup.find_protocol(None, dataset)
    assert (protocol.name, protocol.leaks) == ("cross-speaker", "too few")
    assert not lookup.find_protocol("loso", dataset).leaks

    refused = _dataset(root, '[protocol]\nkind = "refused"\nreason = "nobody says who speaks"')
    with pytest.raises(LeakageError) as caught:
        lookup.find_protocol(None, refused)
    assert str(caught.value) == (
        "my has no protocol that keeps speakers apart: nobody says who speaks. Name one that is "
        "never ranked, such as --protocol random:n=6, or a split of your own with --protocol "
        "file:path=split.csv,leaks=true"
    )
    assert lookup.find_protocol("random:n=3", refused).leaks


def test_a_split_in_the_names_is_a_protocol(root: Path) -> None:
    for name in FILES:
        part = {"s5": "test", "s4": "dev"}.get(name[:2], "train")
        _put(root.parent / "split" / part / name)
    page = PAGE.replace("'(?P<speaker>", "'(?P<split>train|dev|test)/(?P<speaker>")
    dataset = _dataset(root, page=page)
    corpus = dataset.read(root.parent / "split")
    protocol = lookup.find_protocol(None, dataset)
    (fold,) = lookup.make_folds(protocol, corpus)

    assert protocol.name == "split"
    assert fold.test == corpus.of_speakers(["s5"])
    assert fold.validation == corpus.of_speakers(["s4"])
    with pytest.raises(CorpusError, match="is missing"):
        dataset.read(root.parent / "nowhere")


def test_names_are_enough_without_the_corpus(tmp_path: Path) -> None:
    names = ["some/s2_S_1.wav", "s1_H_2", "cover.wav", "s1_H_2.WAV"]
    corpus = _dataset(tmp_path).of_names(names)

    assert [(u.id, u.speaker, u.label, u.sentence) for u in corpus.utterances] == [
        ("s1_H_2", "s1", "happy", "2"),
        ("s1_H_2.WAV", "s1", "happy", "2"),
        ("some/s2_S_1.wav", "s2", "sad", "1"),
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "none of 1 names, such as 'a.wav', is a file of the corpus: write names as in the"),
        (
            '[table]\nfile = "who.csv"\nkey = "name"\ncolumns = { sex = "gender" }\n',
            "names of files do not say everything: the page needs its table who.csv$",
        ),
    ],
)
def test_names_that_are_not_enough_are_refused(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        _dataset(tmp_path, more).of_names(["a.wav"])


def test_a_published_split_is_checked_without_the_corpus(tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    parts = {"s1": "train", "s2": "train", "s3": "test"}
    rows = [f"1,{parts[name[:2]]},wav/{name}" for name in FILES if name[:2] in parts]
    split.write_text("\n".join(["fold,split,utterance", *rows, "1,test,wav/s1_S_1.wav"]))
    (tmp_path / "my.toml").write_text(PAGE, encoding="utf-8")
    command = ["protocol", "check", "--dataset", f"toml:{tmp_path / 'my.toml'}"]
    done = CliRunner().invoke(app, [*command, "--protocol", str(split)])
    assert done.exit_code == 1
    assert "1 of 2 test speakers train (1 of 5 test utterances)" in done.stdout
    assert "wav/s1_S_1.wav is in both train and test in fold 1" in done.stdout
    assert "recordings are not compared: there is no corpus in" in done.stdout
