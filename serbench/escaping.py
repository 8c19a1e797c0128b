"""Make text from files and plugins safe to display, in columns of its width.

`shown` and `one_line` are for terminals; `markdown`, `latex`, `csv_cell` and `as_json` also
escape markup, formulas and code of their formats. `Cells` measures wide letters and marks.
"""

import json
import math
import re
import unicodedata
from typing import Any

INVISIBLE = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")  # control, format, private, surrogate, separator
PLAIN = re.compile(r"[A-Za-z0-9 .,;%+=±()-]*")  # characters that are never markup
LAST_LETTER = "\u017f"  # the end of Latin Extended-A, the last letters of T1 fonts
LATEX = {
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
FILLER = "\uf8ff"  # stands after a wide letter; printable text never contains it
FIRST = 0xF0000  # of the characters, one column wide, that stand for letters
_SELECTORS = "\ufe0e\ufe0f"  # variation selectors, which choose how an emoji is drawn
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def shown(text: str, most: int | None = None, lines: bool = False) -> str:
    r"""Return untrusted text for a terminal, with control characters as visible escapes.

    Args:
        text: text from a file, a name or a plugin.
        most: how many characters to show; None for all.
        lines: keep line breaks.

    >>> shown("a\x1b[31m\nb"), shown("abcdef", 4)
    ('a\\x1b[31m\\nb', 'abcd…')
    """
    clean = text if most is None else text[:most]
    if not clean.isprintable():
        clean = "".join(
            character
            if character.isprintable() or (lines and character == "\n")
            else character.encode("unicode_escape").decode()
            for character in clean
        )
    return clean + "…" * (most is not None and len(text) > most)


def one_line(text: str, most: int = 200) -> str:
    r"""Return untrusted text as one line of at most `most` characters, without invisible ones.

    >>> one_line("a\nb\x1b[31m"), one_line("abcdef", 4)
    ('a b [31m', 'abc…')
    """
    kept = "".join(
        " " if unicodedata.category(character) in INVISIBLE else character for character in text
    )
    line = " ".join(kept.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def markdown(text: str, most: int) -> str:
    r"""Return untrusted text for a Markdown table or paragraph, with markup and links escaped.

    `serbench.tables.table` escapes "|", which ends a cell.

    Args:
        text: text from a file, a name or a plugin.
        most: how many characters to show.

    >>> print(markdown("[a](http://b) *c* <d> [1.00, 2.00]", 99))
    [a]\(http:\//b) \*c\* &lt;d> [1.00, 2.00]
    """
    text = shown(text, most)
    if PLAIN.fullmatch(text) and "www." not in text.lower():
        return text
    text = re.sub(r"&(?=[A-Za-z#])", "&amp;", text).replace("<", "&lt;")
    text = re.sub(r"([\\`*$~]|(?<=\])[(\[:])", r"\\\1", text)
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)
    text = re.sub(r"://", r":\\//", text)
    text = re.sub(r"@(?=[\w-])", "@&#8288;", text)  # a backslash does not stop links
    return re.sub(r"(?i)\b(www)\.", r"\1\\.", text)


def latex(text: str) -> str:
    r"""Return untrusted text escaped for LaTeX; characters that its fonts lack become code points.

    >>> latex("50 % of a_b ± 1 я")
    '50 \\% of a\\_b $\\pm$ 1 \\texttt{U+044F}'
    """
    plain = unicodedata.normalize("NFC", shown(text))
    return "".join(
        LATEX.get(character)
        or (character if character <= LAST_LETTER else rf"\texttt{{U+{ord(character):04X}}}")
        for character in plain
    )


def csv_cell(text: str) -> str:
    """Return a cell of a CSV file, with a quote before text that spreadsheets run as a formula.

    >>> csv_cell("=1+1"), csv_cell("-0.5"), csv_cell("-")
    ("'=1+1", '-0.5', '-')
    """
    if not text.startswith(("=", "+", "-", "@")) or text == "-":
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def finite(value: Any, digits: int | None = None) -> Any:
    """Return plain data with None instead of NaN and infinity, which JSON lacks.

    Args:
        value: dictionaries, lists and scalars.
        digits: how many significant digits to round to; None keeps all.

    >>> finite({"a": [float("nan"), 1 / 3]}, digits=3)
    {'a': [None, 0.333]}
    """
    if isinstance(value, dict):
        return {key: finite(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item, digits) for item in value]
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return value if digits is None else float(f"{value:.{digits}g}")


def as_json(value: object) -> str:
    r"""Return readable JSON: NaN becomes null, and invisible characters are escaped.

    >>> as_json("ä\u202e")
    '"ä\\u202e"'
    """
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False)
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
        for character in text
    )


def unseen(text: str, emoji: bool = False) -> str:
    """Return the first invisible character that Unicode calls printable, or "".

    Args:
        text: a name, or prose.
        emoji: allow the selectors that choose how an emoji is drawn.
    """
    if text.isascii():
        return ""
    invisible = UNSEEN.findall(text)
    return next((mark for mark in invisible if not (emoji and mark in _SELECTORS)), "")


class Cells:
    """Text with one character for each column that it takes, so that `len` is its width.

    >>> cells = Cells()
    >>> wide = cells.of("感情 e\u0301")
    >>> len(wide), cells.text(wide) == "感情 e\u0301"
    (6, True)
    """

    def __init__(self) -> None:
        self._stand_ins: dict[str, str] = {}  # by wide letters, and letters with their marks

    def of(self, text: str) -> str:
        """Return the cells of a text."""
        if text.isascii():
            return text
        letters: list[str] = []
        for character in text:
            if letters and unicodedata.category(character) in ("Mn", "Me"):
                letters[-1] += character
            else:
                letters.append(character)
        return "".join(map(self._cells, letters))

    def _cells(self, letter: str) -> str:
        is_wide = unicodedata.east_asian_width(letter[0]) in ("W", "F")
        if is_wide or len(letter) > 1:
            stand_in = chr(FIRST + len(self._stand_ins))
            letter = self._stand_ins.setdefault(letter, stand_in)
        return letter + FILLER * is_wide

    def text(self, cells: str) -> str:
        """Return the text of cells, or of a part of them."""
        letters = {ord(stand_in): letter for letter, stand_in in self._stand_ins.items()}
        return cells.translate({ord(FILLER): "", **letters})
