"""Make text from files and plugins safe to show.

`shown` and `one_line` are for terminals; `markdown`, `latex`, `csv_cell` and `as_json` also keep
text from being read as markup, a formula or code of that format.
"""

import json
import math
import re
import unicodedata
from typing import Any

INVISIBLE = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")  # control, format, private, half characters
PLAIN = re.compile(r"[A-Za-z0-9 .,;%+=±()-]*")  # no character of it is ever markup
LAST_LETTER = "\u017f"  # of Latin Extended-A, which LaTeX's fonts have in T1
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


def shown(text: str, most: int | None = None, lines: bool = False) -> str:
    r"""Return untrusted text for a terminal, with control characters as visible escapes.

    Args:
        text: from a file, a name or a plugin.
        most: characters of it to show.
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
    r"""Return untrusted text for a Markdown table or paragraph: nothing in it is markup or a link.

    `serbench.tables.table` escapes what ends a cell, "|".

    Args:
        text: from a file, a name or a plugin.
        most: characters of it to show.

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
    text = re.sub(r"@(?=[\w-])", "@&#8288;", text)  # an escape does not keep mail from linking
    return re.sub(r"(?i)\b(www)\.", r"\1\\.", text)


def latex(text: str) -> str:
    r"""Return untrusted text as LaTeX shows it; characters that its fonts lack, by their number.

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
    """Return a cell of a CSV file, with a quote before what a spreadsheet takes for a formula.

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
    """Return plain data with None for NaN and infinity, which JSON does not have.

    Args:
        value: dictionaries, lists and scalars.
        digits: round to so many significant digits.

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
    r"""Return JSON that can be read and shown: NaN as null, invisible characters as their numbers.

    >>> as_json("ä\u202e")
    '"ä\\u202e"'
    """
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False)
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
        for character in text
    )
