"""Draw the output layer on each test set by principal components: Fig. 3 and 4 of the paper."""

import math

import numpy as np

from serbench.escaping import one_line
from serbench.metrics import classification
from serbench.metrics.classification import Labels
from serbench.report import analysis
from serbench.report.analysis import Projection
from serbench.report.figures import style
from serbench.report.figures.colours import styles
from serbench.results.run import Run

SIDES = ("actual label", "predicted label")
PALE = ("#F0E442",)  # colours that need a dark edge on white
SIZES = {
    "D": 0.8,
    "^": 1.2,
    "v": 1.2,
    "X": 1.3,
    "P": 1.3,
    "p": 1.4,
}  # so that marks look alike
GAP = 0.06  # margin around the points, a share of the widest extent


def single_test_set(run: Run, name: str, position: int) -> "style.Figure":
    """Draw the test set of one fold twice: by actual and by predicted label."""
    figure = style.canvas(6.2, 3.75)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    projection = analysis.pca(run, position)
    for panel, side, labels in zip(panels, SIDES, _labels(run, position), strict=True):
        _draw_points(panel, run, projection, labels, size=11)
        panel.set_title(side.capitalize())
        panel.set_xlabel(f"Component 1 ({_of_variance(projection.explained[0])})")
    panels[0].set_ylabel(f"Component 2 ({_of_variance(projection.explained[1])})")
    _title_and_legend(figure, run, f"{name}, test set {projection.fold}")
    return figure


def all_test_sets(run: Run, name: str) -> "style.Figure":
    """Draw every test set in small panels, actual labels above predicted ones."""
    columns = side_by_side(len(run.folds))
    bands, width = math.ceil(len(run.folds) / columns), style.PAGE if columns > 1 else style.COLUMN
    figure = style.canvas(width, 0.5 + 2 * bands * width / columns)
    panels = figure.subplots(2 * bands, columns, squeeze=False)
    for panel in panels.ravel():
        panel.set_axis_off()
    for position in range(len(run.folds)):
        projection = analysis.pca(run, position)
        first, second = map(_share, projection.explained)
        for below, labels in enumerate(_labels(run, position)):
            panel = panels[2 * (position // columns) + below, position % columns]
            panel.set_axis_on()
            _draw_points(panel, run, projection, labels, size=26 / columns)
            side = SIDES[below].partition(" ")[0]
            panel.set_title(f"{one_line(projection.fold, 12)}, {side}", pad=2)
            panel.set(xticks=[], yticks=[])
            panel.set_xlabel(first, labelpad=2, fontsize=6)
            panel.set_ylabel(second, labelpad=2, fontsize=6)
    _title_and_legend(figure, run, f"{name}, every test set")
    return figure


def side_by_side(folds: int) -> int:
    """Return the fewest panels per row that make the figure fit on a page, at most eight."""
    tall = (columns for columns in range(1, 8) if 2 * math.ceil(folds / columns) <= 1.4 * columns)
    return min(folds, next(tall, 8))


def _labels(run: Run, position: int) -> tuple[Labels, Labels]:
    test = run.folds[position].test
    return test.truth, classification.predicted(test.activations)


def _draw_points(
    panel: "style.Axes", run: Run, projection: Projection, labels: Labels, size: float
) -> None:
    """Draw every utterance with the colour and marker of its label, rare labels on top."""
    looks = styles(run.facts.labels)
    for label in np.argsort(-np.bincount(labels, minlength=len(looks)), kind="stable"):
        colour, mark = looks[label]
        points = projection.points[labels == label]
        panel.scatter(
            points[:, 0],
            points[:, 1],
            s=size * SIZES.get(mark, 1.0),
            c=colour,
            marker=mark,
            alpha=0.85,
            edgecolors=style.INK if colour in PALE else "white",
            linewidths=0.25,
        )
    middle = (projection.points.max(axis=0) + projection.points.min(axis=0)) / 2
    half = (np.ptp(projection.points, axis=0).max() or 1.0) * (0.5 + GAP)
    panel.set_xlim(middle[0] - half, middle[0] + half)  # the same scale for both axes
    panel.set_ylim(middle[1] - half, middle[1] + half)
    panel.set_box_aspect(1)


def _of_variance(share: float) -> str:
    return "of no variance" if math.isnan(share) else f"{_share(share)} of variance"


def _share(share: float) -> str:
    return "no variance" if math.isnan(share) else f"{100 * share:.1f} %"


def _title_and_legend(figure: "style.Figure", run: Run, title: str) -> None:
    """Put a title above all panels, and the labels below them in the order of the tables."""
    from matplotlib.lines import Line2D

    figure.suptitle(style.wrapped(title, 110), x=0.01, ha="left", fontsize=7.5)
    labels = run.facts.labels
    marks = [
        Line2D(
            [],
            [],
            linestyle="",
            color=colour,
            marker=mark,
            markersize=4.5,
            markeredgecolor=style.INK if colour in PALE else colour,
            markeredgewidth=0.4,
        )
        for colour, mark in styles(labels)
    ]
    names = [one_line(label, 16) for label in labels]
    figure.legend(marks, names, loc="outside lower center", ncols=8)
