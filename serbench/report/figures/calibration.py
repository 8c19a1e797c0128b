"""Draw how reliable a model's confidence is: calibration, and accuracy at high confidence."""

from collections.abc import Sequence

import numpy as np

from serbench.report import analysis
from serbench.report.figures import style
from serbench.results.run import Run

FEW = 10  # utterances; a bin with fewer is unreliable and has a hollow dot


def reliability(run: Run, name: str) -> "style.Figure":
    """Draw accuracy against confidence in bins, and below it the bins' numbers of utterances."""
    calibration = analysis.reliability(run)
    figure = style.canvas(style.COLUMN, 3.9)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    filled = calibration.curve.utterances > 0
    confidence = 100 * calibration.curve.confidence[filled]
    accuracy = 100 * calibration.curve.accuracy[filled]
    few = calibration.curve.utterances[filled] < FEW
    dots = {"color": style.ACCENT, "ms": 3.5, "clip_on": False}
    upper.plot([0, 100], [0, 100], linewidth=0.7, color=style.FAINT)
    upper.vlines(confidence, confidence, accuracy, color=style.SECOND, linewidth=1.6, alpha=0.6)
    upper.plot(confidence, accuracy, "o-", **dots)
    upper.plot(confidence[few], accuracy[few], "o", mfc="white", **dots)
    for line in upper.lines:
        line.set_in_layout(False)  # unclipped empty lines would disturb the layout
    upper.set(ylabel="Accuracy (%)", xlim=(0, 100), ylim=(-2, 102))
    upper.set_title(style.wrapped(name, 60))
    # in the emptier corner: above the diagonal if most dots are below it
    above = bool((accuracy < confidence).mean() >= 0.5)
    upper.text(
        *((0.03, 0.97) if above else (0.97, 0.03)),
        f"ECE {100 * calibration.ece:.1f} %\nBrier {calibration.brier:.3f}\n"
        f"NLL {calibration.nll:.3f} nats",
        transform=upper.transAxes,
        ha="left" if above else "right",
        va="top" if above else "bottom",
        linespacing=1.4,
    )
    edges = np.linspace(0, 100, analysis.BINS + 1)
    lower.stairs(calibration.curve.utterances, edges, fill=True, color=style.ACCENT, alpha=0.6)
    lower.set(xlabel="Confidence (%)", ylabel="Utterances")
    return figure


def selective(runs: Sequence[Run], names: Sequence[str]) -> "style.Figure":
    """Draw each model's accuracy over its most confident utterances, from few to all."""
    figure = style.canvas(style.COLUMN, 2.6 + 0.13 * len(runs))
    panel = figure.subplots()
    for position, (run, name) in enumerate(zip(runs, names, strict=True)):
        curve = analysis.selective(run)
        panel.plot(
            100 * curve.coverage,
            100 * curve.accuracy,
            color=style.SERIES[position % len(style.SERIES)],
            linestyle=style.DASHES[position // len(style.SERIES) % len(style.DASHES)],
            label=style.wrapped(name, 60),
        )
    panel.set(xlim=(0, 100), ylim=(0, 102))
    panel.set(xlabel="Coverage: most confident utterances (%)", ylabel="Accuracy (%)")
    panel.grid(linewidth=0.3, color=style.FAINT)
    figure.legend(loc="outside lower center", ncols=1)
    return figure
