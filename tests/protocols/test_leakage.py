import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.corpus import Corpus, Fold, Protocol, Utterance
from serbench.errors import LeakageError, SerbenchError
from serbench.protocols.families import kfold, random
from serbench.protocols.leakage import (
    PAIRS,
    certify,
    check,
    from_json,
    require_clean,
    rows,
    to_json,
)
from serbench.protocols.lookup import make_folds

CORPUS = Corpus(
    "tiny",
    ("sad", "happy"),
    tuple(
        Utterance(f"s{k}-{label}", f"s{k}", label, session=str(k // 2), dialogue=f"d{k // 3}")
        for k in range(9)
        for label in ("sad", "happy")
    ),
    "own",
)
AUDIO = {one: f"sha of {one}" for one in CORPUS.by_id}
FOLDS = make_folds(kfold(n=3), CORPUS)
PROTOCOL = kfold(n=3)
COUNTED = ("speakers", "audio", "sessions", "dialogues")

fold_and_pair = st.tuples(st.sampled_from(FOLDS), st.sampled_from(PAIRS))


def counts(certificate, what: str) -> dict[str, int]:
    return {pair: shared.count for pair, shared in getattr(certificate, what).items()}


def moved(fold: Fold, one: str, source: str, target: str) -> Fold:
    without = tuple(other for other in getattr(fold, source) if other != one)
    return replace(fold, **{source: without, target: (*getattr(fold, target), one)})


@pytest.mark.parametrize("fold", FOLDS, ids=lambda fold: fold.name)
def test_disjoint_speakers_and_audio_are_clean(fold):
    certificate = certify(CORPUS, fold, AUDIO)
    assert certificate.clean
    assert certificate.audio_checked
    require_clean(PROTOCOL, [(fold, certificate)])


@settings(deadline=None, max_examples=60)
@given(chosen=fold_and_pair, data=st.data())
def test_an_utterance_that_is_moved_takes_its_speaker_along(chosen, data):
    fold, pair = chosen
    source, target = data.draw(st.permutations(pair))
    one = data.draw(st.sampled_from(getattr(fold, source)))
    broken = moved(fold, one, source, target)
    certificate = certify(CORPUS, broken, AUDIO)
    assert not certificate.clean
    assert counts(certificate, "speakers") == {
        "|".join(other): int(other == pair) for other in PAIRS
    }
    assert certificate.speakers["|".join(pair)].examples == (CORPUS.by_id[one].speaker,)
    with pytest.raises(LeakageError):
        require_clean(PROTOCOL, [(broken, certificate)])


@settings(deadline=None, max_examples=60)
@given(chosen=fold_and_pair, data=st.data())
def test_a_speaker_who_is_renamed_to_one_of_another_set_is_found(chosen, data):
    fold, pair = chosen
    first, second = (data.draw(st.sampled_from(getattr(fold, part))) for part in pair)
    speaker = CORPUS.by_id[second].speaker
    corpus = replace(
        CORPUS,
        utterances=tuple(
            replace(one, speaker=speaker) if one.id == first else one for one in CORPUS.utterances
        ),
    )
    assert certify(corpus, fold, AUDIO).speakers["|".join(pair)].examples == (speaker,)


@settings(deadline=None, max_examples=60)
@given(chosen=fold_and_pair, data=st.data())
def test_a_recording_that_is_in_two_sets_is_found_whatever_its_name(chosen, data):
    fold, pair = chosen
    first, second = (data.draw(st.sampled_from(getattr(fold, part))) for part in pair)
    certificate = certify(CORPUS, fold, AUDIO | {first: AUDIO[second]})
    assert not certificate.clean
    assert counts(certificate, "audio") == {"|".join(other): int(other == pair) for other in PAIRS}
    assert certificate.audio["|".join(pair)].examples == (f"{first} = {second}",)
    with pytest.raises(LeakageError, match=f"share 1 recording .{first} = {second}"):
        require_clean(PROTOCOL, [(fold, certificate)])


@settings(deadline=None, max_examples=30)
@given(fold=st.sampled_from(FOLDS), data=st.data())
def test_identical_audio_within_one_set_is_no_leak(fold, data):
    ids = getattr(fold, data.draw(st.sampled_from(["train", "validation", "test"])))
    first, second = data.draw(st.permutations(ids))[:2]
    assert certify(CORPUS, fold, AUDIO | {first: AUDIO[second]}).clean


def test_sessions_and_dialogues_are_reported_and_allowed():
    fold = Fold("1", ("s0-sad",), ("s1-sad",), ("s2-sad",))  # 0 and 1 share a session
    certificate = certify(CORPUS, fold, AUDIO)
    assert certificate.clean
    assert certificate.sessions["train|validation"].examples == ("0",)
    assert counts(certificate, "sessions") == {
        "train|validation": 1,
        "train|test": 0,
        "validation|test": 0,
    }
    assert set(counts(certificate, "dialogues").values()) == {1}


def test_a_corpus_without_sessions_shares_none():
    corpus = replace(
        CORPUS, utterances=tuple(replace(one, session="") for one in CORPUS.utterances)
    )
    assert set(counts(certify(corpus, FOLDS[0], {}), "sessions").values()) == {0}


def test_an_unknown_speaker_might_be_anybody():
    corpus = replace(
        CORPUS, utterances=tuple(replace(one, speaker="") for one in CORPUS.utterances)
    )
    assert not certify(corpus, FOLDS[0], {}).clean


def test_without_audio_the_certificate_says_so():
    certificate = certify(CORPUS, FOLDS[0], {})
    assert certificate.clean
    assert not certificate.audio_checked


def test_with_some_of_the_audio_what_is_there_is_compared_and_not_called_checked():
    fold = FOLDS[0]
    certificate = certify(CORPUS, fold, {fold.train[0]: "same", fold.test[0]: "same"})
    assert not certificate.clean
    assert not certificate.audio_checked


def test_a_leak_is_told_with_fold_sets_and_examples_in_one_line():
    fold = Fold("7", ("s0-sad", "s1-sad"), ("s2-sad",), ("s0-happy", "s1-happy"))
    certificate = certify(CORPUS, fold, AUDIO | {"s2-sad": AUDIO["s0-happy"]})
    with pytest.raises(LeakageError) as error:
        require_clean(PROTOCOL, [(fold, certificate)])
    assert str(error.value) == (
        "fold 7 of protocol kfold:n=3 leaks: train and test share 2 speakers (s0, s1); "
        "validation and test share 1 recording (s2-sad = s0-happy). No speaker and no recording "
        "may be in two sets: fix the split, remove one of two identical recordings, or declare "
        "that it leaks (file:path=...,leaks=true, or Protocol.leaks in a plugin), and it is never "
        "ranked"
    )


def test_a_leak_of_several_folds_is_told_once():
    leaking = [Fold(str(k), ("s0-sad", "s1-sad"), ("s2-sad",), ("s0-happy",)) for k in (1, 2, 3)]
    checked = check(CORPUS, [FOLDS[0], *leaking], AUDIO)
    with pytest.raises(LeakageError) as error:
        require_clean(PROTOCOL, checked)
    assert str(error.value) == (
        "3 of 4 folds of protocol kfold:n=3 leak, such as fold 1: train and test share 1 speaker "
        "(s0). No speaker and no recording may be in two sets: fix the split, or declare that it "
        "leaks (file:path=...,leaks=true, or Protocol.leaks in a plugin), and it is never ranked"
    )


def test_of_many_examples_a_few_are_told():
    first = range(8)
    train, test = ([f"s{k}-{label}" for k in first] for label in ("sad", "happy"))
    fold = Fold("1", tuple(train), ("s8-sad",), tuple(test))
    with pytest.raises(
        LeakageError, match=r"train and test share 8 speakers \(s0, s1, s2, \.\.\.\)"
    ):
        require_clean(PROTOCOL, [(fold, certify(CORPUS, fold, AUDIO))])


def test_a_protocol_that_declares_its_leak_may_run():
    protocol = random(n=3)
    for fold in make_folds(protocol, CORPUS):
        certificate = certify(CORPUS, fold, AUDIO)
        assert not certificate.clean
        require_clean(protocol, [(fold, certificate)])


def test_what_is_declared_for_one_protocol_does_not_excuse_another():
    leaky = random(n=3).folds(CORPUS)[0]
    undeclared = Protocol("mine", "", lambda corpus: [leaky])
    with pytest.raises(LeakageError, match="fold 1 of protocol mine leaks"):
        require_clean(undeclared, [(leaky, certify(CORPUS, leaky, AUDIO))])


@pytest.mark.parametrize("protocol", [kfold(n=3), random(n=3)], ids=lambda one: one.name)
@pytest.mark.parametrize("audio", [AUDIO, {}], ids=["audio", "none"])
def test_a_certificate_survives_its_json(protocol, audio):
    for fold in make_folds(protocol, CORPUS):
        certificate = certify(CORPUS, fold, audio)
        data = to_json(certificate)
        assert json.loads(json.dumps(data)) == data
        assert from_json(data) == certificate
        assert data["clean"] is certificate.clean


def test_what_a_file_claims_to_be_clean_is_counted_again():
    fold = random(n=3).folds(CORPUS)[0]
    data = to_json(certify(CORPUS, fold, AUDIO)) | {"clean": True}
    assert not from_json(data).clean


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "a leakage certificate of schema 2 cannot be read here, only schema 1"),
        ({"speakers": []}, "is damaged (TypeError: [] is not an object): run the fold again"),
        ({"audio": {}}, "is damaged (KeyError: 'train|validation'): run the fold again"),
    ],
)
def test_a_damaged_certificate_is_refused(change, words):
    data = to_json(certify(CORPUS, FOLDS[0], AUDIO)) | change
    with pytest.raises(SerbenchError) as error:
        from_json(data)
    assert words in str(error.value)


