"""Several corpora as one dataset, and the protocol that leaves one of them out."""

import pytest

import serbench
from serbench import datasets
from serbench.errors import BadParameter, SerbenchError
from serbench.protocols import leakage, lookup
from serbench.settings import settings

pytestmark = pytest.mark.usefixtures("places")


def folds(corpus):
    source = datasets.find(corpus.name, settings())
    return lookup.make_folds(lookup.find_protocol(None, source.dataset), corpus)


def test_ids_speakers_and_corpora_are_told_apart():
    source = datasets.find("joint:toy+tones", settings())
    corpus = datasets.manifest(source, "shared:low=sad,high=happy")  # needs no audio
    assert corpus.name == "joint:tones+toy"  # the corpora in one order, so one run
    assert corpus.label_set == "shared:high=happy,low=sad"
    assert corpus.labels == ("sad", "happy")
    assert {each.corpus for each in corpus.utterances} == {"toy", "tones"}
    assert "tones/s1" in corpus.speakers
    assert all(each.id.startswith(f"{each.corpus}/") for each in corpus.utterances)


def test_each_corpus_is_left_out_once_and_its_speakers_never_train():
    corpus = serbench.read_corpus("joint:tones:takes=2+tones+tones:takes=1")
    made = folds(corpus)
    assert [fold.name for fold in made] == ["tones", "tones:takes=1", "tones:takes=2"]
    for fold in made:
        assert {corpus.by_id[id_].corpus for id_ in fold.test} == {fold.name}
        assert len(fold.test) == {"tones": 72, "tones:takes=1": 18, "tones:takes=2": 36}[fold.name]
        others = {corpus.by_id[id_].corpus for id_ in fold.validation}
        assert others == {each.name for each in made} - {fold.name}
    assert all(certificate.clean for _, certificate in leakage.check(corpus, made, {}))


def test_the_digest_of_a_joint_corpus_does_not_depend_on_who_reads_it():
    corpus = serbench.read_corpus("joint:tones+tones:takes=1")
    source = datasets.find("joint:tones+tones:takes=1", settings())
    assert datasets.manifest(source).digest == corpus.digest


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("joint:toy", "joint needs two or more corpora, each once"),
        ("joint:toy+toy", "joint needs two or more corpora, each once"),
        ("joint", "joint needs two or more corpora, each once"),
        ("joint:toy+toy:seed=0", "joint needs two or more corpora, each once"),
        (
            "joint:toy+csv:some/my.csv",
            r"joint reads csv:some/my\.csv from \$SERBENCH_DATA/csv/my\.csv: put it there \(a link "
            r"will do\), and write csv:my$",
        ),
        ("joint:toy+folder:clips", r"from \$SERBENCH_DATA/folder/clips: put it there"),
        ("joint:toy+rvdess", "there is no dataset 'rvdess'; did you mean ravdess?"),
        (
            "joint:toy+tones",
            r"share fewer than two labels \(tones: low, middle, high; toy: neutral, happy, sad",
        ),
    ],
)
def test_what_cannot_be_joined_is_one_line(spec, words):
    with pytest.raises(SerbenchError, match=words):
        serbench.read_corpus(spec)


def test_speakers_of_one_name_space_are_the_same_people(monkeypatch):
    apart = serbench.read_corpus("joint:tones+tones:takes=1")
    assert len(apart.speakers) == 12
    from serbench_tiny import Tones

    monkeypatch.setattr(Tones, "speaker_space", "people", raising=False)
    assert len(serbench.read_corpus("joint:tones+tones:takes=1").speakers) == 6


def test_a_label_set_may_merge_labels_and_leave_some_out():
    corpus = serbench.read_corpus("tones", "tones:middle=low")
    assert corpus.labels == ("low", "high")
    assert serbench.read_corpus("tones", "tones:middle=").labels == ("low", "high")
    assert corpus.label_set == "tones:middle=low"
    with pytest.raises(BadParameter, match="there is no label 'midle'; did you mean middle?"):
        serbench.read_corpus("tones", "tones:midle=low")
    with pytest.raises(BadParameter, match="no label of tones is left in the label set two:low="):
        serbench.read_corpus("tones", "two:low=,high=")


def test_one_corpus_alone_cannot_be_left_out():
    with pytest.raises(SerbenchError, match="needs several corpora, but tones is one: join them"):
        serbench.evaluate("centroid", "tones", protocol="leave-one-corpus-out", jobs=0)


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ("tones:middle=2", "tones:middle=2"),
        ("tones:middle=true,low=null", "tones:low=null,middle=true"),
        ("tones:Middle=LOW", "tones:middle=low"),
        ("tones:low= low ", "tones"),
        ("tones:low=2", "tones:low=2"),
    ],
)
def test_a_changed_label_is_text_and_its_name_reads_back(labels, name):
    corpus = serbench.read_corpus("tones", labels)
    assert corpus.label_set == name
    assert serbench.read_corpus("tones", name).digest == corpus.digest
    assert serbench.evaluate("centroid", "tones", labels=labels, jobs=0).config.labels == name
