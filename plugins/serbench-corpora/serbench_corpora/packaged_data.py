"""Read the small tables that this package ships: names, counts, lengths and published splits."""

import csv
from importlib.resources import files

from serbench import Lengths


def rows(name: str) -> list[list[str]]:
    """Read the rows of the table `data/<name>`, without its heading, in the order of the file."""
    return _table(name)[1:]


def _table(name: str) -> list[list[str]]:
    text = (files("serbench_corpora") / "data" / name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))


def lengths(corpus: str) -> Lengths:
    """Read the lengths of a corpus's utterances from `data/lengths.csv`."""
    head, *table = _table("lengths.csv")
    (row,) = (row for row in table if row[0] == corpus)
    _, rate, trimmed, *seconds = row
    percent = tuple(float(name.removeprefix("p")) for name in head[3:])
    return Lengths(percent, tuple(map(float, seconds)), int(rate), float(trimmed))