def test_something_else_is_no_certificate():
    with pytest.raises(SerbenchError, match="schema None cannot be read"):
        from_json("clean")


def test_a_check_has_a_row_for_each_pair_of_sets_of_each_fold():
    shown = rows(check(CORPUS, FOLDS, AUDIO))
    assert len(shown) == 9
    assert {row["verdict"] for row in shown} == {"clean"}
    assert shown[1]["sets"] == "train | test"
    assert {row["audio"] for row in shown} == {0}


def test_a_check_tells_audio_that_was_not_compared_from_audio_that_differs():
    assert {row["audio"] for row in rows(check(CORPUS, FOLDS, {}))} == {None}


@pytest.mark.parametrize("what", COUNTED)
def test_a_check_counts_what_the_certificate_counts(what):
    checked = check(CORPUS, random(n=3).folds(CORPUS), AUDIO)
    expected = [n for _, certificate in checked for n in counts(certificate, what).values()]
    assert [row[what] for row in rows(checked)] == expected


def test_a_check_says_which_folds_leak():
    fold = FOLDS[0]
    broken = moved(fold, fold.test[0], "test", "train")
    verdicts = [row["verdict"] for row in rows(check(CORPUS, [broken, FOLDS[1]], AUDIO))]
    assert verdicts == ["clean", "leaks", "clean", "clean", "clean", "clean"]


def _unknown(fold: Fold, part: str) -> Corpus:
    """The corpus without the speaker of the first utterance of a set."""
    gone = getattr(fold, part)[0]
    known = [u if u.id != gone else replace(u, speaker="") for u in CORPUS.utterances]
    return replace(CORPUS, utterances=tuple(known))


def test_unknown_speakers_are_counted_and_may_only_train():
    fold = FOLDS[0]
    trained = certify(_unknown(fold, "train"), fold, {})
    assert trained.clean
    assert trained.speakerless == {"train": 1, "validation": 0, "test": 0}
    assert from_json(json.loads(json.dumps(to_json(trained)))) == trained
    assert "speakerless" not in to_json(certify(CORPUS, fold, {}))
    assert rows([(fold, trained)])[0]["unknown speakers"] == 1

    tested = certify(_unknown(fold, "test"), fold, {})
    assert not tested.clean
    assert [row["verdict"] for row in rows([(fold, tested)])] == ["clean", "leaks", "leaks"]
    with pytest.raises(LeakageError) as caught:
        require_clean(PROTOCOL, [(fold, tested)])
    assert "test has 1 utterance of unknown speakers, who may speak in training too" in str(
        caught.value
    )
    require_clean(random(n=3), [(fold, tested)])
