"""What keeps runs of one setting from being ranked together, seen only by looking at all of them.

Nothing here is a vote: whoever sends two runs must not outvote who sent one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from serbench.files import digest
from serbench.leaderboard.entries import SUBMITTERS_OWN, Entry

Audio = Mapping[str, str]


def of_one_audio(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Runs whose folds were made of the same audio, together, each group with its digest.

    Only folds that two runs both have can differ: of folds that compete in a group each run keeps
    the one that is best.
    """
    groups: list[tuple[dict[str, str], list[Entry]]] = []
    for entry in sorted(entries, key=_age):
        alike = (group for group in groups if _agree(group[0], entry.audio))
        known, together = next(alike, ({}, []))
        if not together:
            groups.append((known, together))
        known.update(entry.audio)
        together.append(entry)
    return [(digest(known) if known else "", together) for known, together in groups]


def _agree(first: Audio, other: Audio) -> bool:
    return all(first[name] == other[name] for name in first.keys() & other.keys())


def screened(entries: Iterable[Entry]) -> list[Entry]:
    """The same runs; those that cannot be ranked beside the others with an objection."""
    return _without_copies(_of_same_tests(list(entries)))


def _of_same_tests(entries: Sequence[Entry]) -> list[Entry]:
    """Object to counts of other utterances than those that are known to be the test's.

    The digests say that all were tested on the same. But where the labels are not public, the
    counts are the submitter's own words. What was recomputed shows what they must be; where nothing
    was, and two disagree, nobody can say who is right, and none of them is ranked.
    """
    sound = [entry for entry in entries if entry.ranked]
    sure = [entry for entry in sound if entry.status != SUBMITTERS_OWN]
    judges = sure or sound
    first = {_tests(one): one.run for one in sorted(judges, key=lambda one: one.run, reverse=True)}
    if len(first) > 1:
        one, other = sorted(first.values())[:2]
        words = f"{one} and {other} disagree about the test utterances, and nothing tells who errs"
        return [_objected(entry, words) if entry.ranked else entry for entry in entries]
    words = "its counts are not of the utterances that the recomputed runs were tested on"
    return [
        _objected(entry, words) if entry.ranked and _tests(entry) not in first else entry
        for entry in entries
    ]


def _tests(entry: Entry) -> tuple[object, ...]:
    """How often each label is true, by fold and by speaker."""
    folds, speakers = (one.sum(axis=-1) for one in (entry.confusions, entry.by_speaker))
    return entry.speakers, *((one.shape, one.tobytes()) for one in (folds, speakers))


def _without_copies(entries: Sequence[Entry]) -> list[Entry]:
    """Object to every run whose predictions another one made before.

    Copies under other parameters would raise what the ranks are adjusted for, and as seeds would
    make a row look steady. A model without chance has the same predictions with every seed, so all
    its seeds together are one.
    """
    first: dict[object, Entry] = {}
    found = []
    for entry in sorted(entries, key=_age):
        earlier = first.setdefault(_predictions(entry), entry) if entry.ranked else entry
        words = f"same predictions as {earlier.run}"
        if entry.configuration == earlier.configuration and entry.submitter == earlier.submitter:
            words += ", so both count as one seed"
        found.append(entry if earlier is entry else _objected(entry, words))
    return found


def _predictions(entry: Entry) -> tuple[object, ...]:
    arrays = (entry.confusions, entry.by_speaker)
    return entry.speakers, *((one.shape, one.tobytes()) for one in arrays)


def _age(entry: Entry) -> tuple[str, str, int, str]:
    return entry.submitted, entry.finished, entry.seed, entry.run


def _objected(entry: Entry, words: str) -> Entry:
    return replace(entry, objection="; ".join(filter(None, [entry.objection, words])))
