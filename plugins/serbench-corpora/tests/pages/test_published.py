"""Every page of the package against the names of the real files.

`names/CORPUS.tsv.xz` lists the files of the corpus and their labels as others found them: no part
of it comes from the page. To add a corpus: write its page, and this list with `write_names.py`.
"""

import csv
import lzma
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import soundfile

from serbench import Corpus, CorpusError, LeakageError, SerbenchError, Utterance
from serbench.plugins import registry
from serbench.protocols import leakage, lookup
from serbench_corpora import pages, subsets
from serbench_corpora.own.audio_folder import UNREAD
from serbench_corpora.pages import reader
from serbench_corpora.pages.corpus import PageCorpus

NAMES = Path(__file__).parent / "names"
FOLDER = Path(pages.__file__).parent
PAGES = sorted(FOLDER.glob("*.toml"))

LARGE = ("asvp-esd", "esd", "meld")  # tens of thousands of files take seconds
corpora = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


@cache
def listed(corpus: str) -> dict[str, str]:
    """The list's label of every file; media that cannot be decoded count as converted to wav."""
    return {
        f"{name.rpartition('.')[0]}.wav" if name.lower().endswith(UNREAD) else name: label
        for name, label, *_ in _lines(corpus)
    }


def _lines(corpus: str) -> list[list[str]]:
    """Name, label and, where the names of the files do not say it, speaker of every file."""
    text = lzma.decompress((NAMES / f"{corpus}.tsv.xz").read_bytes()).decode()
    return [line.split("\t") for line in text.splitlines()]


# ---- tables of the corpora, from the lists alone ----


