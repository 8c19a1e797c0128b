"""Draw what shared speakers are worth: each speaker's score without and with own training data."""

import numpy as np

from serbench.comparison.leakage_price import LeakagePrice
from serbench.metrics.classification import METRICS
from serbench.report.figures import style

ARMS = ("new\nspeakers", "shared\nspeakers")


def shared_speakers(price: LeakagePrice) -> "style.Figure":
    """Draw a panel per model: each test speaker's two scores, and all utterances together."""
    compute = METRICS[price.metric].compute
    columns = min(3, len(price.arms))
    rows = -(-len(price.arms) // columns)
    figure = style.canvas(max(style.COLUMN, columns * style.PAGE / 3), 0.3 + 2.3 * rows)
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False, sharey=True))
    for panel, arms, name, gap in zip(panels, price.arms, price.names, price.prices, strict=False):
        scores = 100 * np.stack([compute(test.confusions) for test in arms.tests])  # (2, speakers)
        panel.plot([0, 1], scores, "-", color=style.FAINT, linewidth=0.7, zorder=1)
        pooled = [100 * gap.other, 100 * gap.first]
        panel.plot([0, 1], pooled, "o-", color=style.SECOND, ms=4, linewidth=1.6, zorder=2)
        for at, score in enumerate(pooled):
            side = ("right", -5) if at == 0 else ("left", 5)
            panel.annotate(
                f"{score:.1f}",
                (at, score),
                (side[1], 0),
                textcoords="offset points",
                ha=side[0],
                va="center",
            )
        low, high = (100 * end for end in gap.interval)
        panel.set_title(
            f"{style.wrapped(name, 34)}\n{100 * gap.difference:+.1f} [{low:.1f}, {high:.1f}]"
        )
        panel.set(xlim=(-0.45, 1.45), ylim=(0, 102))
        panel.set_xticks([0, 1], ARMS)
        panel.grid(axis="y", linewidth=0.3, color=style.FAINT)
    for panel in panels[::columns]:
        panel.set_ylabel(f"{METRICS[price.metric].title} (%)")
    for panel in panels[len(price.arms) :]:
        panel.set_axis_off()
    return figure
