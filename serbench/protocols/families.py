"""Make folds of any corpus: leave one speaker out, n folds of speakers, n folds at random, a file.

Each protocol is deterministic in the corpus alone (and a seed), whatever library versions are
installed: it only counts, and sorts by the sha256 of ids. A family is one entry in `FAMILIES`: a
function that makes a `Protocol`, whose parameters users set (`kfold:n=5`).
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from serbench.corpus import PARTS, Corpus, Fold, Protocol, Utterance, sha256, speaker_fold
from serbench.errors import BadParameter, SerbenchError
from serbench.protocols.split_file import file

FEWEST = len(PARTS)
"""The least number of speakers or folds: one to train, one to validate, one to test."""


def loso() -> Protocol:
    """Leave one speaker out: each speaker, in sorted order, is the test set once.

    Validation is the next speaker cyclically; where the corpus has sessions, the next one who was
    recorded in none of the test speaker's sessions, if there is any.
    """
    return Protocol("loso", "leave one speaker out; validation is the next speaker", _loso_folds)


def _loso_folds(corpus: Corpus) -> list[Fold]:
    _require_enough(corpus, "loso", FEWEST, len(corpus.speakers), "speakers")
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
    """Test each of n groups of speakers once; validation is the next group.

    See `grouped` for how the groups are made.

    Raises:
        BadParameter: n is below 3.
    """
    name = f"kfold:n={n}"
    _require_enough_folds(name, n)

    def folds(corpus: Corpus) -> list[Fold]:
        _require_enough(corpus, name, n, len(corpus.speakers), "speakers")
        return rotated([corpus.of_speakers(speakers) for speakers in grouped(corpus, n)])

    summary = f"{n} groups of speakers, even in size, labels and sexes; validation is the next one"
    return Protocol(name, summary, folds, n=n)


def grouped(corpus: Corpus, n: int) -> list[list[str]]:
    """Divide the speakers into n groups that are as even as one pass makes them.

    The speakers come by falling number of utterances, then by id. Each joins the group that it
    keeps most even: with c(g, k) the utterances of kind k that group g holds so far, out of T(k)
    in the corpus, it is the group for which the sum of (c(g, k) / T(k))² over all groups and kinds
    grows least, the lowest where several tie. The kinds are each label, each sex, and the
    utterances altogether (so that no group stays empty), and all weigh the same. Integers only:
    no rounding can change the outcome.
    """

    def kinds(utterance: Utterance) -> tuple[str, str, str]:
        return "all", f"label {utterance.label}", f"sex {utterance.sex}"

    counts: dict[str, Counter[str]] = {speaker: Counter() for speaker in corpus.speakers}
    for utterance in corpus.utterances:
        counts[utterance.speaker].update(kinds(utterance))
    totals = sum(counts.values(), Counter())
    common = math.lcm(*totals.values())
    weight = {kind: (common // total) ** 2 for kind, total in totals.items()}
    groups: list[list[str]] = [[] for _ in range(n)]
    held: list[Counter[str]] = [Counter() for _ in range(n)]
    for speaker in sorted(counts, key=lambda name: (-counts[name]["all"], name)):
        # (c + b)² - c² is 2cb + b², and b² is the same in every group
        growth = [
            sum(weight[kind] * held[group][kind] * count for kind, count in counts[speaker].items())
            for group in range(n)
        ]
        best = growth.index(min(growth))
        groups[best].append(speaker)
        held[best].update(counts[speaker])
    return groups


def random(n: int = 6, seed: int = 0) -> Protocol:
    """Deal utterances to n folds at random, stratified by label: it shows what leakage is worth.

    Within a label utterances are sorted by the sha256 of "seed id"; labels follow one another in
    the corpus's order, and all are dealt as one sequence over the folds. Validation is the next
    fold.

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


def rotated(groups: Sequence[Sequence[str]]) -> list[Fold]:
    """Make folds 1 to n: each group of ids tests once, the next one validates, the others train."""
    folds = []
    for test in range(len(groups)):
        validation = (test + 1) % len(groups)
        train = [ids for k, ids in enumerate(groups) if k not in (test, validation)]
        folds.append(
            Fold(
                str(test + 1),
                train=tuple(sorted(itertools.chain(*train))),
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
    "random": random,
    "file": file,
}
"""Protocols for any corpus; their parameters are those of the functions."""
