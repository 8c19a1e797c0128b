"""Reads the small tables that are shipped with this package."""

import csv
from importlib.resources import files


def rows(name: str) -> list[list[str]]:
    """The rows of the table `data/<name>` below its heading, in the order of the file."""
    text = (files("serbench_corpora") / "data" / name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))[1:]
