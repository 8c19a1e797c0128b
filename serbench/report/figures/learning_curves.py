"""Draw the learning curves of all folds in one figure."""

from serbench.metrics.classification import Floats
from serbench.report import analysis
from serbench.report.figures import style
from serbench.results.learning_curve import Curve
from serbench.results.run import Run


def learning_curves(run: Run, name: str) -> "style.Figure":
    """Draw training and validation loss, and UAR on the validation set, a line per fold.

    A dot is the epoch that was kept. A model that tries settings has no losses, and only the second
    panel.
    """
    curves = analysis.learning_curves(run)
    has_losses = any(curve.epochs for curve in curves)
    figure = style.canvas(style.PAGE if has_losses else style.COLUMN, 2.3)
    panels = figure.subplots(1, 2 if has_losses else 1, squeeze=False)[0]
    if has_losses:
        for curve in curves:
            _draw_line(panels[0], curve, curve.values.get("train_loss"), style.FAINT, kept=False)
            _draw_line(panels[0], curve, curve.values.get("validation_loss"), style.SECOND)
        panels[0].set_ylabel("Loss")
        panels[0].set_ylim(bottom=0)
        for series, colour in (("training", style.FAINT), ("validation", style.SECOND)):
            panels[0].plot([], [], color=colour, label=series)
        panels[0].legend(loc="best")
    for curve in curves:
        uar = curve.values.get("validation_uar")
        _draw_line(panels[-1], curve, None if uar is None else 100 * uar, style.ACCENT)
    panels[-1].set_ylabel("Validation UAR (%)")
    panels[-1].set_ylim(0, 100)
    panels[0].set_title(style.wrapped(name, 75 if has_losses else 60))
    for panel in panels:
        panel.set_xlabel("Epoch" if has_losses else "Setting tried")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(linewidth=0.3, color=style.FAINT)
        panel.set_axisbelow(True)
    return figure


def _draw_line(
    panel: "style.Axes", curve: Curve, values: Floats | None, colour: str, *, kept: bool = True
) -> None:
    """Draw one series over the epochs, with a dot at the epoch that was kept."""
    if values is None:
        return
    mark = "." if len(values) < 3 or not curve.epochs else ""
    panel.plot(
        curve.steps, values, color=colour, alpha=0.65, linewidth=0.8, marker=mark, markersize=3
    )
    if kept and curve.best is not None:
        best = curve.steps == curve.best
        panel.plot(curve.steps[best], values[best], "o", color=colour, ms=3.5)
