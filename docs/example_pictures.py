"""The pictures of the pages, drawn from committed results by `python docs/generate.py`."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import leakage_page
import numpy as np

from serbench.report.figures import catalogue, shared_speakers, style
from serbench.results import run

FOLDER = Path(__file__).resolve().parent / "pictures"
SUBMISSIONS = FOLDER.parent.parent / "leaderboard" / "submissions"
M1, WHISPER = "ravdess_alexnet-mel_paper_seed0_08683f95", "ravdess_whisper-tiny-en_paper_seed0_457"
NAMES = ("alexnet-mel, the paper's M1", "whisper-tiny-en, fine-tuned")
SHOWN = (  # of the section, of M1 and of Whisper: the figure's name in a report, and in the docs
    {"f1": "f1", "selective": "selective"},
    {"confusion": "confusion", "learning": "learning", "reliability": "reliability"},
    {"pca-fold-01": "pca", "speakers": "speakers"},
)
DPI = 150
NOTICED = 8  # of 255 shades; another processor may round a coordinate otherwise
SHARE = 0.002  # of a picture's pixels


def pictures() -> Iterator[tuple[Path, bytes]]:
    """Yield the file of every picture, and what it should contain."""
    runs = [run.find(start, SUBMISSIONS) for start in (M1, WHISPER)]
    figures = [
        catalogue.of_section(runs, NAMES),
        *map(catalogue.of_run, runs, NAMES),
    ]
    with style.drawing(), tempfile.TemporaryDirectory() as folder:
        for shown, of in zip(SHOWN, figures, strict=True):
            for figure in of:
                if name := shown.get(figure.name):
                    (path,) = style.save(figure.draw(), Path(folder) / name, name, ("png",), DPI)
                    yield FOLDER / path.name, path.read_bytes()
        price = leakage_page.prices()["apart"]
        drawn = shared_speakers.shared_speakers(price)
        (path,) = style.save(drawn, Path(folder) / "leakage", price.title, ("png",), DPI)
        yield FOLDER / path.name, path.read_bytes()


def alike(left: bytes, right: bytes) -> bool:
    """Return whether two PNG files look the same, but for single pixels a shade apart."""
    if left == right:
        return True
    from matplotlib.image import imread

    first, second = (imread(io.BytesIO(content)) for content in (left, right))
    if first.shape != second.shape:
        return False
    apart = np.abs(first - second).max(axis=-1) > NOTICED / 255
    return bool(apart.mean() <= SHARE)
