"""How every picture looks, and the only place that knows matplotlib by name.

Sizes are those of a two-column paper; the same runs give the same bytes, so no dates are written.
"""

import contextlib
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.errors import MissingRequirement

EMOTIONS = {
    "neutral": ("#555555", "o"),
    "calm": ("#56B4E9", "v"),
    "happy": ("#E69F00", "^"),
    "sad": ("#0072B2", "s"),
    "angry": ("#D55E00", "X"),
    "fearful": ("#CC79A7", "P"),
    "disgust": ("#009E73", "D"),
    "surprised": ("#F0E442", "p"),
}
"""Colour and matplotlib's mark of each."""

ALIASES = {
    "anger": "angry",
    "ang": "angry",
    "fear": "fearful",
    "fea": "fearful",
    "happiness": "happy",
    "hap": "happy",
    "joy": "happy",
    "sadness": "sad",
    "neu": "neutral",
    "disgusted": "disgust",
    "dis": "disgust",
    "surprise": "surprised",
    "sur": "surprised",
}
"""What corpora call the same emotion."""

OTHERS = (
    ("#332288", "<"),
    ("#882255", ">"),
    ("#117733", "*"),
    ("#999933", "h"),
    ("#661100", "d"),
    ("#44AA99", "8"),
    ("#AA4499", "H"),
    ("#222222", "."),
)
"""For labels that are none of these, in their order; Tol's muted colours."""


def styles(labels: Sequence[str]) -> list[tuple[str, str]]:
    """The colour, "#RRGGBB", and the mark of each label.

    >>> styles(["anger", "boredom", "sad"])
    [('#D55E00', 'X'), ('#332288', '<'), ('#0072B2', 's')]
    """
    found, unknown = [], 0
    for label in labels:
        name = ALIASES.get(label.lower(), label.lower())
        if name in EMOTIONS:
            found.append(EMOTIONS[name])
        else:
            found.append(OTHERS[unknown % len(OTHERS)])
            unknown += 1
    return found


def colours(labels: Sequence[str]) -> list[str]:
    """The colour of each label, "#RRGGBB"."""
    return [colour for colour, _ in styles(labels)]


if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLUMN, PAGE = 3.5, 7.16  # inches; the column and the text width of an IEEE paper
DPI = 200
FORMATS = ("png", "svg", "pdf")
INK, FAINT, ACCENT, SECOND = "#333333", "#BBBBBB", "#0072B2", "#D55E00"
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
DASHES = ("-", "--", "-.", ":")
LOOK: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.1,
    "text.color": INK,
    "text.parse_math": False,  # names come from strangers; a dollar sign is a dollar sign
    "text.usetex": False,
    "svg.hashsalt": "serbench",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # what publishers accept
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def installed() -> None:
    """Check that pictures can be drawn.

    Raises:
        MissingRequirement: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401 - whether it is there
    except ImportError as error:
        remedy = "pip install 'serbench[report]'"
        raise MissingRequirement(f"pictures need matplotlib: {remedy}") from error


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Draw and save inside of this: everything then looks the same.

    Raises:
        MissingRequirement: matplotlib is not installed.
    """
    installed()
    import matplotlib

    # from the defaults: a user's own matplotlibrc would change the bytes
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        look: Any = matplotlib.rcParams
        look.update(LOOK)
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a box stands for it
        yield


def canvas(width: float, height: float) -> "Figure":
    """An empty figure of so many inches, which arranges its panels itself."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def mark(colour: str, shape: str, edge: str) -> "Line2D":
    """A mark for a legend."""
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        linestyle="",
        color=colour,
        marker=shape,
        markersize=4.5,
        markeredgecolor=edge,
        markeredgewidth=0.4,
    )


def save(
    figure: "Figure",
    stem: Path,
    title: str,
    formats: Sequence[str] = FORMATS,
    dpi: int = DPI,
) -> list[Path]:
    """Write a figure as `stem.png`, `stem.svg` and so on; the same figure gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # arranged once, not again for every format
    dates = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    paths = []
    for form in formats:
        path = stem.with_name(f"{stem.name}.{form}")
        metadata: dict[str, Any] = {"Title": plain(title), **dates[form]}
        figure.savefig(path, format=form, dpi=dpi, metadata=metadata)
        paths.append(path)
    return paths


def wrapped(text: str, width: int, lines: int = 2) -> str:
    """A stranger's text on at most so many lines of at most so many characters.

    >>> wrapped("whisper-tiny-en, recipe=paper", 18).splitlines()
    ['whisper-tiny-en,', 'recipe=paper']
    """
    return "\n".join(
        textwrap.wrap(plain(text), width, max_lines=lines, placeholder="…", break_on_hyphens=False)
    )


def plain(text: str, most: int = 200) -> str:
    r"""A stranger's text on one line: no control characters, no more than so many characters.

    >>> plain("a\nb\x1b[31m"), plain("abcdef", 4)
    ('a b [31m', 'abc…')
    """
    kept = "".join(" " if unicodedata.category(one) in UNSEEN else one for one in text)
    words = " ".join(kept.split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")  # control, format, private, halves of characters
