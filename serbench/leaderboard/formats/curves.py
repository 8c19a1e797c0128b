"""The learning curves of a run as pictures: SVG in the style of the pages."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from serbench.leaderboard.ranking.entry import Line
from serbench.leaderboard.submissions.safe_read import shown

WIDTH, HEIGHT = 460, 220  # pixels of a panel
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 42  # pixels around its lines
TRAINING = "train_loss"
PANELS = (("Loss", (TRAINING, "validation_loss")), ("Validation UAR, %", ("validation_uar",)))
TICKS = 4


def figures(lines: Sequence[Line]) -> str:
    """Return a panel for the losses and one for the UAR on the validation set."""
    has_epochs = any(line.is_epochs for line in lines)
    unit = "Epoch" if has_epochs else "Setting tried"
    panels = [
        _panel(title, unit, group)
        for title, series in PANELS
        if (group := [line for line in lines if line.series in series and len(line.points) > 1])
    ]
    about = "A line for each test set"
    if has_epochs:
        about += "; grey: training, coloured: validation; dots: the epoch that was kept"
    caption = f"<figcaption>{about}.</figcaption>"
    return f'<figure>{caption}<div class="panels">{"".join(panels)}</div></figure>'


def _panel(title: str, unit: str, lines: Sequence[Line]) -> str:
    is_share = lines[0].series == "validation_uar"
    last = max(point[0] for line in lines for point in line.points)
    first = min(point[0] for line in lines for point in line.points)
    step = 0.25 if is_share else _step(max(point[1] for line in lines for point in line.points))
    top = TICKS * step
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(number: float) -> str:
        return f"{LEFT + (right - LEFT) * (number - first) / ((last - first) or 1):.1f}"

    def y(value: float) -> str:
        share = min(max(value / top, 0.0), 1.0)
        return f"{bottom - (bottom - TOP) * share:.1f}"

    def parts() -> Iterator[str]:
        for tick in range(TICKS + 1):
            value = step * tick
            label = f"{100 * value:.0f}" if is_share else f"{value:g}"
            yield f'<path class="grid" d="M{LEFT} {y(value)}H{right}"/>'
            yield _text(LEFT - 6, float(y(value)) + 4, "end", label)
        for number, anchor in ((first, "start"), (last, "end")):
            yield _text(float(x(number)), bottom + 18, anchor, f"{number:g}")
        yield _text((LEFT + right) / 2, bottom + 34, "middle", unit)
        for line in lines:
            kind = "apart" if line.series == TRAINING else "score"
            path = "L".join(f"{x(number)} {y(value)}" for number, value in line.points)
            name = f"<title>{escape(shown(line.fold, 100))}</title>"
            yield f'<path class="curve {kind}" d="M{path}">{name}</path>'
            if line.series != TRAINING:
                for number, value in line.points:
                    if number == line.best:
                        yield f'<circle class="score" cx="{x(number)}" cy="{y(value)}" r="3"/>'

    return (
        f'<div><p class="soft">{title}</p>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">\n'
        + "\n".join(parts())
        + "\n</svg></div>"
    )


def _step(highest: float) -> float:
    """Return a round number of which `TICKS` reach the highest value."""
    least = max(highest / TICKS, 1e-6)
    unit = 10.0 ** math.floor(math.log10(least))
    return next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= least)


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text class="soft" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
