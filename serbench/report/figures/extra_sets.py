"""Draw scores on extra test sets: between corpora, and over the strength of a perturbation."""

from collections.abc import Mapping, Sequence

import numpy as np

from serbench.errors import SerbenchError
from serbench.escaping import one_line
from serbench.metrics.classification import METRICS
from serbench.parameters import short_spec, typed
from serbench.report.figures import style
from serbench.results.extra_set import ExtraTest
from serbench.results.extra_summary import CrossCorpus, Robustness

DARK = 0.6  # cells with higher scores have white text
LEAST = 2  # values of a parameter that make a curve
TICKS = 8  # the most values of a parameter that are all on its axis


def matrix(scores: CrossCorpus) -> "style.Figure":
    """Draw a row per run and a column per other corpus, shaded by the score."""
    columns, title = scores.columns, METRICS[scores.metric].title
    shape = (len(scores.runs), len(columns))
    figure = style.canvas(1.9 + 0.75 * shape[1], 1.0 + 0.45 * shape[0])
    panel = figure.subplots()
    cells: dict[tuple[int, int], ExtraTest] = {
        (row, columns.index(test.title)): test
        for row, tests in enumerate(scores.tests)
        for test in tests
    }
    shades = np.full(shape, np.nan)
    for place, test in cells.items():
        shades[place] = test.score(scores.metric)
    panel.imshow(shades, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), test in cells.items():
        own, score = test.same_labels(scores.metric), shades[row, column]
        panel.text(
            column,
            row,
            f"{100 * score:.1f}\nown {100 * own:.1f}, {len(test.set.words)} labels",
            ha="center",
            va="center",
            fontsize=5.5,
            linespacing=1.2,
            color="white" if score > DARK else style.INK,
        )
    for row, column in np.argwhere(np.isnan(shades)):
        panel.text(column, row, "not tested", ha="center", va="center", fontsize=5.5)
    panel.set_xticks(range(shape[1]), [style.wrapped(name, 16) for name in columns])
    trained = [
        style.wrapped(f"{one_line(name, 40)}, {run.config.dataset}", 28)
        for run, name in zip(scores.runs, scores.names, strict=True)
    ]
    panel.set_yticks(range(shape[0]), trained)
    panel.set(xlabel="Tested on", ylabel="Model, trained on")
    panel.set_title(f"{title} (%) on other corpora")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    return figure


def curves(scores: Robustness) -> Mapping[tuple[str, str], Sequence[tuple[float, int, ExtraTest]]]:
    """Return the perturbations of which one number varies.

    Returns:
        By the perturbation without this number and the number's name, ("noise", "snr"): the value,
        the position of the run, and the test, in rising order.
    """
    points: dict[tuple[str, str], list[tuple[float, int, ExtraTest]]] = {}
    for row, tests in enumerate(scores.tests):
        for test in tests:
            name, values = test.folds[0].facts.kind, test.folds[0].facts.parameters
            for varied, value in values.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    others = [typed(key, values[key]) for key in values if key != varied]
                    key = (short_spec(f"{name}:{','.join(others)}") if others else name, varied)
                    points.setdefault(key, []).append((float(value), row, test))
    return {
        key: sorted(each, key=lambda point: point[:2])
        for key, each in points.items()
        if len({value for value, _, _ in each}) >= LEAST
    }


def robustness(scores: Robustness) -> "style.Figure":
    """Draw a panel per perturbation: each run's score over its strength.

    Dashed lines are the scores on the audio as recorded, the grey line is chance.

    Raises:
        SerbenchError: no perturbation has two strengths.
    """
    panels = curves(scores)
    if not panels:
        raise SerbenchError(
            "a picture needs a perturbation at two strengths: evaluate with, for example, "
            "--perturb noise:snr=10 --perturb noise:snr=0"
        )
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    width = style.PAGE if columns > 1 else style.COLUMN
    figure = style.canvas(width, 0.5 + 1.9 * rows + 0.13 * (len(scores.runs) + 2))
    axes = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for panel, ((perturbation, varied), points) in zip(axes, panels.items(), strict=False):
        for row, name in enumerate(scores.names):
            own = [(value, test) for value, at, test in points if at == row]
            if not own:
                continue
            colour = style.SERIES[row % len(style.SERIES)]
            panel.plot(
                [value for value, _ in own],
                [100 * test.pooled(scores.metric) for _, test in own],
                "o-",
                ms=3,
                color=colour,
                label=style.wrapped(name, 60) if panel is axes[0] else None,
            )
            recorded = 100 * own[0][1].own_pooled(scores.metric)
            panel.axhline(recorded, color=colour, linewidth=0.7, linestyle="--")
        panel.axhline(100 * points[0][2].chance(scores.metric), color=style.FAINT, linewidth=0.8)
        measured = sorted({value for value, _, _ in points})
        if len(measured) <= TICKS:
            panel.set_xticks(measured, [f"{value:g}" for value in measured])
        panel.set_title(style.wrapped(one_line(perturbation, 60), 50))
        panel.set(ylim=(0, 102), xlabel=one_line(varied, 30))
        panel.set_ylabel(f"{METRICS[scores.metric].title} (%)")
        panel.grid(axis="y", linewidth=0.3, color=style.FAINT)
    for panel in axes[len(panels) :]:
        panel.set_axis_off()
    axes[0].plot([], [], color=style.INK, linewidth=0.7, linestyle="--", label="as recorded")
    axes[0].plot([], [], color=style.FAINT, linewidth=0.8, label="chance")
    figure.legend(loc="outside lower center", ncols=1)
    return figure
