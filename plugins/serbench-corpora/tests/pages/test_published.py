"""Every page of the package against the names of the real files.

`names/CORPUS.tsv.xz` lists the files of the corpus and their labels as others found them: no part
of it comes from the page. To add a corpus: write its page, and this list with `write_names.py`.
"""

import lzma
import os
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serbench import Corpus, CorpusError, LeakageError
from serbench.plugins import registry
from serbench.protocols import leakage, lookup
from serbench_corpora import pages
from serbench_corpora.own.audio_folder import UNREAD
from serbench_corpora.pages import reader
from serbench_corpora.pages.corpus import PageCorpus

NAMES = Path(__file__).parent / "names"
PAGES = sorted(Path(pages.__file__).parent.glob("*.toml"))

corpora = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


@cache
def listed(corpus: str) -> dict[str, str]:
    """The list's label of every file; media that cannot be decoded count as converted to wav."""
    text = lzma.decompress((NAMES / f"{corpus}.tsv.xz").read_bytes()).decode()
    files = dict(line.split("\t") for line in text.splitlines())
    return {
        f"{name.rpartition('.')[0]}.wav" if name.lower().endswith(UNREAD) else name: label
        for name, label in files.items()
    }


@cache
def described(path: Path) -> tuple[PageCorpus, Corpus, dict[str, str]]:
    """The dataset, the corpus that its page makes of the names, and the name of each utterance."""
    dataset = PageCorpus(path)
    names = reader.sort(dataset.page, listed(path.stem))
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


@pytest.fixture(scope="module")
def utterance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "a.wav"
    soundfile.write(path, np.sin(np.arange(1600) / 5) / 2, 16_000)
    return path


@corpora
def test_a_complete_copy_is_read_and_another_one_says_which_count_is_short(
    page: Path, tmp_path: Path, utterance: Path
) -> None:
    dataset, corpus, files = described(page)
    root = tmp_path / "corpus"
    for name in listed(page.stem):  # hard links to one file
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(utterance, root / name)

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

OTHERS = {
    "emov-db": lambda name: (
        name.replace("-", "_", 1)
        .lower()
        .replace(name.partition("/")[0].lower(), name.partition("/")[0])
    ),
    "enterface": lambda name: name.replace(" ", "-"),  # as others advise
    "savee": lambda name: name.replace("_", "/", 1),  # as published: a folder a speaker
    "tess": lambda name: name.replace("OAF_bite_neutral", "OA_bite_neutral"),
}


@pytest.mark.parametrize("corpus", OTHERS)
def test_other_copies_are_the_same_corpus(corpus: str) -> None:
    dataset, published, _ = described(Path(pages.__file__).with_name(f"{corpus}.toml"))
    names = [OTHERS[corpus](name) for name in listed(corpus)]
    assert names != list(listed(corpus))
    utterances = tuple(u for _, u in reader.sort(dataset.page, names).utterances.values())

    assert Corpus(corpus, published.labels, utterances, "raw").digest == published.digest


def test_files_of_two_subjects_of_enterface_have_the_same_names() -> None:
    _, corpus, files = described(Path(pages.__file__).with_name("enterface.toml"))
    by_name = Counter(Path(files[u.id]).name for u in corpus.utterances)
    repeated = {name for name, count in by_name.items() if count > 1}
    speakers = {u.speaker for u in corpus.utterances if Path(files[u.id]).name in repeated}

    assert len(repeated) == 30
    assert speakers == {"11", "12"}
    assert files["s2_anger_2"] == "subject 2/anger/sentence 2/s2_an_1.wav"
    assert files["s3_fear_5"] == "subject 3/fear/sentence 5/s_3_fe_5.wav"
    assert "s16_surprise_3" in files


def test_the_long_recordings_of_enterface_are_left_out() -> None:
    dataset = PageCorpus(Path(pages.__file__).with_name("enterface.toml"))

    assert reader.sort(dataset.page, listed("enterface")).dropped == {"subject?6/*": 6}


def test_one_speaker_of_emov_db_has_neither_angry_nor_disgust() -> None:
    _, corpus, _ = described(Path(pages.__file__).with_name("emov-db.toml"))
    styles = {s: {u.label for u in corpus.utterances if u.speaker == s} for s in corpus.speakers}

    assert styles.pop("josh") == {"neutral", "amused", "sleepy"}
    assert all(labels == set(corpus.labels) for labels in styles.values())


def test_the_voices_of_mesd_are_no_speakers() -> None:
    dataset, corpus, _ = described(Path(pages.__file__).with_name("mesd.toml"))
    voices = {(u.attributes["voice"], u.sex) for u in corpus.utterances}

    assert voices == {("child", ""), ("woman", "female"), ("man", "male")}
    assert corpus.speakers == ()
    with pytest.raises(LeakageError, match="not which of the eleven speakers it is"):
        lookup.find_protocol(None, dataset)
    folds = lookup.make_folds(lookup.find_protocol("random:n=6", dataset), corpus)
    assert sum(len(fold.test) for fold in folds) == 862
