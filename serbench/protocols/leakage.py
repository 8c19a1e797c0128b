"""The leakage certificate: what a fold's training, validation and test sets share."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serbench.corpus import PARTS, Corpus, Fold, Protocol
from serbench.errors import LeakageError, SerbenchError

PAIRS = tuple(itertools.combinations(PARTS, 2))
FORBIDDEN = ("speakers", "audio")
KINDS = (*FORBIDDEN, "sessions", "dialogues")
EXAMPLES = 3
SCHEMA = 1


@dataclass(frozen=True)
class Shared:
    """What two sets share.

    Attributes:
        count: how many speakers, recordings, sessions or dialogues.
        examples: the first few: names, or for audio two utterances that are identical, "a = b".
    """

    count: int
    examples: tuple[str, ...]


Overlaps = Mapping[str, Shared]
"""For each pair of sets, "train|validation", "train|test", "validation|test"."""

Keys = Mapping[str, Sequence[str | None]]
"""For each set what is compared of its utterances, in their order."""


@dataclass(frozen=True)
class Certificate:
    """What the sets of one fold share. Speakers and audio must not be shared, the rest may.

    Attributes:
        speakers: speakers in both sets of a pair.
        audio: recordings that are in both, sample for sample, whatever their names.
        sessions: sessions in both.
        dialogues: conversations in both.
        audio_checked: the audio of every utterance of the fold was compared.
    """

    speakers: Overlaps
    audio: Overlaps
    sessions: Overlaps
    dialogues: Overlaps
    audio_checked: bool

    @property
    def clean(self) -> bool:
        """No shared speaker and no shared audio was found; see `audio_checked`."""
        return not any(
            shared.count for what in FORBIDDEN for shared in getattr(self, what).values()
        )

    def counts(self, pair: tuple[str, str]) -> dict[str, int]:
        """How many of each kind the two sets of a pair share."""
        return {what: getattr(self, what)["|".join(pair)].count for what in KINDS}


def to_json(certificate: Certificate) -> dict[str, object]:
    """The certificate as plain JSON values, for a result file."""
    return {
        "schema": SCHEMA,
        "clean": certificate.clean,
        "audio_checked": certificate.audio_checked,
        **{what: _plain(getattr(certificate, what)) for what in KINDS},
    }


def _plain(overlaps: Overlaps) -> dict[str, object]:
    return {
        pair: {"count": shared.count, "examples": list(shared.examples)}
        for pair, shared in overlaps.items()
    }


def from_json(data: object) -> Certificate:
    """The certificate that `to_json` wrote; `clean` is computed anew, never believed.

    Raises:
        SerbenchError: it is none, or of another schema.
    """
    schema = data.get("schema") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or schema != SCHEMA:
        raise SerbenchError(
            f"a leakage certificate of schema {schema!r} cannot be read here, only schema "
            f"{SCHEMA}: install the serbench that wrote it, or run the fold again"
        )
    try:
        overlaps = {what: _read(data[what]) for what in KINDS}
        return Certificate(**overlaps, audio_checked=data["audio_checked"] is True)
    except (KeyError, TypeError, ValueError) as error:
        raise SerbenchError(
            f"a leakage certificate is damaged ({type(error).__name__}: {error}): "
            "run the fold again"
        ) from error


def _read(value: object) -> Overlaps:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not an object")
    pairs = {"|".join(pair): value["|".join(pair)] for pair in PAIRS}
    return {
        pair: Shared(int(found["count"]), tuple(map(str, found["examples"])))
        for pair, found in pairs.items()
    }


Checked = Sequence[tuple[Fold, Certificate]]


def certify(corpus: Corpus, fold: Fold, audio: Mapping[str, str]) -> Certificate:
    """Look for everything that must not, or may, be shared between the sets of a fold.

    Args:
        corpus: it tells who speaks an utterance, and in which session and dialogue.
        fold: ids that the corpus has; `serbench.protocols.lookup.make_folds` sees to that.
        audio: from an utterance's id to the sha256 of its samples; empty where no audio is at
            hand. Identical audio within one set is no leak.
    """
    ids = _ids(fold)

    def told(what: str) -> Keys:
        return {part: [getattr(corpus.by_id[one], what) for one in ids[part]] for part in PARTS}

    return Certificate(
        speakers=shared_speakers(corpus, fold),
        audio=_overlaps(
            ids, {part: [audio.get(one) for one in ids[part]] for part in PARTS}, twins=True
        ),
        sessions=_overlaps(ids, told("session"), unknown=""),
        dialogues=_overlaps(ids, told("dialogue"), unknown=""),
        audio_checked=all(audio.keys() >= set(ids[part]) for part in PARTS),
    )


def shared_speakers(corpus: Corpus, fold: Fold) -> Overlaps:
    """The speakers that the sets of a fold share: of a certificate what needs no audio."""
    ids, known = _ids(fold), corpus.by_id
    return _overlaps(ids, {part: [known[one].speaker for one in ids[part]] for part in PARTS})


_Ids = Mapping[str, Sequence[str]]


def _ids(fold: Fold) -> _Ids:
    """The ids of each set, backwards: the last of a key stays in a dict, so that is the first."""
    return {part: getattr(fold, part)[::-1] for part in PARTS}


def _overlaps(ids: _Ids, keys: Keys, unknown: str | None = None, twins: bool = False) -> Overlaps:
    found = {part: dict(zip(keys[part], ids[part], strict=True)) for part in PARTS}
    for first in found.values():
        first.pop(unknown, None)
    return {f"{a}|{b}": _shared(found[a], found[b], twins) for a, b in PAIRS}


def _shared(
    first: Mapping[str | None, str], second: Mapping[str | None, str], twins: bool
) -> Shared:
    both = first.keys() & second.keys()
    names = sorted(f"{first[key]} = {second[key]}" if twins else str(key) for key in both)
    return Shared(len(both), tuple(names[:EXAMPLES]))


def require_clean(protocol: Protocol, checked: Checked) -> None:
    """Refuse folds whose sets share speakers or audio, unless their protocol says that they do.

    Raises:
        LeakageError: folds leak; the message counts them, and names the first one with its pairs of
            sets and examples of what they share.
    """
    leaking = [(fold, certificate) for fold, certificate in checked if not certificate.clean]
    if not leaking or protocol.leaks:
        return
    fold, certificate = leaking[0]
    where = f"fold {fold.name} of protocol {protocol.name} leaks"
    if len(leaking) > 1:
        where = (
            f"{len(leaking)} of {len(checked)} folds of protocol {protocol.name} leak, such as "
            f"fold {fold.name}"
        )
    twins = any(shared.count for shared in certificate.audio.values())
    mend = "mend the split" + (", remove one of two identical recordings" if twins else "")
    raise LeakageError(
        f"{where}: {'; '.join(_found(certificate))}. No speaker and no recording may be in two "
        f"sets: {mend}, or declare that it leaks (file:path=...,leaks=true, or Protocol.leaks in a "
        "plugin), and it is never ranked"
    )


def _found(certificate: Certificate) -> list[str]:
    nouns = {"speakers": ("speaker", "speakers"), "audio": ("recording", "recordings")}
    return [
        f"{' and '.join(pair.split('|'))} share {shared.count} {nouns[what][shared.count > 1]} "
        f"({', '.join(shared.examples)}{', ...' if shared.count > len(shared.examples) else ''})"
        for what in FORBIDDEN
        for pair, shared in getattr(certificate, what).items()
        if shared.count
    ]


def check(corpus: Corpus, folds: Sequence[Fold], audio: Mapping[str, str]) -> Checked:
    """Every fold with its certificate; what `rows` shows and `require_clean` judges."""
    return [(fold, certify(corpus, fold, audio)) for fold in folds]


def rows(checked: Checked) -> list[dict[str, object]]:
    """One row a fold and pair of sets: how many of each kind they share, and the verdict.

    The audio is None where it was not checked and nothing was found.
    """
    return [
        {
            "fold": fold.name,
            "sets": " | ".join(pair),
            "speakers": counts["speakers"],
            "audio": counts["audio"] if certificate.audio_checked else counts["audio"] or None,
            "sessions": counts["sessions"],
            "dialogues": counts["dialogues"],
            "verdict": "leaks" if counts["speakers"] or counts["audio"] else "clean",
        }
        for fold, certificate in checked
        for pair in PAIRS
        for counts in [certificate.counts(pair)]
    ]
