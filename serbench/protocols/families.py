"""Make folds of any corpus: leave one speaker out, n folds of speakers, n random folds, or a file.

Folds depend only on the corpus (and a seed), not on installed library versions: protocols only
count, and sort by the sha256 of ids. A family is one entry in `FAMILIES`: a function that makes a
`Protocol`, whose parameters users set (`kfold:n=5`).
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

from serbench.corpus import (
    PARTS,
    Corpus,
    Fold,
    Protocol,
    held_out,
    sha256,
    speaker_fold,
)
from serbench.errors import BadParameter, SerbenchError
from serbench.protocols.grouping import grouped
from serbench.protocols.speaker_dependent import speaker_dependent
from serbench.protocols.split_file import file

FEWEST = len(PARTS)
"""The least number of speakers or folds: one to train, one to validate, one to test."""


def loso() -> Protocol:
    """Leave one speaker out: each speaker, in sorted order, is the test set once.

    Validation is the next speaker cyclically; if the corpus has sessions, the next speaker without
    a session in common with the test speaker, if there is one.
    """
    return Protocol("loso", "leave one speaker out; validation is the next speaker", _loso_folds)


def _loso_folds(corpus: Corpus) -> list[Fold]:
    _require_enough(corpus, "loso", FEWEST, len(corpus.speakers), "speakers")
    sessions: dict[str, set[str]] = {speaker: set() for speaker in corpus.speakers}
    for utterance in corpus.utterances:
        if utterance.session and utterance.speaker:
            sessions[utterance.speaker].add(utterance.session)
    folds = []
    for position, test in enumerate(corpus.speakers):
        others = corpus.speakers[position + 1 :] + corpus.speakers[:position]
        elsewhere = [other for other in others if not sessions[other] & sessions[test]]
        validation = (elsewhere or others)[0]
        train = [other for other in others if other != validation]
        folds.append(speaker_fold(corpus, test, train=train, validation=[validation], test=[test]))
    return folds


def kfold(n: int = 5) -> Protocol:
    """Test each of n groups of speakers once; validation is the next group.

    The groups are even in size, labels and sexes; see `grouping.grouped`.

    Raises:
        BadParameter: n is below 3.
    """
    name = f"kfold:n={n}"
    _require_enough_folds(name, n)

    def folds(corpus: Corpus) -> list[Fold]:
        _require_enough(corpus, name, n, len(corpus.speakers), "speakers")
        groups = [corpus.of_speakers(speakers) for speakers in grouped(corpus, n)]
        return rotated(groups, corpus.speakerless)

    summary = f"{n} groups of speakers, even in size, labels and sexes; validation is the next one"
    return Protocol(name, summary, folds, n=n)


def leave_one_corpus_out() -> Protocol:
    """Leave one corpus out: each corpus of a joint one, in its order, is the test set once.

    All other corpora train; validation is every fifth speaker of each (see `corpus.held_out`).
    """
    return Protocol(
        "leave-one-corpus-out",
        "test on each corpus of a joint one; validation is every fifth speaker of the others",
        _corpus_folds,
    )


def _corpus_folds(corpus: Corpus) -> list[Fold]:
    ids: dict[str, list[str]] = {}
    for utterance in corpus.utterances:
        ids.setdefault(utterance.corpus, []).append(utterance.id)
    if len(ids) < 2:
        raise SerbenchError(
            f"protocol leave-one-corpus-out needs several corpora, but {corpus.name} is one: join "
            "them as in joint:ravdess+crema-d"
        )
    folds = []
    for test, tested in ids.items():
        train: list[str] = []
        validation: list[str] = []
        known = set(tested).difference(corpus.speakerless)
        for other in ids.keys() - {test}:
            parts = held_out(corpus, ids[other], tested)
            train += parts[0]
            validation += parts[1]
        folds.append(
            Fold(
                test,
                train=tuple(sorted(train)),
                validation=tuple(sorted(validation)),
                test=tuple(sorted(known)),
            )
        )
    return folds


def random(n: int = 6, seed: int = 0) -> Protocol:
    """Deal utterances to n folds at random, stratified by label, to show the effect of leakage.

    Utterances are sorted by label, in the corpus's order of labels, then by the sha256 of "seed
    id", and dealt to the folds in turn. Validation is the next fold.

    Raises:
        BadParameter: n is below 3.
    """
    name = f"random:n={n},seed={seed}"
    _require_enough_folds(name, n)

    def folds(corpus: Corpus) -> list[Fold]:
        _require_enough(corpus, name, n, len(corpus.utterances), "utterances")
        order = sorted(
            corpus.utterances,
            key=lambda row: (corpus.labels.index(row.label), sha256(f"{seed} {row.id}")),
        )
        return rotated([[utterance.id for utterance in order[k::n]] for k in range(n)])

    return Protocol(
        name,
        f"{n} random folds of utterances, stratified by label: shows the price of leakage",
        folds,
        leaks="utterances are dealt at random, so speakers are in training, validation and test "
        "sets alike: it shows what leakage is worth",
        n=n,
    )


def rotated(groups: Sequence[Sequence[str]], always: Sequence[str] = ()) -> list[Fold]:
    """Make folds 1 to n: test one group of ids, validate on the next, train on all others.

    The ids in `always` are in every training set.
    """
    folds = []
    for test in range(len(groups)):
        validation = (test + 1) % len(groups)
        train = [ids for k, ids in enumerate(groups) if k not in (test, validation)]
        folds.append(
            Fold(
                str(test + 1),
                train=tuple(sorted(itertools.chain(always, *train))),
                validation=tuple(sorted(groups[validation])),
                test=tuple(sorted(groups[test])),
            )
        )
    return folds


def _require_enough_folds(name: str, n: int) -> None:
    if n < FEWEST:
        raise BadParameter(
            f"protocol {name} has too few folds: one must train, one validate and one test; "
            f"choose n={FEWEST} or more"
        )


def _require_enough(corpus: Corpus, name: str, least: int, count: int, noun: str) -> None:
    if count < FEWEST:
        raise SerbenchError(
            f"corpus {corpus.name} has {count} {noun}, but protocol {name} needs at least "
            f"{FEWEST}: some to train, some to validate and some to test"
        )
    if count < least:
        raise SerbenchError(
            f"protocol {name} needs at least {least} {noun}, but corpus {corpus.name} has "
            f"{count}: choose n from {FEWEST} to {count}"
        )


FAMILIES: Mapping[str, Callable[..., Protocol]] = {
    "loso": loso,
    "kfold": kfold,
    "leave-one-corpus-out": leave_one_corpus_out,
    "random": random,
    "speaker-dependent": speaker_dependent,
    "file": file,
}
"""Protocols for any corpus; the parameters of a function are those of its protocol.

A function with the argument `find` gets `lookup.find_protocol` of the dataset.
"""
