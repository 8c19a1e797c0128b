from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.corpus import Corpus, Protocol, Utterance, held_out, protocol_digest
from serbench.errors import BadParameter, SerbenchError
from serbench.protocols.families import FAMILIES, kfold, loso, random, rotated
from serbench.protocols.grouping import grouped
from serbench.protocols.lookup import make_folds

LABELS = ("angry", "happy", "sad")


def even(speakers: int = 6, repeats: int = 2, sessions: int = 0) -> Corpus:
    """As many utterances of each label from each speaker; sexes take turns."""
    return Corpus(
        "even",
        LABELS,
        tuple(
            Utterance(
                f"s{speaker:02d}-{label}-{repeat}",
                f"s{speaker:02d}",
                label,
                sex=("female", "male")[speaker % 2],
                session=str(speaker * sessions // speakers) if sessions else "",
            )
            for speaker in range(speakers)
            for label in LABELS
            for repeat in range(repeats)
        ),
        "own",
    )


def speakers(corpus: Corpus, ids) -> set[str]:
    return {corpus.by_id[one].speaker for one in ids}


uneven = st.dictionaries(
    st.sampled_from([f"s{k}" for k in range(12)]),
    st.tuples(
        st.sampled_from(["female", "male", ""]),
        st.lists(st.sampled_from(LABELS), min_size=1, max_size=8),
    ),
    min_size=3,
    max_size=12,
).map(
    lambda spoken: Corpus(
        "uneven",
        LABELS,
        tuple(
            Utterance(f"{speaker}-{k}", speaker, label, sex=sex)
            for speaker, (sex, labels) in spoken.items()
            for k, label in enumerate(labels)
        ),
        "own",
    )
)


def test_loso_tests_every_speaker_in_sorted_order_and_validates_on_the_next():
    corpus = even(speakers=4)
    made = make_folds(loso(), corpus)
    assert [fold.name for fold in made] == ["s00", "s01", "s02", "s03"]
    assert [speakers(corpus, fold.test) for fold in made] == [{"s00"}, {"s01"}, {"s02"}, {"s03"}]
    assert [speakers(corpus, fold.validation) for fold in made] == [
        {"s01"},
        {"s02"},
        {"s03"},
        {"s00"},
    ]
    assert speakers(corpus, made[0].train) == {"s02", "s03"}


def test_loso_validates_on_another_session_where_there_are_sessions():
    corpus = even(speakers=6, sessions=3)
    validation = [speakers(corpus, fold.validation) for fold in make_folds(loso(), corpus)]
    assert validation == [{"s02"}, {"s02"}, {"s04"}, {"s04"}, {"s00"}, {"s00"}]


def test_loso_in_a_single_session_validates_on_the_next_speaker():
    corpus = even(speakers=3, sessions=1)
    assert speakers(corpus, make_folds(loso(), corpus)[0].validation) == {"s01"}


def test_loso_needs_three_speakers():
    with pytest.raises(SerbenchError, match="corpus even has 2 speakers, but protocol loso needs"):
        make_folds(loso(), even(speakers=2))


def test_kfold_is_even_in_sexes_where_the_corpus_allows():
    corpus = even(speakers=12)
    sex = {one.speaker: one.sex for one in corpus.utterances}
    for group in grouped(corpus, 3):
        assert Counter(sex[speaker] for speaker in group) == {"female": 2, "male": 2}


def test_kfold_is_even_in_labels_where_speakers_are_not():
    corpus = Corpus(
        "halves",
        LABELS,
        tuple(
            Utterance(f"s{k}-{repeat}", f"s{k}", LABELS[k // 3])
            for k in range(9)
            for repeat in range(4)
        ),
        "own",
    )
    label = {one.speaker: one.label for one in corpus.utterances}
    for group in grouped(corpus, 3):
        assert Counter(label[speaker] for speaker in group) == dict.fromkeys(LABELS, 1)


def test_kfold_deals_by_falling_size_then_id_and_ties_go_to_the_lowest_fold():
    counts = {"a": 1, "b": 3, "c": 2, "d": 2, "e": 1}
    utterances = [
        Utterance(f"{speaker}{k}", speaker, "sad")
        for speaker, n in counts.items()
        for k in range(n)
    ]
    corpus = Corpus("few", ("sad",), tuple(utterances), "own")
    # b: 3 to the first, c and d: 2 to the next, a: 1 to the lowest of those with 2, e to the other
    assert grouped(corpus, 3) == [["b"], ["c", "a"], ["d", "e"]]


def test_kfold_validates_on_the_next_fold():
    made = make_folds(kfold(n=4), even(speakers=9))
    assert [fold.validation for fold in made] == [fold.test for fold in made[1:] + made[:1]]


@settings(deadline=None, max_examples=60)
@given(corpus=uneven, data=st.data())
def test_kfold_tests_every_utterance_once_and_never_shares_speakers(corpus, data):
    n = data.draw(st.integers(3, len(corpus.speakers)))
    made = make_folds(kfold(n=n), corpus)
    assert len(made) == n
    assert sorted(one for fold in made for one in fold.test) == sorted(corpus.by_id)
    for fold in made:
        parts = [speakers(corpus, ids) for ids in (fold.train, fold.validation, fold.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == len(corpus.speakers)


@settings(deadline=None, max_examples=30)
@given(corpus=uneven, shuffled=st.randoms(use_true_random=False))
def test_the_order_in_which_utterances_are_listed_changes_nothing(corpus, shuffled):
    utterances = list(corpus.utterances)
    shuffled.shuffle(utterances)
    again = Corpus(corpus.name, corpus.labels, tuple(utterances), corpus.label_set)
    for protocol in (loso(), kfold(n=3), random(n=3)):
        assert protocol.folds(again) == protocol.folds(corpus)


@pytest.mark.parametrize("make", [kfold, random])
def test_fewer_than_three_folds_are_refused(make):
    with pytest.raises(BadParameter, match=r"n=2.* has too few folds.*choose n=3 or more"):
        make(n=2)


def test_more_folds_than_speakers_are_refused():
    with pytest.raises(SerbenchError, match="at least 9 speakers, but corpus even has 6: choose n"):
        make_folds(kfold(n=9), even(speakers=6))


def test_random_is_even_in_every_label():
    corpus = even(speakers=7, repeats=3)
    counts = [
        Counter(corpus.by_id[one].label for one in fold.test)
        for fold in make_folds(random(n=4), corpus)
    ]
    for label in LABELS:
        found = [count[label] for count in counts]
        assert sum(found) == 21
        assert max(found) - min(found) <= 1


def test_random_tests_every_utterance_once():
    corpus = even()
    tested = [one for fold in make_folds(random(n=5), corpus) for one in fold.test]
    assert sorted(tested) == sorted(corpus.by_id)


def test_another_seed_is_another_random_split():
    first, again, other = (make_folds(random(seed=seed), even()) for seed in (0, 0, 1))
    assert first == again != other


def test_random_says_that_it_leaks_and_the_others_do_not():
    assert "at random" in random().leaks
    assert loso().leaks == kfold().leaks == ""


def test_names_carry_every_parameter():
    assert [p.name for p in (loso(), kfold(), random())] == [
        "loso",
        "kfold:n=5",
        "random:n=6,seed=0",
    ]


@pytest.mark.parametrize(
    ("protocol", "digest"),
    [
        (loso(), "d435240492a7d81b360cade2a9171f19b97c9f34fc6fdbc66d3a6214cff2226b"),
        (kfold(n=4), "92b537f7a4ac4a540b3e6f39cdd38f2f73f140940b7d0310b428452a82312a0e"),
        (random(n=4, seed=3), "811af485923102ea879ad46ab628e03081296c8d1a6f6ea17b90e178b2fceeb7"),
    ],
    ids=["loso", "kfold", "random"],
)
def test_the_folds_of_a_corpus_never_change(protocol, digest):
    # a change here makes every result that was made under the protocol another protocol's
    assert protocol_digest(make_folds(protocol, even(speakers=7, sessions=3))) == digest


def test_without_validation_every_fifth_training_speaker_validates():
    corpus = even(speakers=13)
    train, test = corpus.of_speakers(corpus.speakers[:12]), corpus.of_speakers(["s12"])
    kept, validation = held_out(corpus, train, test)
    assert speakers(corpus, validation) == {"s04", "s09"}
    assert speakers(corpus, kept) == {f"s{k:02d}" for k in range(12)} - {"s04", "s09"}


def test_with_fewer_than_five_training_speakers_the_last_validates():
    corpus = even(speakers=4)
    _, validation = held_out(corpus, corpus.of_speakers(["s00", "s01", "s02"]), ("s03-sad-0",))
    assert speakers(corpus, validation) == {"s02"}


def test_where_speakers_are_shared_a_tenth_of_the_utterances_validates():
    corpus = even(speakers=5, repeats=8)
    test = tuple(one for one in corpus.by_id if one.endswith("-0"))
    train = tuple(one for one in corpus.by_id if one not in test)
    kept, validation = held_out(corpus, train, test)
    assert len(validation) == len(train) // 10
    assert sorted(kept + validation) == sorted(train)
    # printf ID | sha256sum of each, the ten lowest of 105
    assert " ".join(validation) == (
        "s00-angry-3 s00-happy-1 s01-sad-2 s02-angry-1 s02-angry-4 s02-angry-6 s02-happy-2 "
        "s03-angry-7 s03-happy-7 s04-sad-1"
    )


def alternating(n: int = 3) -> Protocol:
    """Every n-th speaker is in one group; validation is the next group."""

    def folds(corpus):
        return rotated([corpus.of_speakers(corpus.speakers[k::n]) for k in range(n)])

    return Protocol(f"alternating:n={n}", f"{n} groups of every {n}th speaker", folds, n=n)


def test_a_new_family_is_one_entry(places, monkeypatch):
    monkeypatch.setitem(FAMILIES, "alternating", alternating)
    listed = CliRunner().invoke(app, ["protocol", "show", "--dataset", "toy"]).stdout
    assert (
        "Every n-th speaker is in one group; validation is the next group. (any corpus)" in listed
    )
    run = serbench.evaluate("centroid", "tones", protocol="alternating:n=4", jobs=0)
    assert (run.config.protocol, len(run.folds)) == ("alternating:n=4", 4)
