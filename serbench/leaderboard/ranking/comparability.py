"""Decide which runs of one setting may be ranked together: same audio, same tests, no copies.

Nothing here is decided by majority: a sender of two runs must not outvote a sender of one.
"""

from collections.abc import Iterable, Sequence

from serbench.files import digest
from serbench.leaderboard.ranking import copies
from serbench.leaderboard.ranking.entry import SUBMITTERS_OWN, Entry
from serbench.results import eligibility

Group = tuple[str, list[Entry]]


def comparable_groups(entries: Iterable[Entry]) -> list[list[Group]]:
    """Prepare runs for ranking: for each setting, groups of runs on the same audio.

    Each group comes with the digest of its audio. Runs that cannot be ranked get an objection, and
    runs that somebody should look at get a note.
    """
    settings: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        settings.setdefault(entry.setting, []).append(entry)
    return [_screened(_by_audio(copies.noted(runs))) for runs in settings.values()]


def _screened(groups: Sequence[Group]) -> list[Group]:
    usual = next((audio for audio, runs in groups if any(run.ranked for run in runs)), "")
    return [
        (audio, copies.objected(_of_same_tests(runs if audio == usual else _of_two_senders(runs))))
        for audio, runs in groups
    ]


def _by_audio(entries: Iterable[Entry]) -> list[Group]:
    """Group runs on the same audio, each group with the digest of its audio, oldest run first.

    Runs are compared only on the folds that they share: where folds compete, each run keeps only
    its best fold. Imported runs, whose audio is unknown, join the first group.
    """
    groups: list[tuple[dict[str, str], list[Entry]]] = []
    for entry in sorted(entries, key=lambda entry: entry.age):
        for audio, runs in groups:
            known = {fold: pin for fold, pin in entry.audio.items() if pin}
            if all(audio[fold] == known[fold] for fold in audio.keys() & known.keys()):
                audio.update(known)
                runs.append(entry)
                break
        else:
            groups.append(({fold: pin for fold, pin in entry.audio.items() if pin}, [entry]))
    return [(digest(audio) if audio else "", runs) for audio, runs in groups]


def _of_two_senders(entries: list[Entry]) -> list[Entry]:
    """Object to audio that only one sender used, unless the runs are the user's own.

    Otherwise a sender could change the audio, and lead a table without competitors.
    """
    senders = {entry.account for entry in entries if entry.account}
    if len(senders) > 1 or not all(entry.folder for entry in entries):
        return entries
    return [_objected(entry, eligibility.LONE_AUDIO) for entry in entries]


def _objected(entry: Entry, reason: str) -> Entry:
    return entry.with_objection(reason) if entry.ranked else entry


def _of_same_tests(entries: Sequence[Entry]) -> list[Entry]:
    """Object to numbers of utterances per label that differ from those of the test sets.

    By their digests, all runs have the same test utterances, but where labels are not public, how
    many have each label is only the submitter's claim. Recomputed runs show the true numbers; if no
    run is recomputed and two runs disagree, none is ranked.
    """
    sound = [entry for entry in entries if entry.ranked]
    sure = [entry for entry in sound if entry.status != SUBMITTERS_OWN]
    trusted = sorted(sure or sound, key=lambda entry: entry.run, reverse=True)
    first = {_tests(entry): entry.run for entry in trusted}
    if len(first) > 1:
        reason = eligibility.DISAGREEMENT.format(*sorted(first.values())[:2])
        return [_objected(entry, reason) for entry in entries]
    return [
        entry if _tests(entry) in first else _objected(entry, eligibility.OTHER_UTTERANCES)
        for entry in entries
    ]


def _tests(entry: Entry) -> tuple[object, ...]:
    """Return the number of utterances of each label, by fold and by speaker."""
    folds, speakers = (counts.sum(axis=-1) for counts in (entry.confusions, entry.by_speaker))
    return entry.speakers, *((counts.shape, counts.tobytes()) for counts in (folds, speakers))
