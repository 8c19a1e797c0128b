"""Draw confusion matrices, with counts and the percentages of each row: Fig. 5 of the paper."""

from collections.abc import Sequence

import numpy as np

from serbench.escaping import one_line
from serbench.metrics.classification import Matrix
from serbench.report import analysis
from serbench.report.figures import style

DARK = 0.5  # cells with larger shares have white text


def matrix(counts: Matrix, labels: Sequence[str], title: str) -> "style.Figure":
    """Draw counts with the truth as rows, shaded by the share of the row."""
    side = max(2.4, 0.34 * len(labels))
    figure = style.canvas(side + 0.8, side + 0.75)
    panel = figure.subplots()
    shares = analysis.row_shares(counts)
    panel.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        count = int(counts[row, column])
        panel.text(
            column,
            row,
            f"{count}\n{100 * share:.0f} %" if count else "0",
            ha="center",
            va="center",
            fontsize=5.5,
            color="white" if share > DARK else style.INK if count else style.FAINT,
            linespacing=1.05,
        )
    names = [one_line(label, 16) for label in labels]
    places = np.arange(len(names))
    panel.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    totals = zip(names, counts.sum(axis=1), strict=True)
    panel.set_yticks(places, [f"{name} ({total})" for name, total in totals])
    panel.set_xlabel("Predicted")
    panel.set_ylabel("Actual (utterances)")
    panel.set_title(style.wrapped(title, 40, 3))
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_xticks(places[:-1] + 0.5, minor=True)
    panel.set_yticks(places[:-1] + 0.5, minor=True)
    panel.grid(which="minor", color="white", linewidth=1.2)
    panel.tick_params(which="minor", length=0)
    return figure
