"""Find names that readers take for one: other case, other zeros, letters of another script."""

import re
import unicodedata
from collections.abc import Callable, Iterable

INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # letters and marks without a shape
VARIATION = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # how a letter is drawn
WHOLE = re.compile(r"^(\d+)\.0*$")  # a number that a table made of a whole one
ACCENTS = re.compile("[\u0300-\u036f]")
PIECES = re.compile(r"\d+|[^\W\d_]+")  # runs of digits, and of letters

# Cyrillic and Greek letters that look like Latin ones, in upper or lower case (Unicode TR 39)
LATIN = str.maketrans(
    dict(zip("авсԁеһіјкӏмнорԛѕтуѵԝх", "abcdehijklmhopqstyvwx", strict=True))
    | dict(zip("αβεζηικμνορτυχ", "abezhikmnoptyx", strict=True))
)


def folded(name: str) -> str:
    """A name without case, kinds of space, widths of letters, and marks that nobody sees.

    >>> folded("Ann\u00a0 B") == folded("ann b"), folded("1.0") == folded("1")
    (True, True)
    """
    seen = "".join(each for each in name if each not in INVISIBLE and not VARIATION.match(each))
    plain = " ".join(unicodedata.normalize("NFKC", seen).casefold().split())
    return WHOLE.sub(r"\1", plain)


def skeleton(name: str) -> str:
    """A folded name also without punctuation, leading zeros, accents, and scripts that look alike.

    >>> skeleton("spk-03") == skeleton("SPK_3") == skeleton("spk3"), skeleton("1-12")
    (True, '1 12')
    """
    bare = ACCENTS.sub("", unicodedata.normalize("NFKD", folded(name))).translate(LATIN)
    pieces = PIECES.findall(bare)
    return " ".join(one.lstrip("0") or "0" if one.isdigit() else one for one in pieces) or bare


def alike(names: Iterable[str], key: Callable[[str], str]) -> list[tuple[str, str]]:
    """Pairs of different names with the same key, `folded` or `skeleton`; sorted."""
    first: dict[str, str] = {}
    pairs = []
    for name in sorted(set(names)):
        if (known := first.setdefault(key(name), name)) != name:
            pairs.append((known, name))
    return pairs
