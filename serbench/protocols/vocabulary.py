"""Map the labels of different corpora onto the words of one vocabulary.

>>> shared(("happy", "calm"), ("joy", "fear"))
SharedLabels(labels=('happy',), first={'happy': 'happy'}, second={'joy': 'happy'})
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from serbench.errors import BadParameter, nearest
from serbench.escaping import unseen
from serbench.parameters import unique

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


def split_changes(text: str, labels: Iterable[str]) -> list[str]:
    """Split changes of labels at the commas between them, not at those of a label.

    >>> split_changes("sad, tired=sad,calm=", ["sad, tired", "calm"])
    ['sad, tired=sad', 'calm=']
    """
    longest_first = sorted((label for label in labels if "," in label), key=len, reverse=True)
    changes = [""]
    for piece in re.findall("|".join([*map(re.escape, longest_first), "."]), text, re.DOTALL):
        if piece == ",":
            changes.append("")
        else:
            changes[-1] += piece
    return changes


def parse_changes(texts: Iterable[str]) -> dict[str, str]:
    """Return changes of labels typed as LABEL=LABEL, by the label that becomes another.

    >>> parse_changes(["calm=neutral", "3=2", "sleepy="])
    {'calm': 'neutral', '3': '2', 'sleepy': ''}

    Raises:
        BadParameter: there is no "=", or a label is given twice.
    """
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadParameter(f"a change of a label is written LABEL=LABEL, not {text!r}")
        pairs.append((name.strip(), value.strip()))
    return unique(pairs)


def resolved(labels: Iterable[str], changes: Mapping[str, object]) -> dict[str, str]:
    """Return changes of labels in the spelling of the labels; "joy" may stand for "happy".

    Args:
        labels: all labels.
        changes: the label that replaces a label; an empty one leaves it out.

    Raises:
        BadParameter: a label to change does not exist or is given twice, or it is replaced by
            something else than readable text.
    """
    known = list(dict.fromkeys(labels))
    by_word = {word(label): label for label in reversed(known)}

    def spelled(label: str) -> str:
        return label if label in known or not label else by_word.get(word(label), label)

    pairs = []
    for name, value in changes.items():
        if spelled(name) not in known:
            raise BadParameter(str(nearest("label", name, known)))
        if not isinstance(value, str) or not value.isprintable() or unseen(value):
            raise BadParameter(
                f"the label {name} becomes {value!r}, but must become another label, {name}=OTHER, "
                f"or be left out, {name}="
            )
        pairs.append((spelled(name), spelled(value.strip())))
    return {name: value for name, value in unique(pairs).items() if name != value}


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
        changes: see `resolved`; the labels are words of the vocabulary.

    Raises:
        BadParameter: as `resolved`.
    """
    sets = [{label: word(label) for label in labels} for labels in (first, second)]
    become = resolved([name for words in sets for name in words.values()], changes or {})
    mapped = [
        {label: new for label, name in words.items() if (new := become.get(name, name))}
        for words in sets
    ]
    in_both = [
        name for name in dict.fromkeys(mapped[0].values()) if name in set(mapped[1].values())
    ]
    first_map, second_map = (
        {label: name for label, name in words.items() if name in in_both} for words in mapped
    )
    return SharedLabels(tuple(in_both), first_map, second_map)
