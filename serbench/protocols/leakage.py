"""Certify which speakers, audio, sessions and dialogues the sets of a fold share."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from serbench import tables
from serbench.corpus import PARTS, Corpus, Fold, Protocol
from serbench.errors import LeakageError, SerbenchError

PAIRS = tuple(itertools.combinations(PARTS, 2))
FORBIDDEN = ("speakers", "audio")
KINDS = (*FORBIDDEN, "sessions", "dialogues")
SPEAKERLESS = "speakerless"
EXAMPLES = 3
SCHEMA = 1


@dataclass(frozen=True)
class Shared:
    """How many speakers, recordings, sessions or dialogues two sets share, and the first few.

    Examples are names; for audio, they are pairs of identical utterances, "a = b".
    """

    count: int
    examples: tuple[str, ...]


Overlaps = Mapping[str, Shared]
"""For each pair of sets, "train|validation", "train|test", "validation|test"."""


@dataclass(frozen=True)
class Certificate:
    """The speakers, audio, sessions and dialogues that the sets of a fold share.

    Speakers and audio must not be shared; sessions and dialogues may.

    Recordings are compared sample for sample, whatever their names; `audio_checked` is true if
    this was done for every utterance of the fold. `speakerless` counts the utterances of unknown
    speakers in each set; they may only train.
    """

    speakers: Overlaps
    audio: Overlaps
    sessions: Overlaps
    dialogues: Overlaps
    audio_checked: bool
    speakerless: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))

    @property
    def clean(self) -> bool:
        """Whether no shared speaker and no shared audio was found; see `audio_checked`.

        False too if utterances of unknown speakers validate or test.
        """
        return all(_is_clean(self, pair) for pair in PAIRS)

    def counts(self, pair: tuple[str, str]) -> dict[str, int]:
        """Count what the two sets of a pair share, by kind."""
        return {kind: getattr(self, kind)["|".join(pair)].count for kind in KINDS}


def to_json(certificate: Certificate) -> dict[str, object]:
    """Return the certificate as plain JSON values, for a result file."""
    speakerless = certificate.speakerless.values()
    return {
        "schema": SCHEMA,
        "clean": certificate.clean,
        "audio_checked": certificate.audio_checked,
        **{
            kind: {
                pair: {"count": shared.count, "examples": list(shared.examples)}
                for pair, shared in getattr(certificate, kind).items()
            }
            for kind in KINDS
        },
        **({SPEAKERLESS: dict(certificate.speakerless)} if any(speakerless) else {}),
    }


def from_json(data: object) -> Certificate:
    """Return the certificate that `to_json` wrote; the stored `clean` is ignored, and recomputed.

    Raises:
        SerbenchError: it is damaged, or has another schema.
    """
    schema = data.get("schema") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or schema != SCHEMA:
        raise SerbenchError(
            f"a leakage certificate of schema {schema!r} cannot be read here, only schema "
            f"{SCHEMA}: install the serbench that wrote it, or run the fold again"
        )

    def read(overlaps: object) -> Overlaps:
        if not isinstance(overlaps, Mapping):
            raise TypeError(f"{overlaps!r} is not an object")
        shared = {"|".join(pair): overlaps["|".join(pair)] for pair in PAIRS}
        return {
            pair: Shared(int(row["count"]), tuple(map(str, row["examples"])))
            for pair, row in shared.items()
        }

    try:
        overlaps = {kind: read(data[kind]) for kind in KINDS}
        counts = {part: int(data.get(SPEAKERLESS, {}).get(part, 0)) for part in PARTS}
        return Certificate(
            **overlaps, audio_checked=data["audio_checked"] is True, speakerless=counts
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SerbenchError(
            f"a leakage certificate is damaged ({type(error).__name__}: {error}): "
            "run the fold again"
        ) from error


Checked = Sequence[tuple[Fold, Certificate]]


def certify(corpus: Corpus, fold: Fold, audio: Mapping[str, str]) -> Certificate:
    """Return what the sets of a fold share, whether that is allowed or not.

    Args:
        corpus: speakers, sessions and dialogues of the utterances.
        fold: a fold whose ids are in the corpus, as `serbench.protocols.lookup.make_folds` checks.
        audio: from the id of an utterance to the sha256 of its samples; empty without audio.
            Identical audio within one set is not a leak.
    """
    utterances = corpus.utterances
    return Certificate(
        speakers=shared_speakers(corpus, fold),
        audio=_overlaps(fold, audio, twins=True),
        sessions=_overlaps(fold, {row.id: row.session for row in utterances if row.session}),
        dialogues=_overlaps(fold, {row.id: row.dialogue for row in utterances if row.dialogue}),
        audio_checked=all(audio.keys() >= set(getattr(fold, part)) for part in PARTS),
        speakerless=speakerless(corpus, fold),
    )


def shared_speakers(corpus: Corpus, fold: Fold) -> Overlaps:
    """Return the known speakers that the sets of a fold share; this needs no audio."""
    return _overlaps(fold, {row.id: row.speaker for row in corpus.utterances if row.speaker})


def speakerless(corpus: Corpus, fold: Fold) -> dict[str, int]:
    """Count the utterances of unknown speakers in each set."""
    unknown = set(corpus.speakerless)
    return {part: len(unknown.intersection(getattr(fold, part))) for part in PARTS}


def _overlaps(fold: Fold, keys: Mapping[str, str], twins: bool = False) -> Overlaps:
    """Return the keys that each pair of sets shares; utterances without a key are left out."""
    ids = {  # reversed, so that the first id of a key is kept
        part: {keys[id_]: id_ for id_ in getattr(fold, part)[::-1] if id_ in keys} for part in PARTS
    }
    overlaps = {}
    for pair in PAIRS:
        first, other = (ids[part] for part in pair)
        both = first.keys() & other.keys()
        names = sorted(f"{first[key]} = {other[key]}" if twins else key for key in both)
        overlaps["|".join(pair)] = Shared(len(both), tuple(names[:EXAMPLES]))
    return overlaps


def require_clean(protocol: Protocol, checked: Checked) -> None:
    """Refuse folds whose sets share speakers or audio, unless their protocol declares it.

    Raises:
        LeakageError: folds leak; the message counts them, and describes the first one with examples
            of shared speakers or audio.
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
    tested = {part: certificate.speakerless[part] for part in ("validation", "test")}
    if not any(
        shared.count for kind in FORBIDDEN for shared in getattr(certificate, kind).values()
    ):
        part, count = max(tested.items(), key=lambda item: item[1])
        raise LeakageError(
            f"{where}: {part} has {tables.count(count, 'utterance')} of unknown speakers, who may "
            "speak in training too: keep them in training, or declare that the split leaks "
            "(file:path=...,leaks=true, or Protocol.leaks in a plugin), and it is never ranked"
        )
    nouns = {"speakers": "speaker", "audio": "recording"}
    leaks = [
        f"{' and '.join(pair.split('|'))} share {tables.count(shared.count, nouns[kind])} "
        f"({', '.join(shared.examples)}{', ...' if shared.count > len(shared.examples) else ''})"
        for kind in FORBIDDEN
        for pair, shared in getattr(certificate, kind).items()
        if shared.count
    ]
    twins = any(shared.count for shared in certificate.audio.values())
    fix = "fix the split" + (", remove one of two identical recordings" if twins else "")
    raise LeakageError(
        f"{where}: {'; '.join(leaks)}. No speaker and no recording may be in two sets: {fix}, or "
        "declare that it leaks (file:path=...,leaks=true, or Protocol.leaks in a plugin), and it "
        "is never ranked"
    )