def _write_csv(path: Path, header: str, rows: Iterable[Iterable[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header.split(","), *rows])


def _write_meld(root: Path) -> None:
    sets: dict[str, list[tuple[str, ...]]] = {}
    for name, label, speaker in _lines("meld"):
        folder, _, file = name.rpartition("/")
        dialogue, turn = re.findall(r"\d+", file.rpartition(".")[0])
        word = re.sub("output_repeated_splits_|_splits.*|.*/", "", folder)
        sets.setdefault(word, []).append((speaker, label, dialogue, turn))
    sets["train"].append(("s1", "neutral", "125", "3"))  # its video is broken
    sets["dev"].append(("s1", "neutral", "110", "7"))
    for word, rows in sets.items():
        _write_csv(root / f"{word}_sent_emo.csv", "Speaker,Emotion,Dialogue_ID,Utterance_ID", rows)


def _write_emozionalmente(root: Path) -> None:
    rows = [  # the list has no speakers
        (name.rpartition("/")[2], f"{index % 431:064x}", "Ciao, come va?", label)
        for index, (name, label) in enumerate(_lines("emozionalmente"))
    ]
    header = "file_name,actor,sentence,emotion_expressed"
    _write_csv(root / "emozionalmente_dataset/metadata/samples.csv", header, rows)


TABLES = {"meld": _write_meld, "emozionalmente": _write_emozionalmente}


@cache
def described(path: Path) -> tuple[PageCorpus, Corpus, dict[str, str]]:
    """The dataset, the corpus that its page makes of the names, and the name of each utterance."""
    dataset = PageCorpus(path)
    rows = None
    if path.stem in TABLES:
        with TemporaryDirectory() as folder:
            TABLES[path.stem](Path(folder))
            rows = reader.read_table(dataset.page, Path(folder))
    names = reader.sort(dataset.page, listed(path.stem), rows)
    assert not names.foreign
    assert not names.again
    utterances = tuple(utterance for _, utterance in names.utterances.values())
    labels = tuple(dict.fromkeys(dataset.page.labels.values()))
    files = {key: name for key, (name, _) in names.utterances.items()}
    return dataset, Corpus(path.stem, labels, utterances, "raw"), files


@corpora
def test_the_real_names_have_the_counts_of_the_page(page: Path) -> None:
    dataset, corpus, _ = described(page)
    counts = dataset.page.counts

    assert counts.label
    assert Counter(u.label for u in corpus.utterances) == counts.label
    assert len(corpus.utterances) == counts.utterances
    assert len(corpus.speakers) == counts.speakers
    spoken = Counter(u.speaker for u in corpus.utterances if u.speaker)
    assert not counts.speaker or spoken == counts.speaker


@corpora
def test_the_labels_are_those_that_others_found(page: Path) -> None:
    _, corpus, files = described(page)
    pairs = {(u.label, listed(page.stem)[files[u.id]]) for u in corpus.utterances}

    assert len(pairs) == len({label for label, _ in pairs}) == len({other for _, other in pairs})


@corpora
def test_a_speaker_has_one_sex_and_one_age(page: Path) -> None:
    _, corpus, _ = described(page)
    known = {(u.speaker, u.sex, u.attributes.get("age")) for u in corpus.utterances if u.speaker}
    if page.stem == "asvp-esd":
        ages = Counter(speaker for speaker, _, age in known if age)
        assert sum(times > 1 for times in ages.values()) == 76  # groups of people
        return

    assert len(known) == len(corpus.speakers)


@corpora
def test_the_default_protocol_keeps_speakers_apart_or_says_why_not(page: Path) -> None:
    dataset, corpus, _ = described(page)
    rule = dataset.page.protocol
    if rule.kind == "refused":
        with pytest.raises(LeakageError, match="has no protocol that keeps speakers apart"):
            lookup.find_protocol(None, dataset)
        return
    protocol = lookup.find_protocol(None, dataset)
    folds = lookup.make_folds(protocol, corpus)
    certificates = [leakage.certify(corpus, fold, {}) for fold in folds]

    assert protocol.leaks == rule.reason
    assert all(certificate.clean for certificate in certificates) or rule.kind == "declared"
    if rule.kind == "disjoint" and protocol.name != "split":
        tested = Counter(id_ for fold in folds for id_ in fold.test)
        assert tested == Counter(u.id for u in corpus.utterances if u.speaker)
        assert all(set(corpus.speakerless) <= set(fold.train) for fold in folds)
        largest = max(len(corpus.of_speakers([speaker])) for speaker in corpus.speakers)
        assert max(len(fold.test) for fold in folds) <= len(tested) / len(folds) + largest


LACKING = {
    "emo-db": {("disgust", "08")},
    "emov-db": {("angry", "josh"), ("disgust", "josh")},
}
"""By corpus, the labels that a test set of its default protocol lacks, with the fold."""


@corpora
def test_every_test_set_has_all_labels(page: Path) -> None:
    dataset, corpus, _ = described(page)
    if dataset.page.protocol.kind == "refused":
        return
    folds = lookup.make_folds(lookup.find_protocol(None, dataset), corpus)
    lacking = {
        (label, fold.name)
        for fold in folds
        for label in set(corpus.labels).difference(corpus.by_id[id_].label for id_ in fold.test)
    }
    assert lacking == LACKING.get(page.stem, set())


@corpora
def test_the_entry_says_what_the_page_says(page: Path) -> None:
    entry = registry.find("dataset", page.stem)
    dataset = registry.load(entry)()
    described_page = dataset.page

    assert isinstance(dataset, PageCorpus)
    assert all(vars(dataset.about).values())
    for name in ("summary", "language", "licence", "utterances", "labels"):
        assert getattr(entry, name), name
    assert entry.speakers or described_page.protocol.kind == "refused"
    assert entry.speakers == described_page.counts.speakers
    assert entry.utterances == described_page.counts.utterances
    assert entry.labels == described_page.n_labels


@pytest.fixture
def utterance(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"  # one for each corpus: a file has 65 000 hard links at most
    soundfile.write(path, np.sin(np.arange(1600) / 5) / 2, 16_000)
    return path


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow if page.stem in LARGE else ()) for page in PAGES],
    ids=lambda path: path.stem,
)
def test_a_complete_copy_is_read_and_another_one_says_which_count_is_short(
    page: Path, tmp_path: Path, utterance: Path
) -> None:
    dataset, corpus, files = described(page)
    root = tmp_path / "corpus"
    for name in listed(page.stem):  # hard links to one file
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(utterance, root / name)
    if page.stem in TABLES:
        TABLES[page.stem](root)

    read = dataset.read(root)
    assert read.digest == corpus.digest
    assert all(u.path and u.path.is_file() for u in read.utterances)

    gone = corpus.utterances[len(corpus.utterances) // 2]
    (root / files[gone.id]).unlink()
    total = Counter(u.label for u in corpus.utterances)[gone.label]
    with pytest.raises(CorpusError) as caught:
        dataset.read(root)
    assert f"{len(corpus.utterances) - 1} of {len(corpus.utterances)} utterances" in str(
        caught.value
    )
    assert f"label {gone.label} has {total - 1} of {total}" in str(caught.value)


@corpora
def test_a_missing_copy_says_how_to_get_it(page: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"{page.stem} is missing") as caught:
        described(page)[0].read(tmp_path / "nowhere")

    assert described(page)[0].about.obtain in str(caught.value)


# ---- known defects and other layouts ----

OTHERS: dict[str, Callable[[str], str]] = {
    "aesdd": lambda name: name.replace(" (01)", " (1)"),
    "cafe": lambda name: name.replace(".wav", ".aiff"),  # at 192 kHz
    "esd": lambda name: name.replace("/0", "/train/0"),  # with the folders of the split
    "emov-db": lambda name: (
        name.replace("-", "_", 1)
        .lower()
        .replace(name.partition("/")[0].lower(), name.partition("/")[0])
    ),
    "enterface": lambda name: name.replace(" ", "-"),  # as others advise
    "savee": lambda name: name.replace("_", "/", 1),  # as published: a folder a speaker
    "shemo": lambda name: name.rpartition("/")[2],  # both archives in one folder
    "subesco": lambda name: name.replace("]", ""),
    "tess": lambda name: name.replace("OAF_bite_neutral", "OA_bite_neutral"),
}


def _sorted(corpus: str, *names: str) -> list[Utterance]:
    found = reader.sort(PageCorpus(FOLDER / f"{corpus}.toml").page, names)
    return [utterance for _, utterance in found.utterances.values()]


def _published(corpus: str) -> Corpus:
    return described(FOLDER / f"{corpus}.toml")[1]


def _write(root: Path, name: str, content: bytes = b"audio") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)


