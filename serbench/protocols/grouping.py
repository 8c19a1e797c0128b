"""Divide the speakers of a corpus into groups that are even in size, labels and sexes."""

import math
from collections import Counter

from serbench.corpus import Corpus, Utterance


def grouped(corpus: Corpus, n: int) -> list[list[str]]:
    """Divide the speakers into n even groups, greedily in one pass.

    Speakers are taken by decreasing number of utterances, then by id. Each joins the group for
    which the sum of (c(g, k) / T(k))² over all groups g and kinds k grows least, and the first of
    equal groups; c(g, k) counts the utterances of kind k that are in g so far, T(k) those in the
    corpus. The kinds are each label, each sex, and all utterances (so that no group stays empty);
    all have the same weight. The computation uses only integers, so rounding has no effect.
    """

    def kinds(utterance: Utterance) -> tuple[str, str, str]:
        return "all", f"label {utterance.label}", f"sex {utterance.sex}"

    counts: dict[str, Counter[str]] = {speaker: Counter() for speaker in corpus.speakers}
    for utterance in corpus.utterances:
        if utterance.speaker:
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
