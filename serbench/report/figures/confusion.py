"""Draws confusion matrices, with counts and the percentages of each row: Fig. 5 of the paper."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from serbench.metrics.classification import Matrix
from serbench.report import analysis
from serbench.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK = 0.5  # from this share on the writing is white


def matrix(counts: Matrix, labels: Sequence[str], title: str) -> "Figure":
    """One confusion matrix: rows the truth, columns the prediction, shaded by the row's share.

    Args:
        counts: (labels, labels).
        labels: of both.
        title: what it is of.
    """
    side = max(2.4, 0.34 * len(labels))
    figure = style.canvas(side + 0.8, side + 0.75)
    panel = figure.subplots()
    shares = analysis.row_shares(counts)
    panel.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        _cell(panel, (column, row), int(counts[row, column]), share)
    names = [style.plain(one, 16) for one in labels]
    panel.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    totals = counts.sum(axis=1)
    panel.set_yticks(
        range(len(names)), [f"{name} ({n})" for name, n in zip(names, totals, strict=True)]
    )
    panel.set_xlabel("Predicted")
    panel.set_ylabel("Actual (utterances)")
    panel.set_title(style.wrapped(title, 40, 3))
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
    panel.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
    panel.grid(which="minor", color="white", linewidth=1.2)
    panel.tick_params(which="minor", length=0)
    return figure


def _cell(panel: "Axes", at: tuple[int, int], count: int, share: float) -> None:
    colour = "white" if share > DARK else style.INK if count else style.FAINT
    words = f"{count}\n{100 * share:.0f} %" if count else "0"
    panel.text(*at, words, ha="center", va="center", fontsize=5.5, color=colour, linespacing=1.05)
