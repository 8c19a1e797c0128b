"""The colour and the mark of every emotion, the same in every picture of every report.

Colours are those of Okabe and Ito (Color Universal Design, 2008), which people with any common
colour vision tell apart, with a grey in place of their black, as far from the others as they are
from each other; each emotion also has a mark of its own.
"""

from collections.abc import Sequence

EMOTIONS = {
    "neutral": ("#555555", "o"),
    "calm": ("#56B4E9", "v"),
    "happy": ("#E69F00", "^"),
    "sad": ("#0072B2", "s"),
    "angry": ("#D55E00", "X"),
    "fearful": ("#CC79A7", "P"),
    "disgust": ("#009E73", "D"),
    "surprised": ("#F0E442", "p"),
}
"""Colour and matplotlib's mark of each."""

ALIASES = {
    "anger": "angry",
    "ang": "angry",
    "fear": "fearful",
    "fea": "fearful",
    "happiness": "happy",
    "hap": "happy",
    "joy": "happy",
    "sadness": "sad",
    "neu": "neutral",
    "disgusted": "disgust",
    "dis": "disgust",
    "surprise": "surprised",
    "sur": "surprised",
}
"""What corpora call the same emotion."""

OTHERS = (
    ("#332288", "<"),
    ("#882255", ">"),
    ("#117733", "*"),
    ("#999933", "h"),
    ("#661100", "d"),
    ("#44AA99", "8"),
    ("#AA4499", "H"),
    ("#222222", "."),
)
"""For labels that are none of these, in their order; Tol's muted colours."""


def styles(labels: Sequence[str]) -> list[tuple[str, str]]:
    """The colour, "#RRGGBB", and the mark of each label.

    >>> styles(["anger", "boredom", "sad"])
    [('#D55E00', 'X'), ('#332288', '<'), ('#0072B2', 's')]
    """
    found, unknown = [], 0
    for label in labels:
        name = ALIASES.get(label.lower(), label.lower())
        if name in EMOTIONS:
            found.append(EMOTIONS[name])
        else:
            found.append(OTHERS[unknown % len(OTHERS)])
            unknown += 1
    return found


def colours(labels: Sequence[str]) -> list[str]:
    """The colour of each label, "#RRGGBB"."""
    return [colour for colour, _ in styles(labels)]
