"""Published results on the same corpora, to be shown beside measured ones.

Every row of the paper's Tables II and III, EmoBox's rows for the same corpora, and the scores of
human listeners, each with its source and the reasons not to compare it as it stands. The numbers
are the source's own; works that the paper cites were identified by authors and system.
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
"""The paper's two; EmoBox's leaderboard; listeners against the intended emotion."""

TEXTS = (
    *("corpus", "table", "reference", "system", "model", "modality", "protocol", "labels"),
    *("tested", "classes", "source", "work", "options", "difference"),
)
SCORES = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class PublishedRow:
    """A row of a published table, or one computed from published votes."""

    corpus: str  # the dataset's name here: "crema-d"
    table: str  # one of `TABLES`
    reference: str  # as the source prints it, with its number; "the paper" for its own
    system: str  # what was tested
    model: str  # the paper's own architecture, "M1" or "M2", else ""
    modality: str  # speech, text, ...
    scores: Mapping[str, float]  # as reported, by `SCORES`, as fractions
    stds: Mapping[str, float]  # their standard deviations over test sets
    # 95 % over speakers, (low, high), of scores pooled over the test sets
    intervals: Mapping[str, tuple[float, float]]
    protocol: str  # the protocol of serbench that tests the same, or ""
    labels: str  # the same label set of serbench, or ""
    tested: str  # how it was tested, as far as known, or ""
    classes: str  # how many labels and which, as far as known, or ""
    source: str  # of the numbers, with year or commit
    work: str  # the cited work, as far as identified; "" for the paper's own rows
    # of `serbench evaluate` for the nearest system here, or ""
    options: str
    # of that system from the published one; "same checkpoint" if it has its weights
    difference: str
    caveats: tuple[str, ...]  # reasons not to compare it as it stands, in short sentences

    def score(self, metric: str) -> MeanStd:
        """Return a score under its name in `METRICS`; nan where it was not reported."""
        name = "recall" if metric == "uar" else metric
        return MeanStd(self.scores.get(name, math.nan), self.stds.get(name, math.nan))

    def is_comparable(self, dataset: str, protocol: str, labels: str) -> bool:
        """Return whether it was tested on the same utterances with the same labels as a run.

        Its caveats still apply: modality and leakage are ignored here.

        >>> row = rows("ravdess", "II")[0]
        >>> [row.is_comparable("ravdess", name, "ravdess") for name in ("paper", "loso")]
        [True, False]
        """
        setting = (self.corpus, self.protocol, self.labels)
        return all(setting) and setting == (dataset, protocol, labels)


def rows(corpus: str | None = None, table: str | None = None) -> tuple[PublishedRow, ...]:
    """Return the published rows, all or those of one corpus, one table.

    >>> [row.system for row in rows("crema-d", "III")][:2]
    ['Audio-encoder', 'DeepCNN Audio+Video']
    """
    return tuple(
        row for row in _all_rows() if corpus in (None, row.corpus) and table in (None, row.table)
    )


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
