"""A submission's folds must be those of its protocol on its corpus, utterance by utterance.

Each check yields a reason for everything that does not hold.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache

import numpy as np

from serbench.contracts import Array
from serbench.corpus import PARTS, Fold
from serbench.errors import SerbenchError
from serbench.leaderboard.foldfiles import FoldFile
from serbench.leaderboard.references import Reference
from serbench.leaderboard.submission import Sent
from serbench.protocols import leakage

Reasons = Iterator[str]


def folds(sent: Sent, reference: Reference) -> Reasons:
    """Every fold of the protocol is there once, and is what the protocol says."""
    first = sent.files[0].facts
    if first["pins"]["corpus"] != reference.corpus.digest:
        yield (
            f"it was made of another corpus: the digest is {first['pins']['corpus'][:16]}…, that "
            f"of {reference.corpus.name} with these labels {reference.corpus.digest[:16]}…"
        )
    if first["pins"]["protocol"] != reference.digest:
        yield (
            f"its folds are not those of the protocol {first['config']['protocol']}: the digest "
            f"is {first['pins']['protocol'][:16]}…, not {reference.digest[:16]}…"
        )
    if tuple(first["labels"]) != reference.corpus.labels:
        yield (
            f"its labels are {', '.join(first['labels'])}; those of the label set "
            f"{first['config']['labels']} are {', '.join(reference.corpus.labels)}, in this order"
        )
    if bool(first["protocol"]["leaks"]) != bool(reference.leaks):
        yield leaking(reference.leaks)
    there = {file.facts["fold"]["index"] for file in sent.files}
    for position, fold in enumerate(reference.folds):
        if position not in there:
            yield f"fold {fold.name} of the protocol is missing"
    for file in sent.files:
        yield from _fold(file, reference)


def leaking(leaks: str) -> str:
    """The reason, where a submission says otherwise of its protocol."""
    does = f"leaks ({leaks})" if leaks else "does not leak"
    return f"it says otherwise, but its protocol {does}"


def _fold(file: FoldFile, reference: Reference) -> Reasons:
    said = file.facts["fold"]
    if said["index"] >= len(reference.folds):
        yield f"{file.name}: the protocol has only {len(reference.folds)} folds"
        return
    fold = reference.folds[said["index"]]
    sizes = {part: len(getattr(fold, part)) for part in PARTS}
    for key, value in {"name": fold.name, "group": fold.group, "utterances": sizes}.items():
        if said[key] != value:
            yield f"{file.name}: the fold's {key} is {said[key]!r}, in the protocol {value!r}"
    if file.facts["protocol"]["folds"] != len(reference.folds):
        yield f"{file.name} says that the protocol has {file.facts['protocol']['folds']} folds"
    if fold.group and not file.has_validation:
        yield f"{file.name} lacks its validation set, by which folds compete"
    for part in ("test", "validation") if file.has_validation else ("test",):
        yield from _set(file, part, fold, reference)
    yield from _certificate(file, reference.shared[said["index"]], bool(reference.leaks))


def _set(file: FoldFile, part: str, fold: Fold, reference: Reference) -> Reasons:
    """Every utterance of the set once, with its own speaker and its own label."""
    where, ids, wanted = f"{file.name}, {part} set", file.ids(part), getattr(fold, part)
    if ids != tuple(wanted):  # as evaluate writes them they are
        yield from _ids(where, ids, wanted)
        if not reference.speakers.keys() >= set(ids):
            return
    truth = position_of(ids, reference)
    scored = file.scored(part, truth)
    speakers = _speakers_of(ids, reference)
    if speakers != scored.speakers:
        wrong = [a for a, b, c in zip(ids, scored.speakers, speakers, strict=True) if b != c]
        yield f"{where}: {len(wrong)} utterances have another speaker's name, {_some(wrong)}"
    if f"{part}.truth" in file.arrays:
        wrong = [ids[at] for at in np.flatnonzero(file.arrays[f"{part}.truth"] != truth)]
        if wrong:
            yield f"{where}: {len(wrong)} utterances have another label, {_some(wrong)}"


@lru_cache(maxsize=256)  # hundreds of runs have the same ids in the same folds
def position_of(ids: tuple[str, ...], reference: Reference) -> Array:
    """The true labels of utterances, as positions in the labels; nobody may change them."""
    found = np.fromiter(map(reference.positions.__getitem__, ids), np.int64, len(ids))
    found.setflags(write=False)
    return found


@lru_cache(maxsize=256)
def _speakers_of(ids: tuple[str, ...], reference: Reference) -> tuple[str, ...]:
    return tuple(map(reference.speakers.__getitem__, ids))


def _ids(where: str, ids: tuple[str, ...], wanted: Collection[str]) -> Reasons:
    """Every utterance is there once, and no other."""
    if twice := [one for one, times in Counter(ids).items() if times > 1]:
        yield f"{where}: {len(twice)} utterances are there twice, {_some(twice)}"
    if other := sorted(set(ids) - set(wanted)):
        yield f"{where}: {len(other)} utterances are not of this fold, {_some(other)}"
    if lacking := sorted(set(wanted) - set(ids)):
        yield f"{where}: {len(lacking)} utterances of this fold are missing, {_some(lacking)}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:2]) + ", …" * (len(names) > 2)


def _certificate(file: FoldFile, shared: leakage.Overlaps, leaky: bool) -> Reasons:
    """The leakage certificate says what is so."""
    try:
        certificate = leakage.from_json(file.facts["certificate"])
    except SerbenchError as error:
        yield f"{file.name}: {error}"
        return
    if certificate.clean != file.facts["certificate"]["clean"]:
        yield f"{file.name}: the leakage certificate's verdict is not what its counts say"
    if certificate.speakers != shared:
        pair, real = max(shared.items(), key=lambda one: one[1].count)
        sets = pair.replace("|", " and ")
        yield f"{file.name}: its certificate is wrong: {sets} share {real.count} speakers"
    if not leaky and not certificate.clean:
        yield f"{file.name}: its certificate is not clean, so the fold leaks"
