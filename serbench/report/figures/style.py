"""The style of all figures (sizes, lines, fonts), and how to draw and save one.

Sizes fit a two-column paper. The same runs give the same bytes, so files have no dates.
"""

import contextlib
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.errors import MissingRequirement
from serbench.escaping import one_line

if TYPE_CHECKING:  # for annotations of all drawing modules
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure

COLUMN, PAGE = 3.5, 7.16  # inches; the column and the text width of an IEEE paper
DPI = 200
FORMATS = ("png", "svg", "pdf")
INK, FAINT, ACCENT, SECOND = "#333333", "#BBBBBB", "#0072B2", "#D55E00"
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
DASHES = ("-", "--", "-.", ":")
LOOK: Mapping[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
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
    "text.parse_math": False,  # names are untrusted; a dollar sign is not markup
    "text.usetex": False,
    "svg.hashsalt": "serbench",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # what publishers accept
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def require_matplotlib() -> None:
    """Raise MissingRequirement if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401 - only tests that it exists
    except ImportError as error:
        remedy = "pip install 'serbench[report]'"
        raise MissingRequirement(f"pictures need matplotlib: {remedy}") from error


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Return a context to draw and save figures in, with one style for all.

    Raises:
        MissingRequirement: matplotlib is not installed.
    """
    require_matplotlib()
    import matplotlib

    # from the defaults, since a user's matplotlibrc would change the bytes
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        look: Any = matplotlib.rcParams
        look.update(LOOK)
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # boxes replace them
        yield


def canvas(width: float, height: float) -> "Figure":
    """Return an empty figure of this size in inches, with automatic layout."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(
    figure: "Figure",
    stem: Path,
    title: str,
    formats: Sequence[str] = FORMATS,
    dpi: int = DPI,
) -> list[Path]:
    """Write a figure as `stem.png`, `stem.svg` and so on; the same figure gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not for every format
    dates = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    paths = [stem.with_name(f"{stem.name}.{form}") for form in formats]
    for path, form in zip(paths, formats, strict=True):
        metadata: dict[str, Any] = {"Title": one_line(title), **dates[form]}
        figure.savefig(path, format=form, dpi=dpi, metadata=metadata)
    return paths


def wrapped(text: str, width: int, lines: int = 2) -> str:
    """Return untrusted text on at most `lines` lines of at most `width` characters.

    >>> wrapped("whisper-tiny-en, recipe=paper", 18).splitlines()
    ['whisper-tiny-en,', 'recipe=paper']
    """
    return "\n".join(
        textwrap.wrap(
            one_line(text), width, max_lines=lines, placeholder="…", break_on_hyphens=False
        )
    )
