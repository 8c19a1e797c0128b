from collections import Counter

import pytest

from serbench.corpus import Corpus, relabelled
from serbench.files import digest
from serbench.protocols.leakage import certify, require_clean
from serbench.protocols.lookup import make_folds
from serbench_corpora import packaged_data, published_splits
from serbench_corpora.crema_d import CremaD
from serbench_corpora.iemocap import Iemocap
from serbench_corpora.ravdess import Ravdess


def default(dataset) -> Corpus:
    name, label_set = next(iter(dataset.label_sets.items()))
    return relabelled(dataset.manifest(), name, label_set)


CORPORA = {
    "ravdess": (default(Ravdess()), published_splits.RAVDESS),
    "crema-d": (default(CremaD()), published_splits.CREMA_D),
    "iemocap": (Iemocap().stand_in(), published_splits.IEMOCAP),
}
OWNED = [(corpus, protocol) for corpus, owned in CORPORA.values() for protocol in owned]
NAMES = [f"{corpus.name}-{protocol.name}" for corpus, protocol in OWNED]


def named(corpus_name: str, protocol_name: str):
    corpus, owned = CORPORA[corpus_name]
    return corpus, next(one for one in owned if one.name == protocol_name)


def sizes(corpus: Corpus, protocol) -> list[tuple[int, int, int]]:
    return [
        (len(one.train), len(one.validation), len(one.test)) for one in make_folds(protocol, corpus)
    ]


# sha256 over the sorted rows of the tables as their suites publish them
@pytest.mark.parametrize(
    ("corpus_name", "protocol_name", "validates", "published"),
    [
        (
            "ravdess",
            "emobox",
            False,
            "5bcb10c966782ae3121e56e2b8e0072dfcaf97c6a081e98c58c04bf8a24b9fa0",
        ),
        (
            "ravdess",
            "luna-jimenez",
            False,
            "6102df038ab73587ca88a61fdd91672d27d9d84d3a110d9af34d66c07fc4802b",
        ),
        (
            "crema-d",
            "emobox",
            False,
            "ceb7dc9c90a4aeec4262817c2bdef0a0d49e63d81e94c0a042f94dfd40a5f1b1",
        ),
        (
            "crema-d",
            "emo-superb",
            True,
            "bd5d2d83915bfc8fc0240e27824e6552a8fd664a4ad81ecf895027b460275fdd",
        ),
        (
            "crema-d",
            "tfds",
            True,
            "484047c959060f7c7cd171a41f18a01e6f3fd026e4df48e267b5adab9f6b02bc",
        ),
    ],
)
def test_the_published_table_is_reproduced(corpus_name, protocol_name, validates, published):
    corpus, protocol = named(corpus_name, protocol_name)
    rows = []
    for fold in make_folds(protocol, corpus):
        for part in ("train", "validation", "test"):
            theirs = part if validates or part == "test" else "train"
            rows += [[fold.name, theirs, one] for one in getattr(fold, part)]
    assert digest(sorted(rows)) == published


@pytest.mark.parametrize(
    ("corpus_name", "protocol_name", "expected"),
    [
        ("ravdess", "emobox", [(960, 240, 240)] * 6),
        ("ravdess", "luna-jimenez", [(960, 180, 300)] * 4 + [(960, 240, 240)]),
        ("ravdess", "pepino", [(1200, 120, 120)]),
        ("crema-d", "emobox", [(5028, 558, 1856)]),
        (
            "crema-d",
            "emo-superb",
            [
                (4509, 1470, 1463),
                (4496, 1476, 1470),
                (4490, 1476, 1476),
                (4409, 1557, 1476),
                (4422, 1463, 1557),
            ],
        ),
        ("crema-d", "tfds", [(5144, 738, 1556)]),
        (
            "iemocap",
            "emobox",
            [
                (3918, 528, 1085),
                (3980, 528, 1023),
                (3852, 528, 1151),
                (3978, 522, 1031),
                (3768, 522, 1241),
            ],
        ),
        ("iemocap", "serab", [(3413, 996, 1122)]),
    ],
)
def test_sets_are_as_large_as_published(corpus_name, protocol_name, expected):
    assert sizes(*named(corpus_name, protocol_name)) == expected


