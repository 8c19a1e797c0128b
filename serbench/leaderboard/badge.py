"""Make a badge of a run for a README: its test corpus and UAR, or why it is not ranked.

A badge shows the run's own scores; only the leaderboard shows whether they were recomputed.
"""

import html
import json
import unicodedata
from dataclasses import dataclass

from serbench import tables
from serbench.leaderboard.submissions.safe_read import shown
from serbench.results.display_names import TITLES, normalised
from serbench.results.run import Run

LABEL = "serbench"
RANKED = "#2a7a2e"  # contrast with white: 5.4
UNRANKED = "#a3342a"  # contrast with white: 6.8
BACK = "#454d56"
MOST = 90  # characters of a message
FORMATS = ("svg", "json", "card")  # `serbench.leaderboard.hub_card` makes the card

# approximate widths in Verdana at 11 pixels; textLength makes other fonts fit
NARROW, WIDE = frozenset(" .,:;|!'()[]{}·filjtrI-"), frozenset("mwMW%@")
NARROW_PIXELS, PIXELS, WIDE_PIXELS = 4.4, 7.0, 10.5

SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{alt}">
<title>{title}</title>
<rect width="{left}" height="20" fill="{back}"/>
<rect x="{left}" width="{right}" height="20" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">
<text x="6" y="14" textLength="{label_length}">{label}</text>
<text x="{message_at}" y="14" textLength="{message_length}">{message}</text>
</g>
</svg>
"""


@dataclass(frozen=True)
class Badge:
    """The text of a badge, and whether its run may be ranked."""

    message: str  # beside the label: "RAVDESS paper · UAR 72.8 %"
    title: str  # the full text, shown by a browser when the mouse rests on the badge
    ranked: bool  # whether the run has no objections

    @property
    def colour(self) -> str:
        """Green for a run that may be ranked, whatever its score, else red."""
        return RANKED if self.ranked else UNRANKED

    def svg(self) -> str:
        """Return the badge as SVG."""
        label, message = _pixels(LABEL), _pixels(self.message)
        return SVG.format(
            width=label + message + 24,
            left=label + 12,
            right=message + 12,
            label_length=label,
            message_at=label + 18,
            message_length=message,
            back=BACK,
            colour=self.colour,
            label=LABEL,
            message=html.escape(self.message),
            title=html.escape(self.title),
            alt=html.escape(f"{LABEL}: {self.message}"),
        )

    def endpoint(self) -> str:
        """Return the badge as JSON for shields.io, schema 1 of its endpoint badges."""
        content = {
            "schemaVersion": 1,
            "label": LABEL,
            "message": self.message,
            "color": self.colour.lstrip("#"),
            "isError": not self.ranked,  # so that no link can override the colour
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def badge(run: Run) -> Badge:
    """Make the badge of a run; without a rank, it shows the reason instead of a score."""
    about = shown(subject(run), 60)
    if run.objections:
        message = shown(f"{about} · not ranked: {run.objections[0]}", MOST)
        title = f"{about}: not ranked: {'; '.join(run.objections)}"
        return Badge(message, shown(title), ranked=False)
    uar = run.mean_std("uar")
    title = (
        f"{about}: UAR {tables.spread(uar)} % over {tables.count(len(run.folds), 'fold')}, "
        f"pooled {tables.percent(run.pooled('uar'))} {tables.interval(run.interval('uar'))} over "
        f"{tables.count(len(run.speaker_confusions), 'speaker')}"
    )
    return Badge(f"{about} · UAR {100 * uar.mean:.1f} %", shown(title), ranked=True)


def subject(run: Run) -> str:
    """Return what a run was tested on: "RAVDESS paper", "RAVDESS loso, labels calm-as-neutral"."""
    dataset, labels = run.config.dataset, run.config.labels
    title = f"{TITLES.get(dataset, dataset)} {run.config.protocol}"
    title = title if labels == run.corpus else f"{title}, labels {labels}"
    return f"{title}, {normalised(run.config.normalise)}" if run.sees else title


def _pixels(text: str) -> int:
    """Estimate the width of a text, in pixels."""
    narrow = sum(char in NARROW for char in text)
    wide = sum(char in WIDE or unicodedata.east_asian_width(char) in "WF" for char in text)
    return round(narrow * NARROW_PIXELS + wide * WIDE_PIXELS + (len(text) - narrow - wide) * PIXELS)
