"""Draws what the output layer makes of each test set: Fig. 3 and 4 of the paper."""

import math
from typing import TYPE_CHECKING

import numpy as np

from serbench.metrics import classification
from serbench.metrics.classification import Labels
from serbench.report import analysis
from serbench.report.analysis import Projection
from serbench.report.figures import style
from serbench.report.figures.style import styles
from serbench.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = ("actual label", "predicted label")
PALE = ("#F0E442",)  # what needs a dark edge on white
SIZES = {"D": 0.8, "^": 1.2, "v": 1.2, "X": 1.3, "P": 1.3, "p": 1.4}  # so that marks look as large
GAP = 0.06  # of the widest extent, around the points


def cloud(run: Run, name: str, position: int) -> "Figure":
    """One test set along its first two principal components, by actual and by predicted label."""
    figure = style.canvas(6.2, 3.75)
    both = figure.subplots(1, 2, sharex=True, sharey=True)
    projection = analysis.pca(run, position)
    for panel, side, chosen in zip(both, SIDES, _sides(run, position), strict=True):
        _points(panel, run, projection, chosen, size=11)
        panel.set_title(side.capitalize())
        panel.set_xlabel(_axis(1, projection))
    both[0].set_ylabel(_axis(2, projection))
    _title(figure, f"{name}, test set {projection.fold}")
    _legend(figure, run)
    return figure


def clouds(run: Run, name: str) -> "Figure":
    """Every test set, small: for each the actual labels above the predicted ones."""
    folds = len(run.folds)
    columns = side_by_side(folds)
    bands, width = math.ceil(folds / columns), style.PAGE if columns > 1 else style.COLUMN
    figure = style.canvas(width, 0.5 + 2 * bands * width / columns)
    panels = figure.subplots(2 * bands, columns, squeeze=False)
    for panel in panels.ravel():
        panel.set_axis_off()
    for position in range(folds):
        projection = analysis.pca(run, position)
        for below, chosen in enumerate(_sides(run, position)):
            panel = panels[2 * (position // columns) + below, position % columns]
            panel.set_axis_on()
            _points(panel, run, projection, chosen, size=26 / columns)
            _small(panel, projection, SIDES[below])
    _title(figure, f"{name}, every test set")
    _legend(figure, run)
    return figure


def side_by_side(folds: int) -> int:
    """As few panels side by side as fit on a page, but no more than eight."""
    tall = (columns for columns in range(1, 8) if 2 * math.ceil(folds / columns) <= 1.4 * columns)
    return min(folds, next(tall, 8))


def _small(panel: "Axes", projection: Projection, side: str) -> None:
    panel.set_title(f"{style.plain(projection.fold, 12)}, {side.partition(' ')[0]}", pad=2)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.set_xlabel(_share(projection.explained[0]), labelpad=2, fontsize=6)
    panel.set_ylabel(_share(projection.explained[1]), labelpad=2, fontsize=6)


def _sides(run: Run, position: int) -> tuple[Labels, Labels]:
    test = run.folds[position].test
    return test.truth, classification.predicted(test.activations)


def _points(panel: "Axes", run: Run, projection: Projection, chosen: Labels, size: float) -> None:
    """Every utterance in the colour and with the mark of a label, rare labels on top."""
    found = styles(analysis.labels(run))
    for label in np.argsort(-np.bincount(chosen, minlength=len(found)), kind="stable"):
        colour, mark = found[label]
        panel.scatter(
            projection.points[chosen == label, 0],
            projection.points[chosen == label, 1],
            s=size * SIZES.get(mark, 1.0),
            c=colour,
            marker=mark,
            alpha=0.85,
            edgecolors=style.INK if colour in PALE else "white",
            linewidths=0.25,
        )
    middle = (projection.points.max(axis=0) + projection.points.min(axis=0)) / 2
    half = (np.ptp(projection.points, axis=0).max() or 1.0) * (0.5 + GAP)
    panel.set_xlim(middle[0] - half, middle[0] + half)  # both axes to one scale
    panel.set_ylim(middle[1] - half, middle[1] + half)
    panel.set_box_aspect(1)


def _axis(number: int, projection: Projection) -> str:
    share = projection.explained[number - 1]
    shown = "of no" if math.isnan(share) else _share(share) + " of"
    return f"Component {number} ({shown} variance)"


def _share(share: float) -> str:
    return "no variance" if math.isnan(share) else f"{100 * share:.1f} %"


def _title(figure: "Figure", words: str) -> None:
    figure.suptitle(style.wrapped(words, 110), x=0.01, ha="left", fontsize=7.5)


def _legend(figure: "Figure", run: Run) -> None:
    """The labels below all panels, in the order of the tables."""
    names = analysis.labels(run)
    marks = [
        style.mark(colour, mark, style.INK if colour in PALE else colour)
        for colour, mark in styles(names)
    ]
    figure.legend(
        marks, [style.plain(one, 16) for one in names], loc="outside lower center", ncols=8
    )