@pytest.mark.parametrize(("corpus", "protocol"), OWNED, ids=NAMES)
def test_a_split_declares_a_leak_exactly_where_it_leaks(corpus, protocol):
    certificates = [certify(corpus, fold, {}) for fold in make_folds(protocol, corpus)]
    assert all(certificate.clean for certificate in certificates) == (not protocol.leaks)


@pytest.mark.parametrize(("corpus", "protocol"), OWNED, ids=NAMES)
def test_no_utterance_is_tested_twice(corpus, protocol):
    tested = Counter(one for fold in make_folds(protocol, corpus) for one in fold.test)
    assert set(tested.values()) == {1}


@pytest.mark.parametrize(("corpus", "protocol"), OWNED, ids=NAMES)
def test_a_split_says_where_it_was_published(corpus, protocol):
    assert protocol.source
    assert protocol.summary


def test_emoboxs_crema_d_has_every_speaker_in_all_three_sets():
    corpus, protocol = named("crema-d", "emobox")
    (fold,) = make_folds(protocol, corpus)
    shared = certify(corpus, fold, {}).speakers
    assert {found.count for found in shared.values()} == {91}
    assert "all 91 speakers" in protocol.leaks


def test_emoboxs_crema_d_trains_on_a_recording_that_it_tests():
    corpus, protocol = named("crema-d", "emobox")
    (fold,) = make_folds(protocol, corpus)
    audio = {utterance: digest for utterance, digest, *_ in packaged_data.rows("crema-d.csv")}
    trained = {audio[one]: one for one in fold.train + fold.validation}
    twins = [f"{one} {trained[audio[one]]}" for one in fold.test if audio[one] in trained]
    assert twins == ["1006_TIE_HAP_XX 1006_TIE_NEU_XX"]
    assert all(name in protocol.leaks for name in twins[0].split())


@pytest.mark.parametrize("name", ["emo-superb", "tfds"])
def test_the_other_crema_d_splits_share_no_audio(name):
    corpus, protocol = named("crema-d", name)
    audio = {utterance: digest for utterance, digest, *_ in packaged_data.rows("crema-d.csv")}
    for fold in make_folds(protocol, corpus):
        certificate = certify(corpus, fold, audio)
        assert certificate.audio_checked
        require_clean(protocol, [(fold, certificate)])


def test_tfds_uses_neither_twin_nor_the_misnamed_recording():
    corpus, protocol = named("crema-d", "tfds")
    (fold,) = make_folds(protocol, corpus)
    used = {*fold.train, *fold.validation, *fold.test}
    assert sorted(corpus.by_id.keys() - used) == [
        "1006_TIE_NEU_XX",
        "1013_WSI_DIS_XX",
        "1017_IWW_FEA_XX",
        "1040_ITH_SAD_XX",
    ]


def test_emoboxs_iemocap_tests_one_session_at_a_time():
    corpus, protocol = named("iemocap", "emobox")
    for number, fold in enumerate(make_folds(protocol, corpus), start=1):
        assert {corpus.by_id[one].session for one in fold.test} == {f"Ses0{number}"}
        assert f"Ses0{number}" not in {corpus.by_id[one].session for one in fold.train}


def test_every_speaker_that_serab_tests_or_validates_on_also_trains():
    corpus, protocol = named("iemocap", "serab")
    (fold,) = make_folds(protocol, corpus)
    trained = {corpus.by_id[one].speaker for one in fold.train}
    assert len(trained) == 10
    for part in (fold.validation, fold.test):
        assert {corpus.by_id[one].speaker for one in part} <= trained
        assert str(len(part)) in protocol.leaks


def test_utterances_that_a_label_set_leaves_out_are_skipped():
    whole = CORPORA["crema-d"][0]
    fewer = relabelled(whole, "fewer", {one: one for one in whole.labels[:3]})
    for protocol in published_splits.CREMA_D:
        for fold, full in zip(
            make_folds(protocol, fewer), make_folds(protocol, whole), strict=True
        ):
            assert fold.test == tuple(one for one in full.test if one in fewer.by_id)
