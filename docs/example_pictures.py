"""The pictures of docs/reports.md, drawn from committed results by `python docs/generate.py`."""

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from serbench.report import analysis
from serbench.report.figures import (
    boxes,
    calibration,
    clouds,
    confusion,
    learning_curves,
    speaker_scores,
    style,
)
from serbench.results import run
from serbench.results.run import Run

FOLDER = Path(__file__).resolve().parent / "pictures"
SUBMISSIONS = FOLDER.parent.parent / "leaderboard" / "submissions"
M1, WHISPER = "ravdess_alexnet-mel_paper_seed0_08683f95", "ravdess_whisper-tiny-en_paper_seed0_457"
NAMES = ("alexnet-mel, the paper's M1", "whisper-tiny-en, fine-tuned")
DPI = 150
NOTICED = 8  # of 255 shades; another processor may round a coordinate otherwise
SHARE = 0.002  # of a picture's pixels


def pictures() -> Iterator[tuple[Path, bytes]]:
    """Every picture's file, and what it should hold."""
    pair = [run.find(name, SUBMISSIONS) for name in (M1, WHISPER)]
    with style.drawing(), tempfile.TemporaryDirectory() as folder:
        for name, draw in _draws(pair[0], pair[1]).items():
            (path,) = style.save(draw(), Path(folder) / name, name, ("png",), DPI)
            yield FOLDER / path.name, path.read_bytes()


def _draws(first: Run, second: Run) -> dict[str, Callable[[], Any]]:
    labels, pooled = analysis.labels(first), first.confusions.sum(axis=0)
    return {
        "f1": lambda: boxes.boxes([first, second], NAMES),
        "pca": lambda: clouds.cloud(second, NAMES[1], 0),
        "confusion": lambda: confusion.matrix(pooled, labels, f"{NAMES[0]}, all test sets"),
        "learning": lambda: learning_curves.learning(first, NAMES[0]),
        "reliability": lambda: calibration.reliability(first, NAMES[0]),
        "selective": lambda: calibration.selective([first, second], NAMES),
        "speakers": lambda: speaker_scores.speakers(second, NAMES[1]),
    }


def alike(one: bytes, other: bytes) -> bool:
    """Whether two PNG files look the same, but for single pixels a shade apart."""
    if one == other:
        return True
    from matplotlib.image import imread

    first, second = (imread(io.BytesIO(content)) for content in (one, other))
    if first.shape != second.shape:
        return False
    apart = np.abs(first - second).max(axis=-1) > NOTICED / 255
    return bool(apart.mean() <= SHARE)
