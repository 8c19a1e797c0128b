"""Check that the speakers of a corpus are people, and not files, labels or gaps in a table.

A wrong speaker column is the costliest mistake: a voice is then in training and in test under two
names, no sets seem to share a speaker, and scores are too high.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from statistics import median

from serbench import tables
from serbench.corpus import Corpus, Utterance
from serbench.errors import CorpusError
from serbench.escaping import shown
from serbench.protocols import lookalike_names

MISSING = {"na", "n/a", "n.a.", "<na>", "#n/a", "nan", "null", "none", "unknown", "undefined"}
MISSING |= {"missing"}
FEW = 2  # if the median speaker has so few utterances, names may be of takes
COMBINED = 0.9  # a larger share of the combinations of two parts of names is no coincidence
MEND = "take the speaker from what names the person"
ALONE = 'set speakers = "single" in the dataset\'s class'


def is_missing(name: str) -> bool:
    """Return whether a name stands for a missing name: empty, NA, none, unknown, ?, -.

    >>> is_missing("N/A"), is_missing("--"), is_missing("Nan Ho")
    (True, True, False)
    """
    return lookalike_names.folded(name) in MISSING or all(
        unicodedata.category(character)[0] in "PZ" for character in name
    )


def has_unknown(dataset: object) -> bool:
    """Return whether a dataset declares that some utterances have no known speaker."""
    return getattr(dataset, "unknown_speakers", False) is True


def is_single(dataset: object) -> bool:
    """Return whether a dataset declares that each utterance has a different speaker."""
    return getattr(dataset, "speakers", "") == "single"


def require_people(
    utterances: Sequence[Utterance],
    where: str,
    *,
    single: bool = False,
    some_unknown: bool = False,
    mend: str = MEND,
    alone: str = ALONE,
) -> None:
    """Refuse a corpus whose speakers are missing, or are not people.

    Args:
        utterances: all utterances of the corpus, with its own labels.
        where: place that lists the utterances, for messages.
        single: the dataset declares that each utterance has a different speaker.
        some_unknown: the dataset declares that utterances may have the speaker "", for unknown.
        mend: advice on wrong speakers, for messages.
        alone: how to declare `single`, for messages.

    Raises:
        CorpusError: a speaker is missing; speakers are labels or file endings; there is only one
            speaker; each label has only one speaker; without `single`, each speaker has only one
            utterance; with `single`, a speaker has several.
    """
    if some_unknown:
        utterances = [utterance for utterance in utterances if utterance.speaker]
        if not utterances:
            return  # no protocol that keeps speakers apart can test such a corpus
    for utterance in utterances:
        if is_missing(utterance.speaker):
            raise CorpusError(
                f"{where}: the speaker of {utterance.id} is '{shown(utterance.speaker, 20)}', "
                "which stands for a missing name: write who speaks, or leave the utterance out"
            )
    counts = Counter(utterance.speaker for utterance in utterances)
    pairs = {(utterance.label, utterance.speaker) for utterance in utterances}
    labels = {label for label, _ in pairs}
    if len(counts) == 1:
        raise CorpusError(
            f"{where} has one speaker, {min(counts)!r}, for all {len(utterances)} utterances, but "
            f"needs three: one to train, one to validate and one to test; {mend}"
        )
    if all(label == speaker for label, speaker in pairs):
        raise CorpusError(f"{where}: the speakers are the labels, {_some(counts)}: {mend}")
    if all(
        utterance.path and utterance.path.suffix == f".{utterance.speaker.lstrip('.')}"
        for utterance in utterances
    ):
        raise CorpusError(f"{where}: the speakers are endings of files, {_some(counts)}: {mend}")
    if len(pairs) == len(labels):
        label, speaker = min(pairs)
        raise CorpusError(
            f"{where}: every label has only one speaker ({label!r} has {speaker!r}), so no label "
            f"can be tested on new speakers; if these labels are emotions, {mend}"
        )
    if single and len(counts) < len(utterances):
        speaker, times = counts.most_common(1)[0]
        raise CorpusError(
            f"{where}: speakers=single means that each utterance has a different speaker, but "
            f"{speaker!r} speaks {times}: leave speakers=single out"
        )
    if not single and len(counts) == len(utterances):
        first = utterances[0]
        raise CorpusError(
            f"{where} has {len(counts)} speakers for {len(utterances)} utterances, such as "
            f"'{shown(first.speaker, 60)}' for {first.id}: one voice under many names would be in "
            f"training and in test; {mend}; if each utterance really has a different speaker, "
            f"{alone}"
        )


def doubts(corpus: Corpus) -> tuple[str, ...]:
    """Return warnings about speakers and labels that look wrong, but may be right."""
    counts = Counter(u.speaker for u in corpus.utterances if u.speaker)
    if not counts:
        return ()
    lines = [
        *(_same_as_speaker(corpus, field) for field in ("session", "dialogue")),
        *(_few(counts), _one_label(corpus, counts), _combined(counts)),
        _alike(
            "speakers",
            counts,
            "write them alike if they are one person: training and test may share a voice",
        ),
        _alike("labels", corpus.labels, "write them alike if they are one emotion"),
        *(
            f"the label {label!r} of {tables.count(times, 'utterance')} counts as an emotion; if "
            "it stands for a missing label, leave them out"
            for label, times in Counter(utterance.label for utterance in corpus.utterances).items()
            if is_missing(label)
        ),
    ]
    return tuple(shown(f"{corpus.name}: {line}") for line in lines if line)


def _same_as_speaker(corpus: Corpus, field: str) -> str:
    if any(getattr(utterance, field) != utterance.speaker for utterance in corpus.utterances):
        return ""
    return (
        f"speaker and {field} are the same for all {len(corpus.utterances)} utterances; if more "
        f"than one person speaks in a {field}, a {field} is not a speaker"
    )


def _few(counts: Counter[str]) -> str:
    total, middle = counts.total(), median(counts.values())
    if middle > FEW or total == len(counts):
        return ""
    fewest = min(sorted(counts), key=counts.__getitem__)
    return (
        f"half of the {len(counts)} speakers have {int(middle)} of the {total} utterances or fewer "
        f"({fewest!r} has {counts[fewest]}); if these names contain more than the speaker, one "
        "voice is in training and in test, and scores are too high"
    )


def _one_label(corpus: Corpus, counts: Counter[str]) -> str:
    pairs = {(u.speaker, u.label) for u in corpus.utterances if u.speaker}
    if len(pairs) > len(counts) or len(counts) == len(corpus.utterances):
        return ""
    speaker, label = min(pairs)
    return (
        f"each of the {len(counts)} speakers has only one label ({speaker!r} {label!r}), so the "
        "voice gives away the label; if these names contain the label, they are not speakers"
    )


def _combined(counts: Counter[str]) -> str:
    """Warn of names such as 03a01, if they are all combinations of a speaker and a text."""
    names = [tuple(lookalike_names.PIECES.findall(name)) for name in counts]
    if len({len(pieces) for pieces in names}) > 1 or len(counts) == counts.total():
        return ""
    for cut in range(1, len(names[0])):
        heads, tails = {pieces[:cut] for pieces in names}, {pieces[cut:] for pieces in names}
        combined = len(heads) * len(tails)
        if min(len(heads), len(tails)) > FEW and len(counts) > COMBINED * combined:
            return (
                f"the names of {len(counts)} speakers combine {len(heads)} beginnings with "
                f"{len(tails)} endings (such as {min(counts)!r}); if only one of the two is the "
                "speaker, and the other a text or a take, one voice is in training and in test, "
                "and scores are too high"
            )
    return ""


def _alike(kind: str, names: Sequence[str] | Counter[str], risk: str) -> str:
    pairs = lookalike_names.alike(names, lookalike_names.spelling)
    if not pairs:
        return ""
    pair = " and ".join(f"{name!a}" if not name.isascii() else f"{name!r}" for name in pairs[0])
    more = f", and {len(pairs) - 1} more such pairs" if len(pairs) > 1 else ""
    return (
        f"the {kind} {pair}{more} differ only in case, punctuation, leading zeros, accents or "
        f"letters that look alike; {risk}"
    )


def _some(names: Counter[str]) -> str:
    few = sorted(names)[:3]
    return ", ".join(map(repr, few)) + (", ..." if len(names) > len(few) else "")