def _refusal(corpus: str, root: Path) -> str:
    with pytest.raises(SerbenchError) as caught:
        PageCorpus(FOLDER / f"{corpus}.toml").read(root)
    return str(caught.value)


@pytest.mark.parametrize("corpus", OTHERS)
def test_other_copies_are_the_same_corpus(corpus: str) -> None:
    names = [OTHERS[corpus](name) for name in listed(corpus)]
    assert names != list(listed(corpus))
    published = _published(corpus)
    copy = Corpus(corpus, published.labels, tuple(_sorted(corpus, *names)), "raw")

    assert copy.digest == published.digest


# ---- labels and speakers ----


@pytest.mark.parametrize(
    ("corpus", "name", "label", "speaker", "sex"),
    [
        ("emovo", "f1/sor-m1-b1.wav", "surprised", "m1", "male"),
        ("cafe", "Dégoût/Fort/02-D-2-3.wav", "disgust", "02", "female"),
        ("cafe", "11-S-1-6.wav", "surprised", "11", "male"),
        ("cafe", "11-T-1-6.wav", "sad", "11", "male"),
        ("jl-corpus", "female1_sad_1a_2.wav", "sad", "female1", "female"),
        ("jl-corpus", "male1_excited_15b_1.wav", "excited", "male1", "male"),
        ("oreau", "f/sessp/24a03Pa.wav", "fearful", "24", "female"),
        ("savee", "DC/su01.wav", "surprised", "DC", "male"),
        ("savee", "DC_sa01.wav", "sad", "DC", "male"),
        ("shemo", "male/M02F01.wav", "fearful", "M02", "male"),
        ("shemo", "female/F14S09.wav", "sad", "F14", "female"),
        ("subesco", "M_02_NIPUN_S_10_FEAR_5.wav", "fearful", "M_02", "male"),
        ("urdu", "Sad/SF10_F1_S01.wav", "sad", "SF10", "female"),
    ],
)
def test_names_that_are_easily_misread(
    corpus: str, name: str, label: str, speaker: str, sex: str
) -> None:
    (utterance,) = _sorted(corpus, name)

    assert (utterance.label, utterance.speaker, utterance.sex) == (label, speaker, sex)


def test_neutral_utterances_of_cafe_have_no_intensity() -> None:
    counted = Counter(
        (utterance.label == "neutral", utterance.attributes.get("intensity"))
        for utterance in _published("cafe").utterances
    )

    assert counted == {(True, None): 72, (False, "weak"): 432, (False, "strong"): 432}


