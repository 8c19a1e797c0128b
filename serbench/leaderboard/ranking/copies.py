"""Recognise copied predictions: the same scores, the same labels, or nearly the same mistakes.

Three kinds of copies are not recognised: those with more than about one label in twenty changed,
those with a few labels changed where the truth is not public, and those whose protocol, label set
or corpus has another name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from serbench.leaderboard.ranking.entry import Entry
from serbench.leaderboard.ranking.fingerprint import Fingerprint, Mistakes
from serbench.metrics.classification import Floats
from serbench.results import eligibility

SAME_MISTAKES = 0.8  # see `same_mistakes`; committed runs on RAVDESS share at most 0.60
FEW = 20  # runs with fewer mistakes are not compared
SAMPLE = 512  # at least so many utterances make the sample on which all pairs are compared first
LIKELY = 0.6  # pairs that share at least so many mistakes in the sample are compared in full


def noted(entries: Sequence[Entry]) -> list[Entry]:
    """Add notes to runs of one setting that have predictions in common with earlier runs."""
    ordered = sorted(entries, key=lambda entry: entry.age)
    notes: list[list[str]] = []
    owners: dict[tuple[str, str], Entry] = {}
    for entry in ordered:
        earlier: dict[tuple[str, str], Entry] = {}
        for fold in entry.fingerprint.folds:
            for digest in filter(None, (fold.scores, fold.answers)):
                owner = owners.setdefault((fold.name, digest), entry)
                if owner is not entry and not _is_same_configuration(entry, owner):
                    earlier[owner.folder, owner.run] = owner
        notes.append([_shared_note(entry, owner) for owner in earlier.values()])
    nearest: dict[int, tuple[float, int]] = {}
    for first, other, share in same_mistakes([entry.fingerprint for entry in ordered]):
        if not notes[other] and not _is_same_configuration(ordered[other], ordered[first]):
            nearest[other] = max(nearest.get(other, (0.0, 0)), (share, -first))
    for other, (share, first) in nearest.items():
        notes[other].append(
            f"nearly the same mistakes as {ordered[-first].run}: {100 * share:.0f} % of the "
            "mistakes of either are the same wrong answer"
        )
    return [
        replace(entry, notes=(*entry.notes, *new)) if new else entry
        for entry, new in zip(ordered, notes, strict=True)
    ]


def _is_same_configuration(entry: Entry, other: Entry) -> bool:
    """Return whether two runs are seeds of one configuration, from one sender."""
    return entry.configuration == other.configuration and entry.sender == other.sender


def _shared_note(entry: Entry, other: Entry) -> str:
    """Describe which folds of two runs have the same scores or labels."""
    scores, answers = shared(entry.fingerprint, other.fingerprint)
    total = len(entry.fingerprint.folds)
    return " and ".join(
        f"the same {kind} as {other.run} in {_folds(names, total)}"
        for kind, names in (("scores, number for number,", scores), ("answers", answers))
        if names
    )


def _folds(names: Sequence[str], total: int) -> str:
    if len(names) == total:
        return f"all {total} folds" if total > 1 else "its only fold"
    return f"{len(names)} of {total} folds ({', '.join(names)})"


def objected(entries: Sequence[Entry]) -> list[Entry]:
    """Object to runs of one setting that have the same predictions as an earlier run.

    A copy with other parameters would add to the pairs that ranks are adjusted for; a copy with
    another seed would make a row look stable. A deterministic model has the same predictions with
    every seed, so all its seeds count as one. Of runs that two senders added at the same time, no
    run counts as first.
    """
    same: dict[object, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.age):
        same.setdefault(_predictions(entry) if entry.ranked else entry.run, []).append(entry)
    return [entry for group in same.values() for entry in _objected(group)]


def _objected(group: Sequence[Entry]) -> Iterator[Entry]:
    """Yield runs with the same predictions, the oldest first."""
    first, *copies = group
    rivals = [copy for copy in copies if copy.seen == first.seen and copy.sender != first.sender]
    tied = bool(first.seen and rivals)
    together = eligibility.COPIED_TOGETHER
    yield first.with_objection(together.format(rivals[0].run)) if tied else first
    for copy in copies:
        if tied and copy in rivals:
            reason = together
        elif _is_same_configuration(copy, first):
            reason = eligibility.COPIED_SEED
        else:
            reason = eligibility.COPY
        yield copy.with_objection(reason.format(first.run))


def _predictions(entry: Entry) -> tuple[object, ...]:
    arrays = (entry.confusions, entry.by_speaker)
    return entry.speakers, *((counts.shape, counts.tobytes()) for counts in arrays)


def shared(ours: Fingerprint, theirs: Fingerprint) -> tuple[list[str], list[str]]:
    """Return the names of folds with the same scores, and of folds with only the same labels."""
    by_name = {fold.name: fold for fold in theirs.folds}
    pairs = [(fold, by_name[fold.name]) for fold in ours.folds if fold.name in by_name]
    scores = [fold.name for fold, other in pairs if fold.scores and fold.scores == other.scores]
    answers = [fold.name for fold, other in pairs if fold.answers and fold.answers == other.answers]
    return scores, [name for name in answers if name not in scores]


def same_mistakes(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of runs with nearly the same mistakes: two positions and a share.

    Of the utterances that at least one run gets wrong, the share is the fraction that get the same
    wrong label from both.
    """
    lengths: dict[int, list[int]] = {}
    for position, fingerprint in enumerate(fingerprints):
        lengths.setdefault(len(fingerprint.mistakes), []).append(position)
    for length, group in lengths.items():
        if length and len(group) > 1:
            mistakes = np.stack([fingerprints[position].mistakes for position in group])
            sample = mistakes[:, :: max(1, length // SAMPLE)]
            for first, other in np.argwhere(np.triu(_shares(sample) >= LIKELY, 1)).tolist():
                share = _share(mistakes[first], mistakes[other])
                if share >= SAME_MISTAKES:
                    yield group[first], group[other], share


def _share(ours: Mistakes, theirs: Mistakes) -> float:
    either = (ours > 0) | (theirs > 0)
    same = (ours == theirs) & either
    return float(same.sum() / either.sum()) if either.sum() >= FEW else 0.0


def _shares(mistakes: Mistakes) -> Floats:
    """Return the shares of all pairs at once, (runs, runs), from mistakes, (runs, utterances)."""
    both = _together(mistakes > 0)
    same = sum(_together(mistakes == label) for label in range(1, int(mistakes.max()) + 1))
    wrong = np.diagonal(both)
    shares: Floats = same / np.maximum(wrong[:, None] + wrong - both, 1)
    return shares


def _together(marked: npt.NDArray[np.bool_]) -> Floats:
    """Count for each pair of runs the utterances that both have marked: (runs, runs)."""
    marks = marked.astype(np.float32)
    return np.asarray(marks @ marks.T, np.float64)
