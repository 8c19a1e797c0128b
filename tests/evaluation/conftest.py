"""A corpus that shares two of three labels with the tiny corpus."""

import csv

import numpy as np
import pytest
import soundfile

LABELS = {"low": 300, "high": 700, "shrill": 1100}


@pytest.fixture
def other(places):
    """A corpus of three speakers with the labels low, high and shrill: `csv:other`.

    `csv:few` lacks the label high.
    """
    folder = places.data / "csv"
    folder.mkdir(parents=True)
    rows = []
    for at, (speaker, label, take) in enumerate(
        (s, la, t) for s in ("ann", "bob", "cy") for la in LABELS for t in range(3)
    ):
        name = f"{speaker}-{label}-{take}.wav"
        rng = np.random.default_rng(at)
        tone = 0.3 * np.sin(2 * np.pi * LABELS[label] * np.arange(3200) / 16_000)
        soundfile.write(folder / name, tone + rng.normal(0, 0.01, 3200), 16_000)
        rows.append({"path": name, "label": label, "speaker": speaker})
    few = [row for row in rows if row["label"] != "high"]
    for table, chosen in (("other", rows), ("few", few)):
        with (folder / f"{table}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(chosen)
    return folder
