"""What others reported on the same corpora, so that a table can show it beside a result.

Every row of the paper's Tables II and III, with all that keeps it from being compared like with
like. The numbers are the paper's; works that it cites were identified by their authors and system.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

PAPER = (
    "Shreyah Iyer, Cornelius Glackin, Nigel Cannings, Vito Veneziano and Yi Sun: A Comparison "
    "Between Convolutional and Transformer Architectures for Speech Emotion Recognition. "
    "International Joint Conference on Neural Networks (IJCNN), Padua, 2022"
)
"""The paper whose tables these are."""

SCORES = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class Row:
    """One line of a published table.

    Attributes:
        corpus: the dataset's name here: "crema-d".
        table: the paper's table: "II" or "III".
        reference: as the paper prints it, with its number; "the paper" for its own.
        system: what was tested.
        model: the paper's own architecture, "M1" or "M2", else "".
        modality: what the system hears, reads or sees.
        scores: what was reported, under the names of `serbench.metrics.METRICS`, as fractions.
        stds: the standard deviations over test sets that go with them.
        protocol: how it was tested, as far as known, else "".
        labels: how many labels and which, as far as known, else "".
        work: the cited work, where it could be identified; "" for the paper's own rows.
        caveats: why it must not be compared as it stands, in short sentences.
    """

    corpus: str
    table: str
    reference: str
    system: str
    model: str
    modality: str
    scores: Mapping[str, float]
    stds: Mapping[str, float]
    protocol: str
    labels: str
    work: str
    caveats: tuple[str, ...]


def rows(corpus: str | None = None, table: str | None = None) -> tuple[Row, ...]:
    """The published rows, all or those of one corpus, one table.

    >>> [row.system for row in rows("crema-d", "III")][:2]
    ['Audio-encoder', 'DeepCNN Audio+Video']
    """
    return tuple(
        row
        for row in _all_rows()
        if (corpus is None or row.corpus == corpus) and (table is None or row.table == table)
    )


def paper_row(corpus: str, model: str) -> Row | None:
    """The row of the paper's Table II for one of its architectures, "M1" or "M2".

    >>> paper_row("ravdess", "M1").scores["f1"]
    0.3483
    """
    return next((row for row in rows(corpus, "II") if row.model == model), None)


@functools.cache
def _all_rows() -> tuple[Row, ...]:
    text = resources.files("serbench").joinpath("literature.csv").read_text(encoding="utf-8")
    return tuple(_row(line) for line in csv.DictReader(text.splitlines()))


def _row(line: Mapping[str, str]) -> Row:
    return Row(
        corpus=line["corpus"],
        table=line["table"],
        reference=line["reference"],
        system=line["system"],
        model=line["model"],
        modality=line["modality"],
        scores=_fractions(line, ""),
        stds=_fractions(line, "_std"),
        protocol=line["protocol"],
        labels=line["labels"],
        work=line["work"],
        caveats=tuple(line["caveats"].split(" | ")) if line["caveats"] else (),
    )


def _fractions(line: Mapping[str, str], ending: str) -> dict[str, float]:
    reported = {name: line.get(name + ending) for name in SCORES}
    return {name: round(float(text) / 100, 6) for name, text in reported.items() if text}
