"""Draws how scores differ between speakers, and between the sexes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from serbench.metrics.classification import METRICS
from serbench.report import speakers as by_speaker
from serbench.report.figures import style
from serbench.report.speakers import SpeakerScore
from serbench.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = 100  # more speakers than that have no room for names
MARKS = {"female": ("o", style.SECOND), "male": ("s", style.ACCENT), "": ("o", style.ACCENT)}


def speakers(run: Run, name: str, metric: str = "uar") -> "Figure":
    """Every test speaker's score, lowest first, with the pooled score and its interval."""
    found = sorted(by_speaker.speaker_scores(run, metric), key=lambda one: (one.score, one.speaker))
    wide = len(found) > 30
    figure = style.canvas(style.PAGE if wide else style.COLUMN, 2.5)
    panel = figure.subplots()
    places = np.arange(len(found))
    _interval(panel, run, metric)
    _dots(panel, found, by_speaker.sexes(run))
    panel.set_ylabel(f"{METRICS[metric].title} (%)")
    panel.set_xlabel(f"Test speakers ({len(found)})")
    panel.set_ylim(0, 102)
    panel.set_xlim(-1, len(found))
    shown = [style.plain(one.speaker, 12) for one in found] if len(found) <= NAMED else []
    size = min(6.5, 400 / max(len(found), 1)) if wide else min(6.5, 190 / max(len(found), 1))
    panel.set_xticks(places[: len(shown)], shown, rotation=90, fontsize=max(size, 4))
    panel.set_title(style.wrapped(name, 130 if wide else 60))
    return figure


def _dots(panel: "Axes", found: Sequence[SpeakerScore], sexes: Mapping[str, str]) -> None:
    """A dot a speaker, with the mark of their sex where that is known."""
    of = [sexes.get(one.speaker, "") for one in found]
    for sex in sorted(set(of)):
        places = [place for place, one in enumerate(of) if one == sex]
        mark, colour = MARKS.get(sex, ("D", style.INK))
        scores = [100 * found[place].score for place in places]
        panel.plot(places, scores, mark, ms=3.5, color=colour, label=style.plain(sex, 12))
    if len(set(of)) > 1:
        panel.legend(loc="upper left")


def _interval(panel: "Axes", run: Run, metric: str) -> None:
    """The pooled score as a line in the band of its 95 % interval over speakers."""
    low, high = run.interval(metric)
    if low == low:  # nan where there is one speaker
        panel.axhspan(100 * low, 100 * high, color=style.FAINT, alpha=0.35, linewidth=0)
    panel.axhline(100 * run.pooled(metric), color=style.INK, linewidth=0.8)


def sexes(runs: Sequence[Run], names: Sequence[str], metric: str = "uar") -> "Figure":
    """Each run's score over the utterances of women and of men, with intervals over speakers.

    Args:
        runs: whose speakers' sexes are known.
        names: what each is called.
        metric: by name.
    """
    figure = style.canvas(style.COLUMN, 0.75 + 0.42 * len(runs))
    panel = figure.subplots()
    for row, run in enumerate(runs):
        groups = by_speaker.by_sex(run, metric).groups
        for position, group in enumerate(groups):
            height = row + 0.14 * (2 * position - (len(groups) - 1))
            mark, colour = MARKS.get(group.group, ("D", style.INK))
            ends = [
                [100 * (group.score - group.interval.low)],
                [100 * (group.interval.high - group.score)],
            ]
            panel.errorbar(
                100 * group.score,
                height,
                xerr=np.nan_to_num(ends).clip(0),
                fmt=mark,
                ms=3.5,
                linewidth=0.9,
                color=colour,
                label=None if row else f"{style.plain(group.group, 12)} ({group.speakers})",
            )
    panel.set_yticks(range(len(runs)), [style.wrapped(name, 26) for name in names])
    panel.set_ylim(len(runs) - 0.5, -0.5)
    panel.set_xlim(0, 100)
    panel.set_xlabel(f"{METRICS[metric].title} (%), 95 % over speakers")
    panel.grid(axis="x", linewidth=0.3, color=style.FAINT)
    figure.legend(loc="outside upper center", ncols=3)
    return figure
