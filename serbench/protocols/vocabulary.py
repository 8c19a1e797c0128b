"""Map the labels of different corpora onto the words of one vocabulary.

>>> shared(("happy", "calm"), ("joy", "fear"))
SharedLabels(labels=('happy',), first={'happy': 'happy'}, second={'joy': 'happy'})
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from serbench.errors import BadParameter, nearest

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "amused": ("amusement",),
    "angry": ("anger",),
    "bored": ("boredom",),
    "contempt": ("contemptuous",),
    "disgust": ("disgusted",),
    "excited": ("excitement",),
    "fearful": ("fear", "afraid"),
    "frustrated": ("frustration",),
    "happy": ("happiness", "joy", "joyful"),
    "neutral": ("neutrality",),
    "sad": ("sadness",),
    "sleepy": ("sleepiness",),
    "surprised": ("surprise", "pleasant surprise"),
}
"""The words of the vocabulary that have synonyms, with them; any other label is its own word."""

_WORDS = {synonym: word for word, synonyms in SYNONYMS.items() for synonym in synonyms}


def word(label: str) -> str:
    """Return the word of the vocabulary for a label.

    >>> word("Sadness"), word("pleasant_surprise"), word("sarcastic")
    ('sad', 'surprised', 'sarcastic')
    """
    plain = label.casefold().replace("_", " ").replace("-", " ").strip()
    return _WORDS.get(plain, plain)


def changed(words: Iterable[str], changes: Mapping[str, object]) -> dict[str, str]:
    """Return the word that replaces each word; words that are left out are missing.

    Args:
        words: all words.
        changes: the word that replaces a word; an empty one leaves it out.

    Raises:
        BadParameter: a word to change does not exist, or is replaced by something else than text.
    """
    known = list(dict.fromkeys(words))
    for name, value in changes.items():
        if name not in known:
            raise BadParameter(str(nearest("label", name, known)))
        if not isinstance(value, str):
            raise BadParameter(
                f"the label {name} becomes {value!r}, but must become another label, {name}=OTHER, "
                f"or be left out, {name}="
            )
    pairs = ((name, str(changes.get(name, name))) for name in known)
    return {name: value for name, value in pairs if value}


@dataclass(frozen=True)
class SharedLabels:
    """The words that two sets of labels share, and the word of each label that has one.

    Attributes:
        labels: the shared words, in the order of the first set.
        first: from a label of the first set to its word.
        second: from a label of the second set to its word.
    """

    labels: tuple[str, ...]
    first: Mapping[str, str]
    second: Mapping[str, str]


def shared(
    first: Sequence[str], second: Sequence[str], changes: Mapping[str, object] | None = None
) -> SharedLabels:
    """Return the labels that two sets share.

    Args:
        first: labels of one set.
        second: labels of the other.
        changes: see `changed`; its names are words of the vocabulary.

    Raises:
        BadParameter: as `changed`.
    """
    sets = [{label: word(label) for label in labels} for labels in (first, second)]
    kept = changed([name for words in sets for name in words.values()], changes or {})
    mapped = [
        {label: kept[name] for label, name in words.items() if name in kept} for words in sets
    ]
    in_both = [
        name for name in dict.fromkeys(mapped[0].values()) if name in set(mapped[1].values())
    ]
    first_map, second_map = (
        {label: name for label, name in words.items() if name in in_both} for words in mapped
    )
    return SharedLabels(tuple(in_both), first_map, second_map)
