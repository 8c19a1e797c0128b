"""Draw how scores differ between speakers and between sexes."""

from collections.abc import Sequence

import numpy as np

from serbench.escaping import one_line
from serbench.metrics.classification import METRICS
from serbench.report.figures import style
from serbench.report.groups import by_sex
from serbench.report.groups import sexes as known_sexes
from serbench.report.speakers import speaker_scores
from serbench.results.run import Run

NAMED = 100  # the most speakers that have room for names
MARKS = {"female": ("o", style.SECOND), "male": ("s", style.ACCENT), "": ("o", style.ACCENT)}
OTHER = ("D", style.INK)


def speakers(run: Run, name: str, metric: str = "uar") -> "style.Figure":
    """Draw every test speaker's score, lowest first, and the pooled score in its 95 % interval."""
    scores = sorted(speaker_scores(run, metric), key=lambda row: (row.score, row.speaker))
    count, is_wide = len(scores), len(scores) > 30
    figure = style.canvas(style.PAGE if is_wide else style.COLUMN, 2.5)
    panel = figure.subplots()
    low, high = run.interval(metric)
    if low == low:  # nan with a single speaker
        panel.axhspan(100 * low, 100 * high, color=style.FAINT, alpha=0.35, linewidth=0)
    panel.axhline(100 * run.pooled(metric), color=style.INK, linewidth=0.8)
    sex_by_speaker = known_sexes(run)
    sexes = np.array([sex_by_speaker.get(row.speaker, "") for row in scores])
    for sex in sorted(set(sexes.tolist())):
        places = np.flatnonzero(sexes == sex)
        mark, colour = MARKS.get(sex, OTHER)
        heights = [100 * scores[place].score for place in places]
        panel.plot(places, heights, mark, ms=3.5, color=colour, label=one_line(sex, 12))
    if len(set(sexes.tolist())) > 1:
        panel.legend(loc="upper left")
    panel.set(xlim=(-1, count), ylim=(0, 102))
    panel.set(xlabel=f"Test speakers ({count})", ylabel=f"{METRICS[metric].title} (%)")
    names = [one_line(row.speaker, 12) for row in scores] if count <= NAMED else []
    size = max(4, min(6.5, (400 if is_wide else 190) / max(count, 1)))
    panel.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    panel.set_title(style.wrapped(name, 130 if is_wide else 60))
    return figure


def sexes(runs: Sequence[Run], names: Sequence[str], metric: str = "uar") -> "style.Figure":
    """Draw the score of each sex with 95 % intervals, for runs with known sexes."""
    figure = style.canvas(style.COLUMN, 0.75 + 0.42 * len(runs))
    panel = figure.subplots()
    for row, run in enumerate(runs):
        groups = by_sex(run, metric)
        for position, group in enumerate(groups):
            mark, colour = MARKS.get(group.group, OTHER)
            ends = [[group.score - group.interval.low], [group.interval.high - group.score]]
            panel.errorbar(
                100 * group.score,
                row + 0.14 * (2 * position - (len(groups) - 1)),
                xerr=100 * np.nan_to_num(ends).clip(0),
                fmt=mark,
                ms=3.5,
                linewidth=0.9,
                color=colour,
                label=None if row else f"{one_line(group.group, 12)} ({group.speakers})",
            )
    panel.set_yticks(range(len(runs)), [style.wrapped(name, 26) for name in names])
    panel.set(xlim=(0, 100), ylim=(len(runs) - 0.5, -0.5))
    panel.set_xlabel(f"{METRICS[metric].title} (%), 95 % over speakers")
    panel.grid(axis="x", linewidth=0.3, color=style.FAINT)
    figure.legend(loc="outside upper center", ncols=3)
    return figure