def check(corpus: Corpus, folds: Sequence[Fold], audio: Mapping[str, str]) -> Checked:
    """Certify every fold, for `rows` and `require_clean`."""
    return [(fold, certify(corpus, fold, audio)) for fold in folds]


def rows(checked: Checked) -> list[dict[str, object]]:
    """Return a row for each fold and pair of sets: counts of what they share, and the verdict.

    The audio is None if not all audio was checked and no shared audio was found. Where utterances
    have no known speaker, a column counts those of both sets.
    """
    has_unknown = any(any(one.speakerless.values()) for _, one in checked)
    return [
        {
            "fold": fold.name,
            "sets": " | ".join(pair),
            **counts,
            "audio": counts["audio"] if certificate.audio_checked else counts["audio"] or None,
            **({"unknown speakers": _in_pair(certificate, pair)} if has_unknown else {}),
            "verdict": "clean" if _is_clean(certificate, pair) else "leaks",
        }
        for fold, certificate in checked
        for pair in PAIRS
        for counts in [certificate.counts(pair)]
    ]


def _in_pair(certificate: Certificate, pair: tuple[str, str]) -> int:
    return sum(certificate.speakerless[part] for part in pair)


def _is_clean(certificate: Certificate, pair: tuple[str, str]) -> bool:
    counts = certificate.counts(pair)
    untested = all(part == "train" or not certificate.speakerless[part] for part in pair)
    return untested and not any(counts[kind] for kind in FORBIDDEN)
