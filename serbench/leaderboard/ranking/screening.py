"""What keeps runs of one setting from being ranked together, seen only by looking at all of them.

Nothing here is a vote: whoever sends two runs must not outvote who sent one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from serbench.files import digest
from serbench.leaderboard.ranking import copies
from serbench.leaderboard.ranking.entry import SUBMITTERS_OWN, Entry
from serbench.results import eligibility

Audio = Mapping[str, str]
Group = tuple[str, list[Entry]]


def groups(entries: Sequence[Entry]) -> list[Group]:
    """Prepare runs of one setting for ranking: a group for each audio, with its digest.

    Runs that cannot be ranked get an objection, and runs that need a look get a note.
    """
    found = of_one_audio(_compared(entries))
    usual = next((audio for audio, those in found if any(one.ranked for one in those)), "")
    return [(audio, screened(those if audio == usual else _heard(those))) for audio, those in found]


def by_setting(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Group runs of the same utterances under the same protocol and labels."""
    found: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.setting, []).append(entry)
    return list(found.values())


def of_one_audio(entries: Iterable[Entry]) -> list[Group]:
    """Runs whose folds were made of the same audio, together, each group with its digest.

    Only folds that two runs both have can differ: of folds that compete in a group each run keeps
    the one that is best. The group of the run that was there first is the first.
    """
    found: list[tuple[dict[str, str], list[Entry]]] = []
    for entry in sorted(entries, key=lambda one: one.age):
        alike = (group for group in found if _agree(group[0], entry.audio))
        known, together = next(alike, ({}, []))
        if not together:
            found.append((known, together))
        known.update(entry.audio)
        together.append(entry)
    return [(digest(known) if known else "", together) for known, together in found]


def _heard(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Object to audio that only one sender has, unless the runs are the user's own.

    Otherwise a sender could make other audio, and lead a table without competitors.
    """
    senders = {entry.account for entry in entries if entry.account}
    if len(senders) > 1 or not all(entry.folder for entry in entries):
        return entries
    return [
        entry.with_objection(eligibility.LONE_AUDIO) if entry.ranked else entry for entry in entries
    ]


def _compared(entries: Sequence[Entry]) -> list[Entry]:
    """Return the runs, with notes on what they have in common with earlier ones."""
    ordered = sorted(entries, key=lambda one: one.age)
    notes: dict[int, list[str]] = {}
    owners: dict[tuple[str, str], int] = {}
    for at, entry in enumerate(ordered):
        earlier: dict[int, None] = {}
        for fold in entry.traces.folds:
            for digest_ in filter(None, (fold.scores, fold.answers)):
                first = owners.setdefault((fold.name, digest_), at)
                if first != at and not _same_run(entry, ordered[first]):
                    earlier[first] = None
        notes[at] = [_alike(entry, ordered[first]) for first in earlier]
    best: dict[int, tuple[float, int]] = {}
    for first, at, share in copies.same_mistakes([one.traces for one in ordered]):
        if not notes[at] and not _same_run(ordered[at], ordered[first]):
            best[at] = max(best.get(at, (0.0, 0)), (share, -first))
    for at, (share, first) in best.items():
        notes[at].append(
            f"nearly the same mistakes as {ordered[-first].run}: {100 * share:.0f} % of the "
            "mistakes of either are the same wrong answer"
        )
    return [
        replace(one, notes=(*one.notes, *notes[at])) if notes[at] else one
        for at, one in enumerate(ordered)
    ]


def _same_run(entry: Entry, other: Entry) -> bool:
    """Return whether two runs are seeds of one configuration, from one sender."""
    return entry.configuration == other.configuration and entry.sender == other.sender


def _alike(entry: Entry, other: Entry) -> str:
    """Say which folds are the same in two runs."""
    scores, answers = copies.shared(entry.traces, other.traces)
    told = [
        f"the same {what} as {other.run} in {_folds(names, len(entry.traces.folds))}"
        for what, names in (("scores, number for number,", scores), ("answers", answers))
        if names
    ]
    return " and ".join(told)


def _folds(names: Sequence[str], of: int) -> str:
    if len(names) == of:
        return f"all {of} folds" if of > 1 else "its only fold"
    return f"{len(names)} of {of} folds ({', '.join(names)})"


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
        reason = eligibility.DISAGREEMENT.format(one, other)
        return [entry.with_objection(reason) if entry.ranked else entry for entry in entries]
    return [
        entry.with_objection(eligibility.OTHER_UTTERANCES)
        if entry.ranked and _tests(entry) not in first
        else entry
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
    its seeds together are one. If runs of two senders were added together, neither was first.
    """
    alike: dict[object, list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: one.age):
        alike.setdefault(_predictions(entry) if entry.ranked else entry.run, []).append(entry)
    return [entry for group in alike.values() for entry in _but_the_first(group)]


def _but_the_first(group: Sequence[Entry]) -> list[Entry]:
    first = group[0]
    rivals = [one for one in group if one.seen == first.seen and one.sender != first.sender]
    if first.seen and rivals:
        tie = eligibility.COPIED_TOGETHER
        found = [first.with_objection(tie.format(rivals[0].run))]
        found += [one.with_objection(tie.format(first.run)) for one in rivals]
        return found + [_as_copy(one, first) for one in group[1:] if one not in rivals]
    return [first, *(_as_copy(one, first) for one in group[1:])]


def _as_copy(entry: Entry, first: Entry) -> Entry:
    seed = _same_run(entry, first)
    reason = eligibility.COPIED_SEED if seed else eligibility.COPY
    return entry.with_objection(reason.format(first.run))


def _predictions(entry: Entry) -> tuple[object, ...]:
    arrays = (entry.confusions, entry.by_speaker)
    return entry.speakers, *((one.shape, one.tobytes()) for one in arrays)
