"""Which pictures a report has, what each is called, and how to read it."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from serbench.report import analysis, speakers
from serbench.report.figures import (
    boxes,
    calibration,
    clouds,
    confusion,
    learning_curves,
    speaker_scores,
)
from serbench.results import fold_file
from serbench.results.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A picture that can be drawn.

    Attributes:
        name: what its files are called, without their endings.
        title: what it shows, in a few words.
        caption: how to read it.
        draw: makes it; inside `style.drawing()`.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], "Figure"]


def of_section(runs: Sequence[Run], names: Sequence[str]) -> Iterator[Picture]:
    """The pictures that show runs that can be compared side by side."""
    yield Picture(
        "f1",
        "F1 of every emotion",
        "Each box is over test sets, from quartile to quartile with the median in it; whiskers "
        "reach the outermost test set within one and a half times its height; every test set is a "
        "point.",
        functools.partial(boxes.boxes, runs, names),
    )
    yield Picture(
        "selective",
        "Accuracy where the model is sure",
        "Accuracy over the share of all test utterances with the highest confidence.",
        functools.partial(calibration.selective, runs, names),
    )
    known = [pair for pair in zip(runs, names, strict=True) if speakers.by_sex(pair[0]).groups]
    if known:
        shown, called = zip(*known, strict=True)
        yield Picture(
            "sexes",
            "UAR by sex",
            "UAR over the test utterances of each sex; lines: 95 % intervals by bootstrap over "
            "its speakers. Sexes are those of the corpus's manifest.",
            functools.partial(speaker_scores.sexes, shown, called),
        )


def of_run(run: Run, name: str) -> Iterator[Picture]:
    """The pictures of one run."""
    yield from _clouds(run, name)
    yield from _matrices(run, name)
    if analysis.curves(run):
        yield _learning(run, name)
    yield Picture(
        "reliability",
        f"{name}: reliability",
        f"Accuracy against confidence, all test utterances in {analysis.BINS} bins; on the "
        "diagonal confidence can be taken at its word. Bars: the gap. Hollow: fewer than "
        f"{calibration.FEW} utterances. Below: how many utterances.",
        functools.partial(calibration.reliability, run, name),
    )
    yield Picture(
        "speakers",
        f"{name}: every speaker",
        "UAR over each test speaker's own utterances, lowest first. Line and band: of all test "
        "utterances pooled, with its 95 % interval by bootstrap over speakers.",
        functools.partial(speaker_scores.speakers, run, name),
    )


def _clouds(run: Run, name: str) -> Iterator[Picture]:
    how = (
        "First two principal components of the output layer's activations, utterances coloured by "
        "their actual and by their predicted label; the share of the variance that each explains "
        "is at its axis."
    )
    every = functools.partial(clouds.clouds, run, name)
    yield Picture("pca", f"{name}: PCA of every test set", how, every)
    for position, fold in enumerate(analysis.fold_names(run)):
        projection = analysis.pca(run, position)
        distinct = len(np.unique(projection.points.round(9), axis=0))
        tied = f" Only {distinct} of {len(projection.points)} points differ."
        yield Picture(
            f"pca-{fold_file.stem(position)}",
            f"{name}: PCA of test set {fold}",
            how + tied * (2 * distinct < len(projection.points)),
            functools.partial(clouds.cloud, run, name, position),
        )


def _matrices(run: Run, name: str) -> Iterator[Picture]:
    how = "Rows: actual label; columns: predicted label; counts, and percentages of each row."
    labels = analysis.labels(run)
    parts = [("confusion", "all test sets", run.confusions.sum(axis=0))] + [
        (f"confusion-{fold_file.stem(position)}", f"test set {fold}", run.confusions[position])
        for position, fold in enumerate(analysis.fold_names(run))
    ]
    for stem, words, counts in parts:
        title = f"{name}, {words}"
        yield Picture(
            stem,
            f"{name}: confusion matrix of {words}",
            how,
            functools.partial(confusion.matrix, counts, labels, title),
        )


def _learning(run: Run, name: str) -> Picture:
    trained = any(curve.epochs for curve in analysis.curves(run))
    how = (
        "Training and validation loss and UAR on the validation set, a line a fold; a dot is the "
        "epoch that was kept."
        if trained
        else "UAR on the validation set of every setting that was tried, a line a fold."
    )
    return Picture(
        "learning",
        f"{name}: learning curves",
        how,
        functools.partial(learning_curves.learning, run, name),
    )
