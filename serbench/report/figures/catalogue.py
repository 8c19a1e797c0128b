"""List the figures of a report with titles and captions; a new figure needs an entry here."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from serbench.report import analysis
from serbench.report.figures import (
    calibration,
    confusion,
    extra_sets,
    f1_boxes,
    pca,
    speakers,
    style,
)
from serbench.report.figures.learning_curves import learning_curves
from serbench.report.groups import by_sex
from serbench.results import extra_summary, fold_file
from serbench.results.run import Run


@dataclass(frozen=True)
class Figure:
    """A figure that can be drawn."""

    name: str  # of its files, without endings
    title: str  # its content, in a few words
    caption: str  # how to read it
    draw: Callable[[], "style.Figure"]  # called inside `style.drawing()`


def of_section(runs: Sequence[Run], names: Sequence[str]) -> Iterator[Figure]:
    """Yield the figures that show the comparable runs of a section side by side."""
    yield Figure(
        "f1",
        "F1 of every emotion",
        "Boxes show the quartiles and the median over test sets; whiskers reach the outermost test "
        "set within one and a half times the box's height; every test set is a "
        "point.",
        functools.partial(f1_boxes.f1_boxes, runs, names),
    )
    yield Figure(
        "selective",
        "Accuracy at high confidence",
        "Accuracy over the share of all test utterances with the highest confidence.",
        functools.partial(calibration.selective, runs, names),
    )
    pairs = [pair for pair in zip(runs, names, strict=True) if by_sex(pair[0])]
    if pairs:
        known_runs, known_names = zip(*pairs, strict=True)
        yield Figure(
            "sexes",
            "UAR by sex",
            "UAR over the test utterances of each sex; lines: 95 % intervals by bootstrap over "
            "its speakers. Sexes are from the corpus's manifest.",
            functools.partial(speakers.sexes, known_runs, known_names),
        )

    yield from _extra_sets(runs)


def _extra_sets(runs: Sequence[Run]) -> Iterator[Figure]:
    """Yield the figures on extra test sets, if the runs were tested on any."""
    if cross := extra_summary.on_corpora(runs):
        yield Figure(
            "cross-corpus",
            "Tested on other corpora",
            "UAR on other corpora, mean over the models of the folds; own: on the run's own test "
            "sets, with only the shared labels.",
            functools.partial(extra_sets.matrix, cross),
        )
    noisy = extra_summary.on_perturbations(runs)
    if noisy and extra_sets.curves(noisy):
        yield Figure(
            "robustness",
            "Tested on perturbed audio",
            "UAR of all test utterances against the strength of a perturbation of the test audio; "
            "dashed: audio as recorded; grey: chance.",
            functools.partial(extra_sets.robustness, noisy),
        )


def of_run(run: Run, name: str) -> Iterator[Figure]:
    """Yield the figures of one run."""
    yield from _pca(run, name)
    yield from _confusions(run, name)
    if curves := analysis.learning_curves(run):
        yield Figure(
            "learning",
            f"{name}: learning curves",
            "Training and validation loss, and UAR on the validation set, a line per fold; a dot "
            "is the epoch that was kept."
            if any(curve.epochs for curve in curves)
            else "UAR on the validation set of every setting tried, a line per fold.",
            functools.partial(learning_curves, run, name),
        )
    yield Figure(
        "reliability",
        f"{name}: reliability",
        f"Accuracy against confidence, all test utterances in {analysis.BINS} bins; on the "
        "diagonal confidence equals accuracy. Bars: the gap. Hollow dots: fewer than "
        f"{calibration.FEW} utterances. Below: the number of utterances.",
        functools.partial(calibration.reliability, run, name),
    )
    yield Figure(
        "speakers",
        f"{name}: every speaker",
        "UAR over each test speaker's utterances, lowest first. Line and band: UAR of all test "
        "utterances pooled, with its 95 % interval by bootstrap over speakers.",
        functools.partial(speakers.speakers, run, name),
    )


def _pca(run: Run, name: str) -> Iterator[Figure]:
    caption = (
        "First two principal components of the output layer's activations, utterances coloured by "
        "actual and by predicted label; axes show each component's share of the "
        "variance."
    )
    every = functools.partial(pca.all_test_sets, run, name)
    yield Figure("pca", f"{name}: PCA of every test set", caption, every)
    for position, fold in enumerate(analysis.fold_names(run)):
        points = analysis.pca(run, position).points
        distinct = len(np.unique(points.round(9), axis=0))
        tied = f" Only {distinct} of {len(points)} points differ."
        yield Figure(
            f"pca-{fold_file.stem(position)}",
            f"{name}: PCA of test set {fold}",
            caption + tied * (2 * distinct < len(points)),
            functools.partial(pca.single_test_set, run, name, position),
        )


def _confusions(run: Run, name: str) -> Iterator[Figure]:
    folds = [
        (f"confusion-{fold_file.stem(position)}", f"test set {fold}", counts)
        for position, (fold, counts) in enumerate(
            zip(analysis.fold_names(run), run.confusions, strict=True)
        )
    ]
    for stem, tested, counts in [
        ("confusion", "all test sets", run.confusions.sum(axis=0)),
        *folds,
    ]:
        yield Figure(
            stem,
            f"{name}: confusion matrix of {tested}",
            "Rows: actual label; columns: predicted label; counts, and percentages of each row.",
            functools.partial(confusion.matrix, counts, run.facts.labels, f"{name}, {tested}"),
        )
