"""Text from files and plugins made safe to show, and names that look alike recognised."""

import functools
import json
import re
import unicodedata
from collections.abc import Callable, Iterable

_PASSING = {  # letters that pass for a Latin one; Unicode Technical Standard 39, confusables
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
_LATIN = str.maketrans({one: latin for latin, all_ in _PASSING.items() for one in all_})
REMEMBERED = 4096  # names: a board has the same ones in many rows
_SHAPES = str.maketrans("01i|", "olll")  # the same in many typefaces
_SCRIPTS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
_SELECTORS = "\ufe0e\ufe0f"  # they say how an emoji is drawn
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_INVISIBLE = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")  # control, format, private, half characters
WHOLE = re.compile(r"^(\d+)\.0*$")  # a number that a table made of a whole one
ACCENTS = re.compile("[\u0300-\u036f]")
PIECES = re.compile(r"\d+|[^\W\d_]+")  # runs of digits, and of letters


def folded(name: str) -> str:
    """Return a name without case, kinds of space, widths of letters and invisible marks.

    >>> folded("Ann\u00a0 B") == folded("ann b"), folded("1.0") == folded("1")
    (True, True)
    """
    plain = " ".join(unicodedata.normalize("NFKC", _UNSEEN.sub("", name)).casefold().split())
    return WHOLE.sub(r"\1", plain)


def spelling(name: str) -> str:
    """Return a folded name also without punctuation, leading zeros, accents and other scripts.

    >>> spelling("spk-03") == spelling("SPK_3") == spelling("spk3"), spelling("1-12")
    (True, '1 12')
    """
    bare = folded(ACCENTS.sub("", unicodedata.normalize("NFKD", name)).translate(_LATIN))
    pieces = PIECES.findall(bare)
    return " ".join(one.lstrip("0") or "0" if one.isdigit() else one for one in pieces) or bare


def alike(names: Iterable[str], key: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return pairs of different names with the same key, `folded` or `spelling`; sorted."""
    first: dict[str, str] = {}
    pairs = []
    for name in sorted(set(names)):
        if (known := first.setdefault(key(name), name)) != name:
            pairs.append((known, name))
    return pairs


@functools.lru_cache(maxsize=REMEMBERED)
def skeleton(name: str) -> str:
    """Return what a reader sees of a name: the same text for two names that look alike.

    Case, accents, spaces, punctuation and forms such as wide letters do not count.

    >>> skeleton("Whisper-tiny") == skeleton("ＷHіSPER tíny")  # a wide W, a Cyrillic і
    True
    >>> skeleton("ada") == skeleton("adam")
    False
    """
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name)).translate(_LATIN)
    seen = text.casefold().translate(_SHAPES)
    return "".join(one for one in seen if one.isalnum() and not _UNSEEN.match(one))


@functools.lru_cache(maxsize=REMEMBERED)
def disguised(text: str) -> str:
    """Return the first letter of another script or form in a Latin word, or "".

    A word that is wholly of another script is no disguise.

    >>> disguised("\u0410da Lovelace")
    "U+0410 CYRILLIC CAPITAL LETTER A in 'Аda'"
    >>> disguised("Ада"), disguised("größe")
    ('', '')
    """
    for word in re.findall(r"[^\W_]+", text):
        latin = any(one.isascii() and one.isalpha() for one in word)
        for one in "" if word.isascii() else word:
            name, plain = unicodedata.name(one, ""), unicodedata.normalize("NFKC", one)
            of_another_form = plain != one and plain.isascii() and plain.isalpha()
            if of_another_form or (latin and name.startswith(_SCRIPTS)):
                return f"U+{ord(one):04X} {name} in {word!r}"
    return ""


def unseen(text: str, emoji: bool = False) -> str:
    """Return the first invisible character that counts as printable, or "".

    Args:
        text: a name, or words.
        emoji: let the selectors pass that say how an emoji is drawn.
    """
    if text.isascii():
        return ""
    found = _UNSEEN.findall(text)
    return next((one for one in found if not (emoji and one in _SELECTORS)), "")


def shown(text: str, most: int | None = None, lines: bool = False) -> str:
    r"""A stranger's text for a terminal: what would move, colour or turn it is made visible.

    Args:
        text: from a file, a name or a plugin.
        most: characters of it to show.
        lines: it may have more than one line.

    >>> shown("a\x1b[31m\nb"), shown("abcdef", 4)
    ('a\\x1b[31m\\nb', 'abcd…')
    """
    clean = text if most is None else text[:most]
    if not clean.isprintable():
        clean = "".join(
            one if one.isprintable() or (lines and one == "\n") else _visible(one) for one in clean
        )
    return clean + "…" * (most is not None and len(text) > most)


def _visible(character: str) -> str:
    return character.encode("unicode_escape").decode()


def one_line(text: str, most: int = 200) -> str:
    r"""Return untrusted text as one line of at most `most` characters, without invisible ones.

    >>> one_line("a\nb\x1b[31m"), one_line("abcdef", 4)
    ('a b [31m', 'abc…')
    """
    kept = "".join(" " if unicodedata.category(one) in _INVISIBLE else one for one in text)
    line = " ".join(kept.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def inert(cell: str) -> str:
    """A cell of a sheet; what a spreadsheet would take for a formula gets a quote before it.

    >>> inert("=1+1"), inert("-0.5"), inert("-")
    ("'=1+1", '-0.5', '-')
    """
    if not cell.startswith(("=", "+", "-", "@")) or cell == "-":
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def as_json(value: object) -> str:
    r"""JSON that can be read and shown: letters as they are, control characters as their numbers.

    >>> as_json("ä\u202e")
    '"ä\\u202e"'
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    return "".join(
        one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text
    )


SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "×": r"$\times$",
}


LAST_LETTER = "\u017f"  # of Latin Extended-A, which fonts have in T1


def escaped(text: str) -> str:
    r"""Words as LaTeX shows them; characters that fonts lack, by their number.

    >>> escaped("50 % of a_b ± 1")
    '50 \\% of a\\_b $\\pm$ 1'
    """
    plain = unicodedata.normalize("NFC", shown(text))
    if max(plain, default="") <= LAST_LETTER:
        return plain.translate(_SPECIAL)
    return "".join(_character(one) for one in plain)


def _character(one: str) -> str:
    if one in SPECIAL or one <= LAST_LETTER:
        return one.translate(_SPECIAL)
    return rf"\texttt{{U+{ord(one):04X}}}"


_SPECIAL = str.maketrans(SPECIAL)
