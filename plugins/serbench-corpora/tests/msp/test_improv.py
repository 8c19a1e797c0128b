"""MSP-IMPROV on a look-alike with real numbers of recordings.

`improv-counts.csv` counts the 8385 names that EMO-SUPERB lists, by speaker, style and roles; 53
recordings that it leaves out are added. The labels of each style are as often as published.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from serbench import Corpus, CorpusError
from serbench.protocols import leakage, lookup
from serbench_corpora.msp.improv import MspImprov, identify, recording

COUNTS = Path(__file__).with_name("improv-counts.csv")
PUBLISHED = {  # recordings of each style: N, H, S, A, O, X
    "P": (1164, 1372, 66, 38, 11, 134),
    "S": (1789, 1048, 633, 470, 70, 371),
    "T": (283, 136, 106, 115, 1, 11),
    "R": (241, 88, 80, 169, 3, 39),
}
SCENARIOS = [f"S{sentence:02}{emotion}" for sentence, emotion in product(range(1, 21), "AHNS")]


def names() -> Iterator[str]:
    with COUNTS.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    listed = Counter({(r["speaker"], r["style"], r["roles"]): int(r["recordings"]) for r in rows})
    assert listed.total() == 8385
    for style, published in PUBLISHED.items():  # the 53 that the list lacks
        known = sum(number for (_, letter, _), number in listed.items() if letter == style)
        listed[min(group for group in listed if group[1] == style)] += sum(published) - known
    for (speaker, style, roles), number in listed.items():
        for place in range(number):
            scenario, turn = SCENARIOS[place % 80], place // 80 + 1
            yield f"{scenario}-{speaker}-{style}-{roles}{turn:02}"


def evaluation(recordings: list[str]) -> str:
    """Return a table of labels as it is published: a line for a video, then one for each vote."""
    letters = {
        style: iter([x for x, n in zip("NHSAOX", numbers, strict=True) for _ in range(n)])
        for style, numbers in PUBLISHED.items()
    }
    return "\n".join(
        f"UTD-IMPROV-{name}.avi; {next(letters[name[9]])}; A:3.000000; V:3.500000; D:NaN ; "
        "N:4.200000;\nuser1; Neutral; Neutral,Other (calm); A:3.000000; V:3.000000; D:NaN; "
        "N:4.000000;\n"
        for name in recordings
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("msp-improv")
    recordings = list(names())
    assert len(set(recordings)) == len(recordings) == 8438
    (root / "Evaluation.txt").write_text(evaluation(recordings))
    (root / "audio.wav").write_bytes(bytes(2000))
    for name in recordings:
        folder = root / f"session{name[7]}" / name[:4] / name[9]
        folder.mkdir(parents=True, exist_ok=True)
        os.link(root / "audio.wav", folder / f"MSP-IMPROV-{name}.wav")
        if name[9] == "R":
            (folder / f"MSP-IMPROV-{name}.avi").touch()
    return root


@pytest.fixture
def copy(tree: Path, tmp_path: Path) -> Path:
    """Links to the folders of the sessions, beside a table that may be changed."""
    for session in range(1, 7):
        (tmp_path / f"session{session}").symlink_to(tree / f"session{session}")
    (tmp_path / "Evaluation.txt").write_text((tree / "Evaluation.txt").read_text())
    return tmp_path


@pytest.fixture(scope="module")
def corpus(tree: Path) -> Corpus:
    return MspImprov().read(tree)


def refusal(root: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        MspImprov().read(root)
    return str(caught.value)


def test_the_release_is_read_as_it_is_unpacked(corpus: Corpus) -> None:
    labels = Counter(u.label for u in corpus.utterances)

    assert labels == {"neutral": 3477, "happy": 2644, "sad": 885, "angry": 792}
    assert len(corpus.speakers) == 12
    assert {u.session for u in corpus.utterances} == set("123456")
    assert all(u.path and u.path.stem == u.id for u in corpus.utterances)
    assert all(u.speaker[2] == u.session for u in corpus.utterances)
    assert all(u.sex[0] == u.speaker[0].lower() for u in corpus.utterances)


def test_the_label_is_what_listeners_heard_and_not_the_target_in_the_name(corpus: Corpus) -> None:
    targets = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}
    heard = Counter(targets[u.id[14]] == u.label for u in corpus.utterances)

    assert heard[False] > 1000


def test_both_speakers_of_a_dialogue_have_its_name() -> None:
    woman, man = (recording(f"MSP-IMPROV-S05H-{who}02-S-MF01", "sad") for who in "FM")

    assert (woman.speaker, man.speaker) == ("F02", "M02")
    assert woman.dialogue == man.dialogue == "2-S05H-MF"
    assert (woman.sentence, woman.attributes) == ("", {"style": "improvised", "scenario": "S05H"})


def test_only_target_sentences_are_known_texts() -> None:
    target, read = (recording(f"MSP-IMPROV-S05H-F02-{end}01", "sad") for end in ("T-FM", "R-FF"))

    assert (target.sentence, target.attributes["style"]) == ("05", "improvised target")
    assert (read.sentence, read.attributes["style"], read.dialogue) == ("05", "read target", "")


def test_other_files_are_no_recordings() -> None:
    names = ("MSP-IMPROV-S01A-F07-P-FM01", "MSP-IMPROV-S01X-F01-P-FM01", "Evaluation", "")
    assert [identify(name) for name in names] == [None] * 4


# ---- copies ----


def test_the_table_may_have_its_other_spelling(copy: Path, corpus: Corpus) -> None:
    (copy / "Evaluation.txt").rename(copy / "Evalution.txt")

    assert MspImprov().read(copy).digest == corpus.digest


def test_a_copy_without_the_table_says_what_lacks(copy: Path) -> None:
    (copy / "Evaluation.txt").unlink()

    assert f"{copy} has no evaluation.txt: copy it from the archive too" in refusal(copy)


def test_a_missing_session_is_counted(copy: Path, corpus: Corpus) -> None:
    (copy / "session4").unlink()
    lost = sum(u.session == "4" for u in corpus.utterances)

    assert f"no audio for {lost} labelled utterances, missing MSP-IMPROV-S01A-F04" in refusal(copy)


def test_a_line_less_says_which_count_is_short(copy: Path) -> None:
    table = copy / "Evaluation.txt"
    table.write_text(table.read_text().replace("-R-FF01.avi; N;", "-R-FF01.avi", 1))

    words = refusal(copy)
    assert "has 8437 of 8438 labelled recordings (read target, neutral has 240 of 241)" in words


def test_a_recording_with_two_labels_is_refused(copy: Path) -> None:
    table = copy / "Evaluation.txt"
    lines = table.read_text().splitlines()
    again = lines[0].replace("; N;", "; S;")
    table.write_text("\n".join([*lines, again]))

    assert again != lines[0]
    assert f"{lines[0][4:].partition('.')[0]} has two labels" in refusal(copy)


def test_an_unknown_letter_is_refused(copy: Path) -> None:
    table = copy / "Evaluation.txt"
    table.write_text(table.read_text().replace(".avi; N;", ".avi; Q;", 1))

    assert "has the label 'Q', but must have one of N, H, S, A, O, X" in refusal(copy)


def test_a_missing_copy_says_how_to_get_it(tmp_path: Path) -> None:
    assert "msp-improv is missing" in refusal(tmp_path)
    assert "ask for it with the agreement on that page" in refusal(tmp_path)


# ---- protocols ----


@pytest.mark.parametrize("name", [None, "emo-superb"])
def test_each_session_is_tested_once_and_shares_nothing(name: str | None, corpus: Corpus) -> None:
    protocol = lookup.find_protocol(name, MspImprov())
    folds = lookup.make_folds(protocol, corpus)
    sessions = {u.id: u.session for u in corpus.utterances}

    assert len(folds) == 6
    assert sorted(id_ for fold in folds for id_ in fold.test) == sorted(corpus.by_id)
    for fold in folds:
        certificate = leakage.certify(corpus, fold, {})
        assert certificate.clean
        assert not any(shared.count for shared in certificate.sessions.values())
        assert not any(shared.count for shared in certificate.dialogues.values())
        (tested,) = {sessions[id_] for id_ in fold.test}
        (validated,) = {sessions[id_] for id_ in fold.validation}
        step = 1 if protocol.name == "session" else -1
        assert (int(validated) - int(tested) - step) % 6 == 0
