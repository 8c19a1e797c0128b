"""How often listeners hear what CREMA-D's actors meant: the human rows of the literature.

Usage: python leaderboard/human_reference.py                      print the tables of the docs
       python leaderboard/human_reference.py tabulatedVotes.csv   make the votes again from CREMA-D

The votes are those on the sound alone: of the three presentations of an utterance in CREMA-D's
`processedResults/tabulatedVotes.csv` the one whose row numbers begin with 1. Its winners are the
column VoiceVote of `summaryTable.csv` for all 7442 utterances; 2 and 3 are FaceVote (the picture
alone) and MultiModalVote (both).
"""

import csv
import gzip
import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench import tables
from serbench.corpus import Corpus
from serbench.files import replacing
from serbench.metrics import intervals
from serbench.metrics.classification import METRICS, Floats
from serbench_corpora import crema_d

VOTES = Path(__file__).resolve().parent / "human" / "crema-d-voice-votes.csv.gz"
VOICE = "1"  # first digit of the row numbers of the votes on the sound alone

# the columns of the votes, in the order of the corpus's labels: N, H, S, A, F, D
LETTERS = tuple(emotion[0] for emotion in crema_d.EMOTIONS)
SCORES = {"accuracy": "accuracy", "precision": "precision", "recall": "uar", "f1": "f1"}
HEAD = ("listeners", "accuracy (WA)", "precision", "recall (UAR)", "F1")


@dataclass(frozen=True)
class Reference:
    """What listeners reach on the test sets of a protocol.

    Attributes:
        folds: (folds, labels, labels) confusion matrices, rows intended, columns heard.
        speakers: (speakers, labels, labels), the same by speaker.
    """

    folds: Floats
    speakers: Floats

    def mean_std(self, score: str) -> intervals.MeanStd:
        """Mean and sample standard deviation over the folds, of one of `SCORES`."""
        return intervals.mean_std(METRICS[SCORES[score]].compute(self.folds))

    def pooled(self, score: str) -> float:
        """One of `SCORES` of all utterances together."""
        return float(METRICS[SCORES[score]].compute(self.speakers.sum(axis=0)))

    def interval(self, score: str) -> intervals.Interval:
        """The 95 % interval of the pooled score over speakers."""
        return intervals.speaker_interval(self.speakers, METRICS[SCORES[score]].compute)


def make(table: Path) -> None:
    """Write the votes on the sound alone, as CREMA-D's own table of all votes has them."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = [
            [row["fileName"], *(row[letter] for letter in LETTERS)]
            for row in csv.DictReader(stream)
            if row[""].startswith(VOICE)
        ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["utterance", *LETTERS], *sorted(rows)])
    with replacing(VOTES) as temporary:  # no time in it: the same votes, the same file
        temporary.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))


def votes(corpus: Corpus) -> npt.NDArray[np.int64]:
    """How many listeners heard which emotion: (utterances, labels), in the corpus's order."""
    text = gzip.decompress(VOTES.read_bytes()).decode()
    by_id = {
        row["utterance"]: [int(row[letter]) for letter in LETTERS]
        for row in csv.DictReader(text.splitlines())
    }
    return np.array([by_id[one.id] for one in corpus.utterances])


def single(counts: npt.NDArray[np.int64]) -> Floats:
    """Every listener for themselves: each vote is one answer."""
    return counts.astype(np.float64)


def majority(counts: npt.NDArray[np.int64]) -> Floats:
    """The listeners of an utterance together: one answer, the emotion with most votes.

    k emotions that tie for most votes share it, 1/k each: what breaking ties at random expects.
    """
    first = counts == counts.max(axis=1, keepdims=True)
    shares: Floats = first / first.sum(axis=1, keepdims=True)
    return shares


def confusion(corpus: Corpus, answers: Floats, ids: Iterable[str]) -> Floats:
    """Answers to some utterances by intended emotion: (labels, labels)."""
    place = {one.id: row for row, one in enumerate(corpus.utterances)}
    matrix = np.zeros((len(corpus.labels), len(corpus.labels)))
    for one in ids:
        matrix[corpus.labels.index(corpus.by_id[one].label)] += answers[place[one]]
    return matrix


def reference(corpus: Corpus, answers: Floats) -> Reference:
    """Answers on the test sets of the protocol `paper`, by fold and by speaker."""
    tests = [fold.test for fold in crema_d.paper(corpus)]
    speakers = sorted({corpus.by_id[one].speaker for test in tests for one in test})
    return Reference(
        np.stack([confusion(corpus, answers, test) for test in tests]),
        np.stack([confusion(corpus, answers, corpus.of_speakers([one])) for one in speakers]),
    )


def references() -> dict[str, Reference]:
    """The single listener and the majority, under the names of their rows in the literature."""
    corpus = crema_d.manifest()
    counts = votes(corpus)
    return {
        "single listener": reference(corpus, single(counts)),
        "majority of listeners": reference(corpus, majority(counts)),
    }


def scores_table(found: dict[str, Reference]) -> str:
    """Mean and deviation over folds, pooled scores and intervals, as the docs show them."""
    rows = []
    for name, one in found.items():
        rows += [
            [name, *(tables.spread(one.mean_std(score)) for score in SCORES)],
            ["pooled", *(tables.percent(one.pooled(score)) for score in SCORES)],
            ["95 % over speakers", *(tables.interval(one.interval(score)) for score in SCORES)],
        ]
    return tables.table(HEAD, rows, "markdown")


def heard_table(found: dict[str, Reference]) -> str:
    """What share of each intended emotion was heard as what, as the docs show it."""
    labels = crema_d.manifest().labels
    matrix = found["single listener"].speakers.sum(axis=0)
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    rows = [
        [label, *(tables.percent(float(share)) for share in row)]
        for label, row in zip(labels, shares, strict=True)
    ]
    return tables.table(["meant \\ heard", *labels], rows, "markdown")


def main(arguments: Sequence[str]) -> None:
    """Make the votes where a table is given; print what follows from them."""
    if arguments:
        make(Path(arguments[0]))
    found = references()
    print(scores_table(found), heard_table(found), sep="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
