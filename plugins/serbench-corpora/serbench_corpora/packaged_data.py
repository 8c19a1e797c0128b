"""Reads the small tables that are shipped with this package."""

import csv
from importlib.resources import files

from serbench.contracts import Lengths


def rows(name: str) -> list[list[str]]:
    """The rows of the table `data/<name>` below its heading, in the order of the file."""
    text = (files("serbench_corpora") / "data" / name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))[1:]


def lengths(corpus: str) -> Lengths:
    """How long the corpus's utterances are, of `data/lengths.csv`."""
    text = (files("serbench_corpora") / "data" / "lengths.csv").read_text(encoding="utf-8")
    head, *table = csv.reader(text.splitlines())
    (row,) = (row for row in table if row[0] == corpus)
    _, rate, trimmed, *seconds = row
    percent = tuple(float(name.removeprefix("p")) for name in head[3:])
    return Lengths(percent, tuple(map(float, seconds)), int(rate), float(trimmed))
