"""Draws what a model reported while it learned, all folds together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from serbench.metrics.classification import Floats
from serbench.report import analysis
from serbench.report.analysis import Curve
from serbench.report.figures import style
from serbench.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning(run: Run, name: str) -> "Figure":
    """Training and validation loss, and UAR on the validation set, a line a fold.

    A dot is the epoch that was kept. Of models that try settings, which have no losses, only the
    second panel.
    """
    curves = analysis.curves(run)
    losses = any(curve.epochs for curve in curves)
    figure = style.canvas(style.PAGE if losses else style.COLUMN, 2.3)
    panels = figure.subplots(1, 2 if losses else 1, squeeze=False)[0]
    if losses:
        _losses(panels[0], curves)
        panels[0].set_title(style.wrapped(name, 75))
    _scores(panels[-1], curves)
    if not losses:
        panels[0].set_title(style.wrapped(name, 60))
    for panel in panels:
        panel.set_xlabel("Epoch" if losses else "Setting tried")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(linewidth=0.3, color=style.FAINT)
        panel.set_axisbelow(True)
    return figure


def _losses(panel: "Axes", curves: Sequence[Curve]) -> None:
    for curve in curves:
        for series, colour in (("train_loss", style.FAINT), ("validation_loss", style.SECOND)):
            if series in curve.values:
                _line(panel, curve, curve.values[series], colour, kept=series != "train_loss")
    panel.set_ylabel("Loss")
    panel.set_ylim(bottom=0)
    for series, colour in (("training", style.FAINT), ("validation", style.SECOND)):
        panel.plot([], [], color=colour, label=series)
    panel.legend(loc="best")


def _scores(panel: "Axes", curves: Sequence[Curve]) -> None:
    for curve in curves:
        if "validation_uar" in curve.values:
            _line(panel, curve, 100 * curve.values["validation_uar"], style.ACCENT, kept=True)
    panel.set_ylabel("Validation UAR (%)")
    panel.set_ylim(0, 100)


def _line(panel: "Axes", curve: Curve, values: Floats, colour: str, *, kept: bool) -> None:
    mark = "." if len(values) < 3 or not curve.epochs else ""
    panel.plot(
        curve.steps, values, color=colour, alpha=0.65, linewidth=0.8, marker=mark, markersize=3
    )
    if kept and curve.best is not None:
        chosen = curve.steps == curve.best
        panel.plot(curve.steps[chosen], values[chosen], "o", color=colour, ms=3.5)