def test_the_primary_emotions_of_jl_corpus_are_a_label_set() -> None:
    primary = PageCorpus(FOLDER / "jl-corpus.toml").label_sets["primary"]
    kept = [u for u in _published("jl-corpus").utterances if u.label in primary]

    assert list(primary.values()) == ["neutral", "happy", "sad", "angry", "excited"]
    assert len(kept) == 1200


def test_the_number_of_an_esd_file_gives_its_emotion() -> None:
    numbered = ("neutral", "angry", "happy", "sad", "surprised")
    utterances = _published("esd").utterances

    assert all(u.label == numbered[(int(u.id[-6:]) - 1) // 350] for u in utterances)


def test_an_esd_file_in_the_folder_of_another_emotion_or_speaker_does_not_fit() -> None:
    folders = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
    for number in (0, 1, 350, 351, 700, 701, 1050, 1051, 1400, 1401, 1750, 1751):
        right = (number - 1) // 350 if 0 < number < 1751 else None
        for position, folder in enumerate(folders):
            fits = _sorted("esd", f"0020/{folder}/test/0020_{number:06}.wav")
            assert bool(fits) is (position == right), (folder, number)
    assert not _sorted("esd", "0002/Neutral/0001_000001.wav")


def test_the_split_of_esd_is_no_protocol() -> None:
    assert not PageCorpus(FOLDER / "esd.toml").protocols


def test_a_sentence_of_oreau_and_jl_corpus_belongs_to_an_emotion() -> None:
    oreau, jl_corpus = (
        {(u.sentence, u.label) for u in _published(name).utterances}
        for name in ("oreau", "jl-corpus")
    )

    assert len(oreau) == len({sentence for sentence, _ in oreau})
    assert len(jl_corpus) == len({sentence for sentence, _ in jl_corpus}) == 150


def test_the_folders_of_oreau_agree_with_names_and_sexes() -> None:
    _, corpus, files = described(FOLDER / "oreau.toml")
    for utterance in corpus.utterances:
        sex, session, name = files[utterance.id].split("/")[-3:]
        assert utterance.sex[0] == sex
        assert session[-1].upper() == name[5]


# ---- copies ----


def test_shemo_without_the_utterances_that_lack_transcripts_is_refused(tmp_path: Path) -> None:
    kept = {"neutral": 1018, "angry": 1034, "sad": 360, "surprised": 199, "happy": 198}
    taken: Counter[str] = Counter()
    for name, utterance in reader.sort(
        PageCorpus(FOLDER / "shemo.toml").page, listed("shemo")
    ).utterances.values():
        taken[utterance.label] += 1
        if taken[utterance.label] <= kept.get(utterance.label, 29):
            _write(tmp_path, name)
    words = _refusal("shemo", tmp_path)

    assert "has 2838 of 3000 utterances (label angry has 1034 of 1059, " in words
    assert "fearful has 29 of 38" in words
    assert "the 2838 utterances that have transcripts are not the whole corpus" in words


def test_cafe_in_two_editions_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "CaFE_48k/Neutre/01-N-1-1.wav")
    _write(tmp_path, "CaFE_192k_1/Neutre/01-N-1-1.aiff", b"audio at 192 kHz")

    assert "are different files of one utterance: keep one of them" in _refusal("cafe", tmp_path)


def test_aesdd_names_pad_speakers_with_zeros_and_have_takes() -> None:
    utterances = _sorted("aesdd", "disgust/d03 (01).wav", "s01 (5)a.wav", "s01 (5)b.wav")

    assert [(u.id, u.speaker, u.repetition) for u in utterances] == [
        ("d03_1", "1", ""),
        ("s01_5a", "5", "a"),
        ("s01_5b", "5", "b"),
    ]


def test_the_unreadable_file_of_aesdd_is_left_out(tmp_path: Path) -> None:
    for name in (*listed("aesdd"), "sadness/s05 (3).wav"):
        _write(tmp_path, name)
    corpus = PageCorpus(FOLDER / "aesdd.toml").read(tmp_path)

    assert corpus.digest == _published("aesdd").digest
    assert corpus.remarks == ("1 file left out, s05 (3): it has no audio that can be decoded",)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_other_folder_of_oreau_is_not_searched(form: str, tmp_path: Path) -> None:
    first = unicodedata.normalize(form, "OréauFR_01")
    for name in listed("oreau"):
        _write(tmp_path, name)
        _write(tmp_path, f"{first}/m/{name.rpartition('/')[2]}", b"other audio")
    corpus = PageCorpus(FOLDER / "oreau.toml").read(tmp_path)

    assert corpus.digest == _published("oreau").digest


def test_a_speaker_of_urdu_has_most_of_an_emotion() -> None:
    corpus = _published("urdu")
    cells = Counter((u.speaker, u.label) for u in corpus.utterances)
    assert (cells["SM5", "neutral"], cells["SM4", "angry"]) == (72, 48)
    assert cells["SM24", "sad"] + cells["SM25", "sad"] == 78

    dataset = PageCorpus(FOLDER / "urdu.toml")
    for name, complete in (("kfold:n=3", True), ("kfold:n=4", False), ("loso", False)):
        folds = lookup.make_folds(lookup.find_protocol(name, dataset), corpus)
        labels = [{corpus.by_id[id_].label for id_ in fold.test} for fold in folds]
        assert all(found == set(corpus.labels) for found in labels) is complete, name


def test_an_incomplete_esd_says_which_speaker_is_short() -> None:
    dataset = PageCorpus(FOLDER / "esd.toml")
    names = reader.sort(dataset.page, list(listed("esd"))[:-1])
    utterances = [utterance for _, utterance in names.utterances.values()]
    with pytest.raises(CorpusError) as caught:
        reader.require_counts(dataset.page, Path("ESD"), utterances, names)

    assert "ESD has 34999 of 35000 utterances (label surprised has 6999 of 7000; speaker 0020 " in (
        str(caught.value)
    )


def test_files_of_two_subjects_of_enterface_have_the_same_names() -> None:
    _, corpus, files = described(FOLDER / "enterface.toml")
    by_name = Counter(Path(files[u.id]).name for u in corpus.utterances)
    repeated = {name for name, count in by_name.items() if count > 1}
    speakers = {u.speaker for u in corpus.utterances if Path(files[u.id]).name in repeated}

    assert len(repeated) == 30
    assert speakers == {"11", "12"}
    assert files["s2_anger_2"] == "subject 2/anger/sentence 2/s2_an_1.wav"
    assert files["s3_fear_5"] == "subject 3/fear/sentence 5/s_3_fe_5.wav"
    assert "s16_surprise_3" in files


def test_the_long_recordings_of_enterface_are_left_out() -> None:
    dataset = PageCorpus(FOLDER / "enterface.toml")

    assert reader.sort(dataset.page, listed("enterface")).dropped == {"subject?6/*": 6}


def test_one_speaker_of_emov_db_has_neither_angry_nor_disgust() -> None:
    _, corpus, _ = described(FOLDER / "emov-db.toml")
    styles = {s: {u.label for u in corpus.utterances if u.speaker == s} for s in corpus.speakers}

    assert styles.pop("josh") == {"neutral", "amused", "sleepy"}
    assert all(labels == set(corpus.labels) for labels in styles.values())


def test_the_voices_of_mesd_are_no_speakers() -> None:
    dataset, corpus, _ = described(FOLDER / "mesd.toml")
    voices = {(u.attributes["voice"], u.sex) for u in corpus.utterances}

    assert voices == {("child", ""), ("woman", "female"), ("man", "male")}
    assert corpus.speakers == ()
    with pytest.raises(LeakageError, match="not which of the eleven speakers it is"):
        lookup.find_protocol(None, dataset)
    folds = lookup.make_folds(lookup.find_protocol("random:n=6", dataset), corpus)
    assert sum(len(fold.test) for fold in folds) == 862


def test_names_of_asvp_esd_that_deviate() -> None:
    utterances = _sorted(
        "asvp-esd",
        "Audio/actor_88/03-01-01-02-01-88-02-04.wav",  # a field less
        "Audio/actor_/03-02-13-01-04-54-02-02-02-31-01.wav",  # breath, in a folder without actor
        "Audio/actor_59/03-02-06-11-28-59-02-02-02-11.wav",  # an intensity without a meaning
        "Bonus/actor_150/03-02-04-01-52-150-04-01-00-14 -01.wav",
        "Bonus/actor_150/03-02-04-01-13-150-0401-00-14-01.wav",
        "Audio/actor_1/03-01-02-01-18-01-106-02-02-19.wav",  # of actor 1 or 106
        "Bonus/actor_200/03-01-17-01-02-200-05-02-01-12.wav",
    )
    attributes = [
        (u.speaker, u.label, *map(u.attributes.get, ("intensity", "age", "language")))
        for u in utterances
    ]

    assert attributes == [
        ("88", "bored", "high", "20 to 64", None),
        ("54", "breath", "normal", "20 to 64", "English"),
        ("59", "fearful", None, "20 to 64", "English"),
        ("150", "sad", "normal", "baby", None),
        ("150", "sad", "normal", None, None),
    ]


def test_speech_of_asvp_esd_is_a_subset() -> None:
    _, corpus, _ = described(FOLDER / "asvp-esd.toml")
    maker = registry.load(registry.find("dataset", "asvp-esd"))
    whole, speech, other = (maker(subset=name) for name in ("all", "speech", "non-speech"))
    parts = [
        subsets.part(corpus, dataset.page.subsets[name])
        for dataset, name in ((speech, "speech"), (other, "non-speech"))
    ]

    assert [len(part.utterances) for part in parts] == [5131, 8824]
    assert set(corpus.by_id) == {id_ for part in parts for id_ in part.by_id}
    assert set(speech.label_sets["asvp-esd"]) == {u.label for u in parts[0].utterances}
    assert set(other.label_sets["asvp-esd"]) == set(corpus.labels)
    assert len({dataset.page_digest for dataset in (whole, speech, other)}) == 3
    assert {dataset.speaker_space for dataset in (whole, speech, other)} == {"asvp-esd"}


def test_the_balanced_test_set_of_emobox_is_a_subset_of_savee() -> None:
    _, corpus, _ = described(FOLDER / "savee.toml")
    dataset = registry.load(registry.find("dataset", "savee"))(subset="emobox-balanced")
    part = subsets.part(corpus, dataset.page.subsets["emobox-balanced"])
    cells = Counter((u.speaker, u.label) for u in part.utterances)
    labels = ["neutral", "happy", "sad", "angry"]

    assert list(dataset.label_sets["savee"]) == labels
    assert cells == {(speaker, label): 15 for speaker in corpus.speakers for label in labels}


def test_the_sets_of_meld_repeat_names_and_share_speakers() -> None:
    dataset, corpus, files = described(Path(pages.__file__).with_name("meld.toml"))
    labels = [corpus.by_id[f"{part}_dia0_utt0"].label for part in ("train", "dev", "test")]
    (fold,) = lookup.make_folds(lookup.find_protocol(None, dataset), corpus)
    training = {corpus.by_id[id_].speaker for id_ in fold.train}
    certificate = leakage.certify(corpus, fold, {})

    assert labels == ["neutral", "sad", "surprised"]
    assert len({Path(name).name for name in files.values()}) < len(files)
    assert (len(fold.train), len(fold.validation), len(fold.test)) == (9988, 1108, 2610)
    assert sum(corpus.by_id[id_].speaker in training for id_ in fold.test) == 2501
    assert not certificate.clean
    dialogues = [{corpus.by_id[id_].dialogue for id_ in ids} for ids in (fold.train, fold.test)]
    assert not dialogues[0] & dialogues[1]


def test_known_defects_of_meld_are_left_out() -> None:
    dataset, corpus, _ = described(Path(pages.__file__).with_name("meld.toml"))
    defects = [
        "train/train_splits/dia125_utt3.wav",
        "dev_splits_complete/dia110_utt7.wav",
        "dev_splits_complete/dia66_utt9.wav",
        "dev_splits_complete/dia66_utt10.wav",
        "dev_splits_complete/dia49_utt4.wav",
        "dev_splits_complete/dia49_utt5.wav",
        "output_repeated_splits_test/dia108_utt2.wav",
    ]
    others = ["output_repeated_splits_test/final_videos_testdia108_utt1.wav"]
    with TemporaryDirectory() as folder:
        TABLES["meld"](Path(folder))
        rows = reader.read_table(dataset.page, Path(folder))
    names = reader.sort(dataset.page, [*listed("meld"), *defects, *others], rows)

    assert len(names.utterances) == len(corpus.utterances)
    assert names.dropped.total() == 7
    assert names.foreign == others
