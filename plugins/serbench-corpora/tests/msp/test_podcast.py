"""MSP-Podcast on small look-alikes, and on one with as many turns as edition 1.11."""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count, cycle
from pathlib import Path

import pytest

from serbench import Corpus, CorpusError, LeakageError
from serbench.protocols import leakage, lookup
from serbench_corpora.msp.podcast import EDITIONS, LABEL_SETS, MspPodcast, identify

HEAD = ["FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set"]
SMALL = {"small": {"turns": 90, "development": 20, "test1": 20}}
SPEAKERS = {  # Test1 and Test2 share speaker 30
    "Train": ("1", "2", "3", "Unknown"),
    "Development": ("20", "21"),
    "Test1": ("30", "31"),
    "Test2": ("30", "40"),
}

Row = tuple[str, ...]


def rows(sizes: dict[str, int]) -> Iterator[Row]:
    """Yield rows of the table of labels, with names as in new and in old podcasts."""
    letters, numbers = cycle("NHSAFDUCOX"), count(1)
    for part, size in sizes.items():
        for place in range(size):
            number = next(numbers)
            name = f"MSP-PODCAST_{number // 50:04}_{number % 9999:04}"
            name += "" if place % 2 else f"_{number % 9973:04}"
            speaker = SPEAKERS[part][place // 10 % len(SPEAKERS[part])]
            gender = "Unknown" if speaker == "Unknown" else ("Male", "Female")[int(speaker) % 2]
            row = (name + ".wav", next(letters), "4.200000", "3.8", "4", speaker, gender, part)
            yield row


def write(root: Path, table: Sequence[Row], name: str = "labels_consensus.csv") -> Path:
    """Write a table, and the audio that it lists and two turns of Test3."""
    (root / "Labels").mkdir(parents=True)
    (root / "Audios").mkdir()
    with (root / "Labels" / name).open("w", newline="") as stream:
        csv.writer(stream).writerows([HEAD, *table])
    for number, (file, *_) in enumerate([*table, ("MSP-PODCAST_test3_0001.wav",)]):
        if number % 50_000 == 0:  # a file has 65 000 links at most
            (audio := root / f"{number}.wav").write_bytes(bytes(2000))
        os.link(audio, root / "Audios" / file)
    return root


@pytest.fixture
def table() -> list[Row]:
    return list(rows({"Train": 40, "Development": 20, "Test1": 20, "Test2": 10}))


@pytest.fixture
def corpus(tmp_path: Path, table: list[Row]) -> Corpus:
    return MspPodcast().read(write(tmp_path / "msp-podcast", table), SMALL)


def refusal(root: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        MspPodcast().read(root, SMALL)
    return str(caught.value)


def test_eight_emotions_are_read_with_what_the_table_says(corpus: Corpus) -> None:
    first = corpus.by_id["MSP-PODCAST_0000_0001_0001"]

    assert corpus.labels == (
        *("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised", "contempt"),
    )
    assert len(corpus.utterances) == 72
    assert (first.label, first.speaker, first.sex, first.session) == (
        *("neutral", "1", "female", "0000"),
    )
    assert first.attributes == {
        "set": "train",
        "arousal": "4.200000",
        "valence": "3.8",
        "dominance": "4",
    }
    assert corpus.remarks == (
        "edition small; 18 turns without agreement or with another emotion left out",
    )


def test_unknown_speakers_have_no_name_and_only_train(corpus: Corpus) -> None:
    (fold,) = lookup.make_folds(lookup.find_protocol(None, MspPodcast()), corpus)
    certificate = leakage.certify(corpus, fold, {})

    assert len(corpus.speakerless) == 8
    assert set(corpus.speakerless) < set(fold.train)
    assert certificate.clean
    assert certificate.speakerless == {"train": 8, "validation": 0, "test": 0}
    for folds in ("kfold:n=3", "loso"):
        made = lookup.make_folds(lookup.find_protocol(folds, MspPodcast()), corpus)
        assert all(set(corpus.speakerless) <= set(each.train) for each in made)


@pytest.mark.parametrize(("name", "part"), [("split", "test1"), ("split-test2", "test2")])
def test_no_test_set_trains_for_the_other(name: str, part: str, corpus: Corpus) -> None:
    (fold,) = lookup.make_folds(lookup.find_protocol(name, MspPodcast()), corpus)
    sets = [
        {corpus.by_id[id_].attributes["set"] for id_ in ids}
        for ids in (fold.train, fold.validation, fold.test)
    ]
    assert sets == [{"train"}, {"development"}, {part}]


def test_a_copy_whose_sets_share_speakers_is_refused(tmp_path: Path, table: list[Row]) -> None:
    wrong = [(*row[:5], "30", *row[6:]) if row[5] == "1" else row for row in table]
    corpus = MspPodcast().read(write(tmp_path / "msp-podcast", wrong), SMALL)
    protocol = lookup.find_protocol(None, MspPodcast())
    folds = lookup.make_folds(protocol, corpus)

    with pytest.raises(LeakageError, match=r"train and test share 1 speaker \(30\)"):
        leakage.require_clean(protocol, leakage.check(corpus, folds, {}))


def test_four_emotions_are_a_label_set() -> None:
    assert list(LABEL_SETS["four"]) == ["neutral", "happy", "sad", "angry"]


def test_hidden_turns_and_other_files_are_no_utterances() -> None:
    names = ("MSP-PODCAST_test3_0001", "BIIC-PODCAST_1000_0321_0003", "labels_consensus", "")
    assert [identify(name) for name in names] == [None] * 4


# ---- copies ----


def test_older_names_of_table_and_sets_are_read(tmp_path: Path, table: list[Row]) -> None:
    older = [(*row[:7], row[7].replace("Development", "Validation")) for row in table]
    new, old = (
        MspPodcast().read(write(tmp_path / name, written, name), SMALL)
        for name, written in (("labels_consensus.csv", table), ("labels_concensus.csv", older))
    )

    assert old.digest == new.digest
    assert {u.attributes["set"] for u in old.utterances} == {
        *("train", "development", "test1", "test2"),
    }


def test_rows_without_labels_are_not_counted(tmp_path: Path, table: list[Row]) -> None:
    hidden = ("MSP-PODCAST_test3_0001.wav", "", "", "", "", "", "", "Test3")
    root = write(tmp_path / "msp-podcast", table)
    with (root / "Labels/labels_consensus.csv").open("a", newline="") as stream:
        csv.writer(stream).writerow(hidden)

    assert len(MspPodcast().read(root, SMALL).utterances) == 72


def test_tables_of_previous_releases_are_not_read(tmp_path: Path, table: list[Row]) -> None:
    root = write(tmp_path / "msp-podcast", table)
    old = root / "Previous_releases_information"
    write(old / "1.8", [(*row[:1], "N", *row[2:]) for row in table])
    (root / "Labels/labels_consensus.csv").rename(root / "Labels/a.csv")

    assert "has no labels_consensus.csv: copy it from the archive too" in refusal(root)


def test_a_table_of_another_size_says_which_count_is_short(
    tmp_path: Path, table: list[Row]
) -> None:
    root = write(tmp_path / "msp-podcast", [row for row in table if row != table[65]])
    words = refusal(root)

    assert "has 89 labelled turns, which is no edition known here (small)" in words
    assert "differs least from small: test1 has 19 of 20; turns has 89 of 90" in words
    with pytest.raises(CorpusError, match=r"no edition known here \(1\.8, 1\.11, 1\.12, 2\.0\)"):
        MspPodcast().read(root)


def test_missing_audio_is_counted(tmp_path: Path, table: list[Row]) -> None:
    root = write(tmp_path / "msp-podcast", table)
    (root / "Audios/MSP-PODCAST_0000_0002.wav").unlink()

    words = refusal(root)
    assert "has no audio for 1 labelled utterances, missing MSP-PODCAST_0000_0002" in words
    assert "unpack the audio of the same edition as the table" in words


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        (1, "Q", "line 2: there is no code 'Q' in the column EmoClass"),
        (6, "Mal", "line 2: there is no code 'Mal' in the column Gender"),
        (7, "Tset1", "line 2: there is no code 'Tset1' in the column Split_Set"),
        (0, "turn.wav", "line 2: 'turn.wav' is not the name of a turn"),
        (0, "MSP-PODCAST_0000_0002.wav", "MSP-PODCAST_0000_0002 has two rows"),
    ],
)
def test_a_broken_row_is_refused(
    column: int, text: str, words: str, tmp_path: Path, table: list[Row]
) -> None:
    root = write(tmp_path / "msp-podcast", table)
    first = [*table[0][:column], text, *table[0][column + 1 :]]
    with (root / "Labels/labels_consensus.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([HEAD, first, *table[1:]])

    assert words in refusal(root)


def test_a_table_without_a_column_is_refused(tmp_path: Path, table: list[Row]) -> None:
    root = write(tmp_path / "msp-podcast", table)
    path = root / "Labels/labels_consensus.csv"
    path.write_text(path.read_text().replace("SpkrID", "Speaker"))

    assert "there is no column 'SpkrID' in" in refusal(root)
    assert "'SpkrID'" in refusal(root)


def test_a_missing_copy_says_how_to_get_it(tmp_path: Path) -> None:
    assert "msp-podcast is missing" in refusal(tmp_path)
    assert "ask for it with the agreement on that page" in refusal(tmp_path)


@pytest.mark.slow
def test_an_edition_of_published_size_is_read(tmp_path: Path) -> None:
    parts = {"Train": 84_030, "Development": 19_815, "Test1": 30_647, "Test2": 14_815}
    table = list(rows(parts))
    corpus = MspPodcast().read(write(tmp_path / "msp-podcast", table))

    assert corpus.remarks[0].startswith("edition 1.11; ")
    assert len(table) == 151_654 - 2_347  # turns of Test3, which have no labels
    counted = Counter(u.attributes["set"] for u in corpus.utterances)
    assert counted.total() == sum(row[1] not in "OX" for row in table)
    assert set(EDITIONS["1.11"]) == set(counted)
