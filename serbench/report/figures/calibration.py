"""Draws how far a model's confidence can be trusted: calibration, and accuracy where it is sure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from serbench.report import analysis
from serbench.report.figures import style
from serbench.results.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 10  # utterances; the accuracy of fewer says little, so their dot is hollow


def reliability(run: Run, name: str) -> "Figure":
    """Accuracy against confidence in bins, and below how many utterances are in each."""
    found = analysis.reliability(run)
    figure = style.canvas(style.COLUMN, 3.9)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    filled = found.curve.utterances > 0
    confidence = 100 * found.curve.confidence[filled]
    accuracy = 100 * found.curve.accuracy[filled]
    upper.plot([0, 100], [0, 100], linewidth=0.7, color=style.FAINT)
    upper.vlines(confidence, confidence, accuracy, color=style.SECOND, linewidth=1.6, alpha=0.6)
    upper.plot(confidence, accuracy, "o-", color=style.ACCENT, ms=3.5, clip_on=False)
    few = found.curve.utterances[filled] < FEW
    upper.plot(
        confidence[few], accuracy[few], "o", mfc="white", mec=style.ACCENT, ms=3.5, clip_on=False
    )
    for line in upper.lines:
        line.set_in_layout(False)  # an empty one that is not clipped would be laid out as well
    upper.set_ylabel("Accuracy (%)")
    upper.set(xlim=(0, 100), ylim=(-2, 102))
    upper.set_title(style.wrapped(name, 60))
    numbers = f"ECE {100 * found.ece:.1f} %\nBrier {found.brier:.3f}\nNLL {found.nll:.3f} nats"
    below = bool((accuracy < confidence).mean() >= 0.5)  # then there is room above the diagonal
    place = (0.03, 0.97, "left", "top") if below else (0.97, 0.03, "right", "bottom")
    upper.text(
        *place[:2],
        numbers,
        transform=upper.transAxes,
        ha=place[2],
        va=place[3],
        linespacing=1.4,
    )
    edges = np.linspace(0, 100, analysis.BINS + 1)
    lower.stairs(found.curve.utterances, edges, fill=True, color=style.ACCENT, alpha=0.6)
    lower.set_xlabel("Confidence (%)")
    lower.set_ylabel("Utterances")
    return figure


def selective(runs: Sequence[Run], names: Sequence[str]) -> "Figure":
    """Accuracy over the utterances that each model is surest of, from few to all."""
    figure = style.canvas(style.COLUMN, 2.6 + 0.13 * len(runs))
    panel = figure.subplots()
    for position, (run, name) in enumerate(zip(runs, names, strict=True)):
        found = analysis.selective(run)
        panel.plot(
            100 * found.coverage,
            100 * found.accuracy,
            color=style.SERIES[position % len(style.SERIES)],
            linestyle=style.DASHES[position // len(style.SERIES) % len(style.DASHES)],
            label=style.wrapped(name, 60),
        )
    panel.set(xlim=(0, 100), ylim=(0, 102))
    panel.set_xlabel("Coverage: the surest utterances (%)")
    panel.set_ylabel("Accuracy (%)")
    panel.grid(linewidth=0.3, color=style.FAINT)
    figure.legend(loc="outside lower center", ncols=1)
    return figure
