"""The tables of docs/leakage-stories.md: counted from manifests and lists, and from stored runs.

Runs with shared speakers are in docs/leakage, those without are on the leaderboard.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.comparison import leakage_price
from serbench.comparison.differences import Difference
from serbench.comparison.leakage_price import LeakagePrice
from serbench.corpus import Corpus, relabelled
from serbench.parameters import parse_name
from serbench.protocols import leakage, lookup
from serbench.protocols.split_check import SplitCheck
from serbench.results import run as runs
from serbench.results.run import Run
from serbench_corpora.crema_d import CremaD
from serbench_corpora.iemocap import Iemocap
from serbench_corpora.ravdess import Ravdess

DOCS = Path(__file__).resolve().parent
RUNS, EMOBOX = DOCS / "leakage", DOCS / "emobox.csv"
SUBMISSIONS = DOCS.parent / "leaderboard" / "submissions"
SENTENCES = ("apart", "mixed")
# corpus, dataset, protocols beside one another
SPLITS = (
    ("RAVDESS", Ravdess(), ("paper", "emobox", "random:n=6")),
    ("CREMA-D", CremaD(), ("paper", "emo-superb", "tfds", "emobox")),
    ("IEMOCAP", Iemocap(), ("paper", "emobox", "paper-marker", "serab")),
)


def splits() -> str:
    """Return a table of splits: how many test utterances have a speaker of an earlier set."""
    head = ["corpus", "protocol", "speakers in training", "in validation"]
    rows = []
    for title, dataset, names in SPLITS:
        corpus = _corpus(dataset)
        for name in names:
            folds = lookup.make_folds(lookup.find_protocol(name, dataset), corpus)
            check = SplitCheck(name, corpus, leakage.check(corpus, folds, {}))
            met = [check.overlaps((part, "test"), "speaker") for part in ("train", "validation")]
            cells = [_share(overlap.utterances, overlap.of_utterances) for overlap in met]
            rows.append([title, f"`{name}`", *cells])
    return tables.table(head, rows, "markdown")


def _corpus(dataset: Any) -> Corpus:
    """Return the manifest, or a stand-in with as many utterances per speaker and label."""
    raw = dataset.manifest() or dataset.stand_in()
    name, label_set = next(iter(dataset.label_sets.items()))
    return relabelled(raw, name, label_set)


def _share(part: int, whole: int) -> str:
    return {0: "none", whole: "all"}.get(part, f"{part} ({100 * part / whole:.0f} %)")


def emobox() -> str:
    """Return a table of EmoBox's corpora, those whose test speakers train first."""
    with EMOBOX.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows.sort(key=lambda row: not int(row["shared"]))  # stable
    head = ["corpus", "folds", "test speakers", "of them in training", "test utterances of theirs"]
    body = [
        [
            row["corpus"],
            row["folds"],
            row["speakers"],
            _share(int(row["shared"]), int(row["speakers"])),
            _share(int(row["of shared speakers"]), int(row["utterances"])),
        ]
        for row in rows
    ]
    return tables.table(head, body, "markdown")


def prices() -> Mapping[str, LeakagePrice]:
    """Return the price of shared speakers on RAVDESS, by how sentences are divided."""
    arms: dict[str, list[Run]] = {name: [] for name in SENTENCES}
    for folder in sorted(RUNS.iterdir()):
        dependent = runs.read(folder)
        parameters = parse_name(dependent.config.protocol)[1]
        base = replace(dependent.config, protocol=str(parameters["base"]))
        independent = runs.find(base.name, SUBMISSIONS)
        arms[str(parameters.get("sentences", SENTENCES[0]))] += [independent, dependent]
    return {name: leakage_price.of_runs(pairs) for name, pairs in arms.items()}


def price() -> str:
    """Return a table of the models on RAVDESS: what shared speakers are worth, in points of UAR."""
    head = ["model", "new speakers"]
    head += [f"shared speakers, sentences {name}" for name in SENTENCES]
    head += [f"price, sentences {name}" for name in SENTENCES]
    columns = [dict(zip(of.names, of.prices, strict=True)) for of in prices().values()]
    rows = []
    for name, gap in columns[0].items():
        gaps = [column.get(name) for column in columns]  # None if it was not run
        rows.append(
            [
                name,
                tables.percent(gap.other),
                *(tables.percent(each and each.first) for each in gaps),
                *(_gap(each) if each else "-" for each in gaps),
            ]
        )
    return tables.table(head, rows, "markdown")


def _gap(gap: Difference) -> str:
    return f"{tables.signed(gap.difference)} {tables.interval(gap.interval)}"


PARTS: Mapping[str, Callable[[], str]] = {"splits": splits, "emobox": emobox, "price": price}


def page(text: str) -> str:
    """Return the page with new tables between its marks."""
    for name, make in PARTS.items():
        start, end = f"<!-- {name}: made by docs/generate.py -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}\n\n{make()}\n\n{end}{after}"
    return text
