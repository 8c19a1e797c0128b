"""What others reported on the same corpora, so that a table can show it beside a result.

Every row of the paper's Tables II and III, EmoBox's rows for the same corpora, and what human
listeners reach, each with its source and all that keeps it from being compared like with like. The
numbers are the source's own; works that the paper cites were identified by authors and system.
"""

import csv
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from serbench.metrics.intervals import MeanStd

PAPER = (
    "Shreyah Iyer, Cornelius Glackin, Nigel Cannings, Vito Veneziano and Yi Sun: A Comparison "
    "Between Convolutional and Transformer Architectures for Speech Emotion Recognition. "
    "International Joint Conference on Neural Networks (IJCNN), Padua, 2022"
)
"""The paper whose tables II and III are."""

TABLES = ("II", "III", "EmoBox", "human")
"""The paper's two; EmoBox's board; what listeners reach against the intended emotion."""

TEXTS = (
    *("corpus", "table", "reference", "system", "model", "modality", "protocol", "labels"),
    *("tested", "classes", "source", "work"),
)
SCORES = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class PublishedRow:
    """One line of a published table, or of what was computed from published votes.

    Attributes:
        corpus: the dataset's name here: "crema-d".
        table: one of `TABLES`.
        reference: as the source prints it, with its number; "the paper" for its own.
        system: what was tested.
        model: the paper's own architecture, "M1" or "M2", else "".
        modality: what the system hears, reads or sees.
        scores: what was reported, under the names of `serbench.metrics.METRICS`, as fractions.
        stds: the standard deviations over test sets that go with them.
        intervals: 95 % over speakers, (low, high), of scores pooled over the test sets.
        protocol: the protocol of that name here, where it tests the same, else "".
        labels: the label set of that name here, where it is the same, else "".
        tested: how it was tested, in words, as far as known, else "".
        classes: how many labels and which, in words, as far as known, else "".
        source: where the numbers stand, with year or commit.
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
    intervals: Mapping[str, tuple[float, float]]
    protocol: str
    labels: str
    tested: str
    classes: str
    source: str
    work: str
    caveats: tuple[str, ...]

    def score(self, metric: str) -> MeanStd:
        """Return a score under its name in `METRICS`; nan where it was not reported."""
        name = "recall" if metric == "uar" else metric
        return MeanStd(self.scores.get(name, math.nan), self.stds.get(name, math.nan))


def rows(corpus: str | None = None, table: str | None = None) -> tuple[PublishedRow, ...]:
    """The published rows, all or those of one corpus, one table.

    >>> [row.system for row in rows("crema-d", "III")][:2]
    ['Audio-encoder', 'DeepCNN Audio+Video']
    """
    return tuple(
        row
        for row in _all_rows()
        if (corpus is None or row.corpus == corpus) and (table is None or row.table == table)
    )


def paper_row(corpus: str, model: str) -> PublishedRow | None:
    """The row of the paper's Table II for one of its architectures, "M1" or "M2".

    >>> paper_row("ravdess", "M1").scores["f1"]
    0.3483
    """
    return next((row for row in rows(corpus, "II") if row.model == model), None)


def comparable(row: PublishedRow, dataset: str, protocol: str, labels: str) -> bool:
    """Whether a row was tested on the same utterances with the same labels as a run.

    Its caveats hold all the same: what it hears, and what its protocol leaks, is not asked here.

    Args:
        row: of the literature.
        dataset: the run's, with its parameters.
        protocol: the name of the run's protocol, with its parameters.
        labels: the name of the run's label set.

    >>> row = paper_row("ravdess", "M2")
    >>> [comparable(row, "ravdess", name, "ravdess") for name in ("paper", "loso")]
    [True, False]
    """
    known = bool(row.protocol and row.labels)
    return known and (row.corpus, row.protocol, row.labels) == (dataset, protocol, labels)


@functools.cache
def _all_rows() -> tuple[PublishedRow, ...]:
    path = resources.files("serbench.results").joinpath("literature.csv")
    return tuple(map(_row, csv.DictReader(path.read_text(encoding="utf-8").splitlines())))


def _row(line: Mapping[str, str]) -> PublishedRow:
    intervals = (part.split() for part in line["intervals"].split(";") if part)
    return PublishedRow(
        **{name: line[name] for name in TEXTS},
        scores={name: _fraction(line[name]) for name in SCORES if line[name]},
        stds={name: _fraction(line[f"{name}_std"]) for name in SCORES if line[f"{name}_std"]},
        intervals={name: (_fraction(low), _fraction(high)) for name, low, high in intervals},
        caveats=tuple(line["caveats"].split(" | ")) if line["caveats"] else (),
    )


def _fraction(percentage: str) -> float:
    return round(float(percentage) / 100, 6)
