"""The colour and the mark of each emotion, the same in every figure and on the page."""

import itertools
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
"""The colour of each emotion (from Okabe and Ito), and its matplotlib marker."""

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
"""Names that corpora use for the same emotions."""

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
"""Colours (Tol's muted scheme) and markers of all other labels, in their order."""


def styles(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Return the colour, "#RRGGBB", and the marker of each label.

    >>> styles(["anger", "boredom", "sad"])
    [('#D55E00', 'X'), ('#332288', '<'), ('#0072B2', 's')]
    """
    others = itertools.cycle(OTHERS)
    names = [ALIASES.get(label.lower(), label.lower()) for label in labels]
    return [EMOTIONS[name] if name in EMOTIONS else next(others) for name in names]
