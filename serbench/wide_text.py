"""Fit text with wide letters and combining marks into the columns of a terminal."""

import unicodedata

FILLER = "\uf8ff"  # stands after a wide letter; printable text never contains it
FIRST = 0xF0000  # of the characters, one column wide, that stand for letters


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
