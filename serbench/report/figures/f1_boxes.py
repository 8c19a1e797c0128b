"""Draw a box of F1 over folds for every emotion: Fig. 2 of the paper."""

import math
from collections.abc import Sequence

import numpy as np

from serbench.escaping import one_line
from serbench.report import analysis
from serbench.report.figures import style
from serbench.report.figures.colours import styles
from serbench.results.run import Run


def f1_boxes(runs: Sequence[Run], names: Sequence[str]) -> "style.Figure":
    """Draw a panel per run: for each emotion a box over the folds, and every fold as a point.

    Boxes show quartiles and median; whiskers reach the outermost fold within one and a half times
    the box's height.
    """
    columns = 2 if len(runs) == 4 else min(len(runs), 3)
    rows = math.ceil(len(runs) / columns)
    width = style.COLUMN if columns == 1 else style.PAGE
    figure = style.canvas(width, 0.3 + (1.9 if columns > 1 else 2.2) * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for panel, run, name in zip(panels, runs, names, strict=False):
        _draw_boxes(panel, run)
        panel.set_title(style.wrapped(name, 120 // columns if columns > 1 else 60))
    for panel in panels[: len(runs) : columns]:
        panel.set_ylabel("F1 (%)")
    for panel in panels[len(runs) :]:
        panel.remove()
    return figure


def _draw_boxes(panel: "style.Axes", run: Run) -> None:
    labels = run.facts.labels
    scores = [column[~np.isnan(column)] for column in 100 * analysis.label_f1(run).T]
    places = np.arange(len(labels))
    line = {"linewidth": 0.6, "color": style.INK}
    artists = panel.boxplot(
        scores,
        positions=places,
        widths=0.62,
        showfliers=False,
        patch_artist=True,
        medianprops={"color": style.INK, "linewidth": 1.2},
        boxprops={"linewidth": 0.6, "edgecolor": style.INK},
        whiskerprops=line,
        capprops=line,
    )
    for box, (colour, _) in zip(artists["boxes"], styles(labels), strict=True):
        box.set(facecolor=colour, alpha=0.7)
    for place, column in zip(places, scores, strict=True):
        panel.plot(
            np.full(len(column), place), column, "o", ms=1.8, mfc="white", mec=style.INK, mew=0.5
        )
    ticks = [one_line(label, 16) for label in labels]
    panel.set_xticks(places, ticks, rotation=40, ha="right", rotation_mode="anchor")
    panel.set_ylim(-3, 103)
    panel.set_yticks(range(0, 101, 20))
    panel.grid(axis="y", linewidth=0.3, color=style.FAINT)
    panel.set_axisbelow(True)
