"""The speaker-dependent protocol differs from its base in the speakers of training, and no more."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.corpus import PARTS, Corpus, Fold, Protocol, Utterance
from serbench.errors import BadParameter, SerbenchError
from serbench.protocols import leakage
from serbench.protocols.lookup import family, find_protocol, make_folds

LABELS = ("neutral", "happy", "sad")


@dataclass
class Plain:
    """A dataset whose default protocol keeps speakers apart."""

    default_protocol = "kfold:n=3"
    protocols: tuple[Protocol, ...] = ()


def corpus(speakers=6, sentences=4, takes=2, sex="mf"):
    return Corpus(
        "tiny",
        LABELS,
        tuple(
            Utterance(
                f"s{speaker}-{label}-{sentence}-{take}",
                f"s{speaker}",
                label,
                sex=sex and {"m": "male", "f": "female"}[sex[speaker % len(sex)]],
                sentence=str(sentence),
                repetition=str(take),
            )
            for speaker in range(speakers)
            for label in LABELS
            for sentence in range(sentences)
            for take in range(takes)
        ),
        "own",
    )


def both(of, spec="speaker-dependent", dataset=None):
    """Each fold of the base, with the folds made from it."""
    dataset = dataset or Plain()
    protocol = find_protocol(spec, dataset)
    base = spec.partition("base=")[2].partition(",")[0] or None
    apart = make_folds(find_protocol(base, dataset), of)
    made = make_folds(protocol, of)
    parts = len(made) // len(apart)
    return [(fold, made[at * parts : (at + 1) * parts]) for at, fold in enumerate(apart)]


def count(of, ids, *names):
    return Counter(tuple(getattr(of.by_id[id_], name) for name in names) for id_ in ids)


@settings(deadline=None, max_examples=25)
@given(
    speakers=st.integers(5, 9),
    sentences=st.integers(3, 5),
    takes=st.integers(1, 2),
    parts=st.integers(2, 3),
    mode=st.sampled_from(["apart", "mixed"]),
)
def test_only_the_speakers_of_training_differ(speakers, sentences, takes, parts, mode):
    of = corpus(speakers, sentences, takes)
    spec = f"speaker-dependent:base=kfold:n=5,parts={parts},sentences={mode}"
    for fold, made in both(of, spec):
        assert sorted(id_ for each in made for id_ in each.test) == sorted(fold.test)
        for each in made:
            assert each.validation == fold.validation
            assert len(each.train) == len(fold.train)
            assert count(of, each.train, "label") == count(of, fold.train, "label")
            assert not set(each.test) & {*each.train, *each.validation}
            tested = set(fold.test) - set(each.test)
            assert tested <= set(each.train) <= tested | set(fold.train)
            assert set(count(of, each.test, "speaker")) <= set(count(of, each.train, "speaker"))


def test_as_many_women_and_men_train():
    of = corpus(8)
    for fold, made in both(of, "speaker-dependent:base=kfold:n=4"):
        assert len(count(of, fold.test, "sex")) == 2
        for each in made:
            assert count(of, each.train, "label", "sex") == count(of, fold.train, "label", "sex")


def test_as_few_speakers_as_possible_make_room():
    of = corpus(12)
    for fold, made in both(of, "speaker-dependent:base=kfold:n=3"):
        for each in made:
            gone = set(count(of, fold.train, "speaker")) - set(count(of, each.train, "speaker"))
            assert len(gone) == 2  # for four halves of speakers


def test_every_part_has_half_of_each_speaker_and_label():
    of = corpus()
    for _, made in both(of):
        for each in made:
            assert set(count(of, each.test, "speaker", "label").values()) == {4}  # of 8


@pytest.mark.parametrize(("mode", "shares"), [("apart", False), ("mixed", True)])
def test_only_mixed_sentences_are_learned_from_the_tested_speaker(mode, shares):
    of = corpus()
    for _, made in both(of, f"speaker-dependent:sentences={mode}"):
        for each in made:
            tested = set(count(of, each.test, "speaker", "sentence"))
            assert bool(tested & set(count(of, each.train, "speaker", "sentence"))) == shares


def test_without_sentences_utterances_are_divided():
    of = corpus()
    of = replace(of, utterances=tuple(replace(one, sentence="") for one in of.utterances))
    apart, mixed = (both(of, f"speaker-dependent:sentences={mode}") for mode in ("apart", "mixed"))
    assert apart == mixed


def test_the_certificate_says_that_test_speakers_train_and_the_protocol_declares_it():
    of, protocol = corpus(), find_protocol("speaker-dependent", Plain())
    checked = leakage.check(of, make_folds(protocol, of), {})
    leakage.require_clean(protocol, checked)
    for fold, certificate in checked:
        counts = {"|".join(pair): certificate.counts(pair)["speakers"] for pair in leakage.PAIRS}
        tested = len(count(of, fold.test, "speaker"))
        assert counts == {"train|validation": 0, "train|test": tested, "validation|test": 0}
    assert "the speakers of every test set also train" in protocol.leaks


def test_its_name_says_what_it_is_made_from_wherever_it_is_used():
    name = "speaker-dependent:base=kfold:n=3,parts=2"
    assert find_protocol("speaker-dependent", Plain()).name == name
    assert find_protocol(name, Plain()).name == name
    assert find_protocol(f"{name},sentences=apart", Plain()).name == name
    mixed = find_protocol("speaker-dependent:sentences=mixed,base=loso", Plain())
    assert mixed.name == "speaker-dependent:base=loso,parts=2,sentences=mixed"
    assert find_protocol(name, Plain()).n == 6


def test_a_split_of_ones_own_may_be_the_base(tmp_path):
    file = tmp_path / "mine.csv"
    rows = [("train", k) for k in range(4)] + [("validation", 4), ("test", 5)]
    of = corpus()
    file.write_text(
        "fold,split,utterance\n"
        + "".join(f"1,{part},{id_}\n" for part, k in rows for id_ in of.of_speakers([f"s{k}"]))
    )
    protocol = find_protocol(f"speaker-dependent:base={file}", Plain())
    assert [fold.name for fold in make_folds(protocol, of)] == ["1.1", "1.2"]


def test_folds_of_a_group_stay_a_group_of_each_part():
    def folds(of):
        speakers = [of.of_speakers([name]) for name in of.speakers]
        rest = tuple(id_ for ids in speakers[3:] for id_ in ids)
        return [
            Fold("a", (*speakers[1], *rest), speakers[2], speakers[0], "one"),
            Fold("b", (*speakers[2], *rest), speakers[1], speakers[0], "one"),
        ]

    of, dataset = corpus(), Plain((Protocol("nested", "", folds),))
    made = make_folds(find_protocol("speaker-dependent:base=nested", dataset), of)
    assert [(fold.name, fold.group) for fold in made] == [
        ("a.1", "one.1"),
        ("a.2", "one.2"),
        ("b.1", "one.1"),
        ("b.2", "one.2"),
    ]


def test_scarce_labels_are_replaced_by_others():
    of = corpus(5, 4, 1)
    speakers = [of.of_speakers([name]) for name in of.speakers]
    common = tuple(id_ for ids in speakers[2:4] for id_ in ids if "sad" not in id_)
    fold = Fold("1", common, speakers[1], speakers[0])
    dataset = Plain((Protocol("own", "", lambda _: [fold]),))
    for each in make_folds(find_protocol("speaker-dependent:base=own", dataset), of):
        assert len(each.train) == len(fold.train)
        assert count(of, each.train, "label")["sad",] == 2  # of the tested speaker


def test_utterances_of_unknown_speakers_are_the_last_to_make_room():
    of = corpus(9, sex="")
    of = replace(
        of,
        utterances=tuple(
            replace(one, speaker="" if one.speaker == "s8" else one.speaker)
            for one in of.utterances
        ),
    )
    for _, made in both(of):
        for each in made:
            assert set(of.speakerless) <= set(each.train)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("parts=1", "has parts=1, but one part is tested while others train: choose parts=2 or"),
        ("base=random", "random:n=6,seed=0 already shares speakers or recordings .* base=kfold:"),
        ("base=lsoo", "no protocol 'lsoo'; did you mean loso"),
        ("sentences=same", "sentences of protocol speaker-dependent is 'same', but must be one of"),
    ],
)
def test_what_cannot_be_made_is_refused(spec, words):
    with pytest.raises((BadParameter, SerbenchError), match=words):
        find_protocol(f"speaker-dependent:{spec}", Plain())


def test_without_a_dataset_there_is_nothing_to_make_it_from():
    with pytest.raises(BadParameter, match="is made from a protocol of a dataset: name a dataset"):
        family("speaker-dependent")
    assert family("speaker-dependent:base=kfold:n=4").n == 8


def test_speakers_with_one_sentence_or_utterance_cannot_be_divided():
    words = "too few utterances to divide them into {} parts: choose {}a base with larger test sets"
    of = corpus(6, 1, 4)
    with pytest.raises(SerbenchError, match=words.format(2, "sentences=mixed, ")):
        make_folds(find_protocol("speaker-dependent", Plain()), of)
    with pytest.raises(SerbenchError, match=words.format(3, "fewer parts, sentences=mixed, ")):
        make_folds(find_protocol("speaker-dependent:parts=3", Plain()), of)
    alone = replace(
        of, utterances=tuple(replace(u, speaker=u.id, sentence="") for u in of.by_id.values())
    )
    with pytest.raises(SerbenchError, match=words.format(2, "")):
        make_folds(find_protocol("speaker-dependent", Plain()), alone)


def test_a_small_training_set_cannot_make_room():
    of = corpus(3)
    ids = [of.of_speakers([name]) for name in of.speakers]
    fold = Fold("1", ids[0][:5], ids[1], ids[2])
    dataset = Plain((Protocol("own", "", lambda _: [fold]),))
    words = "has 5 training utterances, fewer than the 12 of its test speakers that would replace"
    with pytest.raises(SerbenchError, match=words):
        make_folds(find_protocol("speaker-dependent:base=own", dataset), of)


def test_all_sets_are_sorted_and_known():
    of = corpus()
    for _, made in both(of):
        for each in made:
            assert all(list(getattr(each, part)) == sorted(getattr(each, part)) for part in PARTS)
