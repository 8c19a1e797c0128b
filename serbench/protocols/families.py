"""Protocols for any corpus: leave one speaker out, n folds of speakers, n folds at random.

Each is deterministic in the corpus alone (and a seed), whatever library versions are installed:
what decides is counting, and the sha256 of ids.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence

from serbench.corpus import PARTS, Corpus, Fold, Protocol, Utterance, speaker_fold
from serbench.errors import BadParameter, SerbenchError

FEWEST = len(PARTS)
"""Speakers, or folds of them: one must train, one validate, one test."""


def loso() -> Protocol:
    """Leave one speaker out: each speaker, in sorted order, is the test set once.

    Validation is the next speaker cyclically; where the corpus has sessions, the next one who was
    recorded in none of the test speaker's sessions, if there is any.
    """
    return Protocol("loso", "leave one speaker out; validation is the next speaker", _loso_folds)


def _loso_folds(corpus: Corpus) -> list[Fold]:
    _need(corpus, "loso", FEWEST, len(corpus.speakers), "speakers")
    sessions: dict[str, set[str]] = {speaker: set() for speaker in corpus.speakers}
    for utterance in corpus.utterances:
        if utterance.session:
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
    """Each of n groups of speakers is the test set once; validation is the next group.

    How the groups are made is told at `grouped`.

    Raises:
        BadParameter: n is below 3.
    """
    name = f"kfold:n={n}"
    _enough(name, n)

    def folds(corpus: Corpus) -> list[Fold]:
        _need(corpus, name, n, len(corpus.speakers), "speakers")
        groups = [corpus.of_speakers(speakers) for speakers in grouped(corpus, n)]
        return rotated(groups)

    summary = f"{n} groups of speakers, even in size, labels and sexes; validation is the next one"
    return Protocol(name, summary, folds)


def grouped(corpus: Corpus, n: int) -> list[list[str]]:
    """The speakers in n groups that are as even as one pass makes them.

    The speakers come by falling number of utterances, then by id. Each joins the group that it
    keeps most even: with c(g, k) the utterances of kind k that group g holds so far, out of T(k)
    in the corpus, it is the group for which the sum of (c(g, k) / T(k))² over all groups and kinds
    grows least, the lowest where several tie. The kinds are each label, each sex, and the
    utterances altogether (so that no group stays empty), and all weigh the same. Integers only:
    no rounding can change the outcome.
    """
    brings: dict[str, Counter[str]] = {speaker: Counter() for speaker in corpus.speakers}
    for utterance in corpus.utterances:
        brings[utterance.speaker].update(_kinds(utterance))
    totals = sum(brings.values(), Counter())
    common = math.lcm(*totals.values())
    weight = {kind: (common // total) ** 2 for kind, total in totals.items()}
    groups: list[list[str]] = [[] for _ in range(n)]
    held: list[Counter[str]] = [Counter() for _ in range(n)]
    for speaker in sorted(brings, key=lambda one: (-brings[one]["all"], one)):
        # (c + b)² - c² is 2cb + b², and b² is the same in every group
        growth = [
            sum(weight[kind] * held[group][kind] * count for kind, count in brings[speaker].items())
            for group in range(n)
        ]
        best = growth.index(min(growth))
        groups[best].append(speaker)
        held[best].update(brings[speaker])
    return groups


def _kinds(utterance: Utterance) -> tuple[str, str, str]:
    return "all", f"label {utterance.label}", f"sex {utterance.sex}"


def random(n: int = 6, seed: int = 0) -> Protocol:
    """Utterances dealt to n folds at random, stratified by label: what leakage is worth.

    Within a label they come by the sha256 of "seed id"; labels follow one another in the corpus's
    order, and all are dealt as one sequence over the folds. Validation is the next fold.

    Raises:
        BadParameter: n is below 3.
    """
    name = f"random:n={n},seed={seed}"
    _enough(name, n)

    def folds(corpus: Corpus) -> list[Fold]:
        _need(corpus, name, n, len(corpus.utterances), "utterances")
        order = sorted(
            corpus.utterances,
            key=lambda one: (corpus.labels.index(one.label), sha256(f"{seed} {one.id}")),
        )
        return rotated([[one.id for one in order[k::n]] for k in range(n)])

    return Protocol(
        name,
        f"{n} random folds of utterances, stratified by label: shows the price of leakage",
        folds,
        leaks="utterances are dealt at random, so speakers are in training, validation and test "
        "sets alike: it shows what leakage is worth",
    )


def sha256(text: str) -> str:
    """The hexadecimal sha256 of a text: an order that no library's version can change."""
    return hashlib.sha256(text.encode()).hexdigest()


def rotated(groups: Sequence[Sequence[str]]) -> list[Fold]:
    """Folds 1 to n: each group of ids tests once, the next one validates, the others train."""
    folds = []
    for test in range(len(groups)):
        validation = (test + 1) % len(groups)
        others = [ids for k, ids in enumerate(groups) if k not in (test, validation)]
        folds.append(
            Fold(
                str(test + 1),
                train=tuple(sorted(one for ids in others for one in ids)),
                validation=tuple(sorted(groups[validation])),
                test=tuple(sorted(groups[test])),
            )
        )
    return folds


def held_out(
    corpus: Corpus, train: Sequence[str], test: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training and validation ids out of the training ids of a split that has no validation set.

    Validation is every fifth training speaker in sorted order (the fifth, the tenth, ...; the last
    where there are fewer than five). Where training and test share speakers anyway, it is the tenth
    of the training ids (at least one) whose sha256 is lowest.
    """
    speaker = {one: corpus.by_id[one].speaker for one in train}
    speakers = sorted(set(speaker.values()))
    if any(corpus.by_id[one].speaker in speakers for one in test):
        chosen = set(sorted(train, key=sha256)[: max(1, len(train) // 10)])
    else:
        picked = speakers[4::5] or speakers[-1:]
        chosen = {one for one in train if speaker[one] in picked}
    return tuple(sorted(set(train) - chosen)), tuple(sorted(chosen))


def _enough(name: str, n: int) -> None:
    if n < FEWEST:
        raise BadParameter(
            f"protocol {name} has too few folds: one must train, one validate and one test; "
            f"choose n={FEWEST} or more"
        )


def _need(corpus: Corpus, name: str, least: int, found: int, what: str) -> None:
    if found < FEWEST:
        raise SerbenchError(
            f"corpus {corpus.name} has {found} {what}, but protocol {name} needs at least "
            f"{FEWEST}: some to train, some to validate and some to test"
        )
    if found < least:
        raise SerbenchError(
            f"protocol {name} needs at least {least} {what}, but corpus {corpus.name} has "
            f"{found}: choose n from {FEWEST} to {found}"
        )
