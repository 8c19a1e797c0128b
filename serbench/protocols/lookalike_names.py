"""Recognise names of speakers, submitters and models that look alike or hide characters."""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable

from serbench.escaping import UNSEEN

_PASSING = {  # letters that look Latin; Unicode Technical Standard 39, confusables
    "a": "АаΑαɑᴀᎪ",
    "b": "ВвΒβЬьƄƅᏴʙ",
    "c": "СсϹϲᏟᴄ",
    "d": "ԀԁᎠđᴅ",
    "e": "ЕеΕεєᎬᴇ",
    "f": "ϝғ",
    "g": "ԌԍɡցᏀɢ",
    "h": "НнΗҺһհᎻʜ",
    "i": "ІіΙιıɩᎥɪ",
    "j": "ЈјϳᎫᴊ",
    "k": "КкΚκᏦᴋ",
    "l": "ӀӏԼᏞłʟ",
    "m": "МмΜᎷᴍ",
    "n": "ПпΝηոᴎɴ",
    "o": "ОоΟοσՕօøᴏ",
    "p": "РрΡρᏢᴘ",
    "q": "Ԛԛզ",
    "r": "ГгᎡʀ",
    "s": "ЅѕՏꜱᏚ",
    "t": "ТтΤτᎢᴛ",
    "u": "υսՍᴜ",
    "v": "Ѵѵνᴠ",
    "w": "ԜԝωᎳᴡ",
    "x": "ХхΧχ",
    "y": "УуΥγүʏᎩ",
    "z": "ΖᏃᴢ",
}
_LATIN = str.maketrans({letter: latin for latin, alike in _PASSING.items() for letter in alike})
REMEMBERED = 4096  # cached names, since a leaderboard repeats them in many rows
_SHAPES = str.maketrans("01i|", "olll")  # characters that look the same in many typefaces
_SCRIPTS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
WHOLE = re.compile(r"^(\d+)\.0*$")  # a whole number that a table turned into a decimal
ACCENTS = re.compile("[\u0300-\u036f]")
PIECES = re.compile(r"\d+|[^\W\d_]+")  # runs of digits, and of letters


def folded(name: str) -> str:
    """Return a name without differences of case, spaces, letter width and invisible marks.

    >>> folded("Ann\u00a0 B") == folded("ann b"), folded("1.0") == folded("1")
    (True, True)
    """
    plain = " ".join(unicodedata.normalize("NFKC", UNSEEN.sub("", name)).casefold().split())
    return WHOLE.sub(r"\1", plain)


def spelling(name: str) -> str:
    """Return a folded name without punctuation, leading zeros, accents and other scripts too.

    >>> spelling("spk-03") == spelling("SPK_3") == spelling("spk3"), spelling("1-12")
    (True, '1 12')
    """
    bare = folded(ACCENTS.sub("", unicodedata.normalize("NFKD", name)).translate(_LATIN))
    pieces = PIECES.findall(bare)
    return (
        " ".join(piece.lstrip("0") or "0" if piece.isdigit() else piece for piece in pieces) or bare
    )


def alike(names: Iterable[str], key: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return sorted pairs of different names that have the same key (`folded` or `spelling`)."""
    first: dict[str, str] = {}
    pairs = []
    for name in sorted(set(names)):
        if (other := first.setdefault(key(name), name)) != name:
            pairs.append((other, name))
    return pairs


@functools.lru_cache(maxsize=REMEMBERED)
def skeleton(name: str) -> str:
    """Return the skeleton of a name: the same text for all names that look alike.

    Case, accents, spaces, punctuation and forms such as wide letters are ignored.

    >>> skeleton("Whisper-tiny") == skeleton("ＷHіSPER tíny")  # a wide W, a Cyrillic і
    True
    >>> skeleton("ada") == skeleton("adam")
    False
    """
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name)).translate(_LATIN)
    seen = text.casefold().translate(_SHAPES)
    return "".join(letter for letter in seen if letter.isalnum() and not UNSEEN.match(letter))


@functools.lru_cache(maxsize=REMEMBERED)
def disguised(text: str) -> str:
    """Return the first letter of another script or form in a Latin word, or "".

    A word that is entirely in another script is not a disguise.

    >>> disguised("\u0410da Lovelace")
    "U+0410 CYRILLIC CAPITAL LETTER A in 'Аda'"
    >>> disguised("Ада"), disguised("größe")
    ('', '')
    """
    for word in re.findall(r"[^\W_]+", text):
        latin = any(letter.isascii() and letter.isalpha() for letter in word)
        for letter in "" if word.isascii() else word:
            name, plain = unicodedata.name(letter, ""), unicodedata.normalize("NFKC", letter)
            of_another_form = plain != letter and plain.isascii() and plain.isalpha()
            if of_another_form or (latin and name.startswith(_SCRIPTS)):
                return f"U+{ord(letter):04X} {name} in {word!r}"
    return ""
