"""The table of docs/literature.md: the paper's Table III beside the nearest systems here."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import serbench
from serbench import tables
from serbench.metrics.intervals import MeanStd, mean_std
from serbench.results import literature, run
from serbench.results.display_names import TITLES
from serbench.results.literature import PublishedRow
from serbench.results.run import Run

SUBMISSIONS = Path(__file__).resolve().parents[1] / "leaderboard" / "submissions"
START, END = "<!-- table-3: made by docs/generate.py -->", "<!-- table-3: end -->"
SAME = "same checkpoint"
NAMES = {"accuracy": "accuracy", "f1": "F1", "recall": "recall"}
SHIPPED = Path(serbench.__file__).parent / "plugins" / "shipped.json"
MODELS = {
    name for kinds in json.loads(SHIPPED.read_text()).values() for name in kinds.get("model", ())
}
AT_HAND = ("ravdess",)  # corpora whose audio was here


def page(text: str) -> str:
    """Return the page with a new table between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    runs = [run.read(folder) for folder in run.folders(SUBMISSIONS)]
    own = [found for found in runs if found.facts.imported is None]
    rows = [_cells(row, own) for row in literature.rows(table="III")]
    head = ["corpus", "system", "published", "nearest here", "price of the protocol"]
    return "\n\n".join([before + START, tables.table(head, rows, "markdown"), END + after])


def _cells(row: PublishedRow, own: Sequence[Run]) -> list[str]:
    published = ", ".join(
        f"{NAMES[name]} {tables.percent(score)}" for name, score in row.scores.items()
    )
    system = f"{row.system} ({row.reference}), {row.modality}"
    return [TITLES[row.corpus], system, published, *_beside(row, own)]


def _beside(row: PublishedRow, own: Sequence[Run]) -> tuple[str, str]:
    """Return what is measured here on the same corpus and labels, and the price or why none."""
    if not row.options:
        return f"none: {row.difference}", "-"
    words = shlex.split(row.options)
    given = dict(zip(words[::2], words[1::2], strict=True))
    if given["--model"] not in MODELS:
        return "none yet", "-"
    labels = given.get("--labels", row.corpus)
    group = [
        found
        for found in own
        if (found.config.model, found.config.dataset) == (given["--model"], row.corpus)
        and (found.config.labels, found.config.protocol) == (labels, "paper")
    ]
    command = f"`serbench evaluate {row.options} --dataset {row.corpus}`"
    if not group:
        lacking = ["audio"] if row.corpus not in AT_HAND else []
        is_pretrained = row.difference == SAME or "encoder" in row.difference
        lacking += ["weights"] if is_pretrained else []
        why = f"not at hand: the {' and the '.join(lacking)}" if lacking else "not run yet"
        return f"{why}; {command}", "-" if row.difference == SAME else row.difference
    scores = {name: _score(group, "uar" if name == "recall" else name) for name in row.scores}
    beside = ", ".join(f"{NAMES[name]} {tables.spread(score)}" for name, score in scores.items())
    if row.difference != SAME:
        return f"{beside}; {command}", row.difference
    prices = (f"{tables.signed(row.scores[name] - score.mean)}" for name, score in scores.items())
    return f"{beside}; {command}", ", ".join(prices)


def _score(group: Sequence[Run], metric: str) -> MeanStd:
    return mean_std(np.mean([found.scores(metric) for found in group], axis=0))
