"""The tables of docs/leakage-stories.md: counted from manifests, or from docs/leakage.json."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench import tables
from serbench.corpus import Corpus, Fold, relabelled
from serbench.protocols import leakage, lookup
from serbench_corpora.crema_d import CremaD
from serbench_corpora.iemocap import Iemocap
from serbench_corpora.ravdess import Ravdess

MEASURED = Path(__file__).resolve().parent / "leakage.json"
TITLES = {"toy": "toy", "ravdess": "RAVDESS"}
# corpus, dataset, protocols beside one another
SPLITS = (
    ("RAVDESS", Ravdess(), ("paper", "emobox", "random:n=6")),
    ("CREMA-D", CremaD(), ("paper", "emo-superb", "tfds", "emobox")),
    ("IEMOCAP", Iemocap(), ("paper", "emobox", "paper-marker", "serab")),
)
SHARED = ("train|test", "validation|test")


def splits() -> str:
    """Return a table of splits: how many test utterances have a speaker of an earlier set."""
    head = ["corpus", "protocol", "speakers in training", "in validation"]
    rows = []
    for title, dataset, names in SPLITS:
        corpus = _corpus(dataset)
        for name in names:
            folds = lookup.make_folds(lookup.find_protocol(name, dataset), corpus)
            tested = sum(len(fold.test) for fold in folds)
            met = [_met(corpus, folds, pair) for pair in SHARED]
            rows.append([title, f"`{name}`", *(_share(one, tested) for one in met)])
    return tables.table(head, rows, "markdown")


def _corpus(dataset: Any) -> Corpus:
    """Return the manifest, or a stand-in with as many utterances per speaker and label."""
    raw = dataset.manifest() or dataset.stand_in()
    name, label_set = next(iter(dataset.label_sets.items()))
    return relabelled(raw, name, label_set)


def _met(corpus: Corpus, folds: Sequence[Fold], pair: str) -> int:
    """Return how many test utterances have a speaker who is also in the other set."""
    earlier = pair.partition("|")[0]
    count = 0
    for fold, certificate in leakage.check(corpus, folds, {}):
        speakers = {corpus.by_id[one].speaker for one in getattr(fold, earlier)}
        found = sum(corpus.by_id[one].speaker in speakers for one in fold.test)
        assert bool(found) == bool(certificate.speakers[pair].count), "the certificate agrees"
        count += found
    return count


def _share(part: int, whole: int) -> str:
    return {0: "none", whole: "all"}.get(part, f"{part} ({100 * part / whole:.0f} %)")


def random() -> str:
    """Make the table of scores under a random split, and with a second copy of every recording."""
    head = ["corpus", "model", "new speakers", "random split", "random split, everything twice"]
    rows = [
        [
            TITLES[name],
            model,
            *(f"{scores[split]:.1f}" for split in ("disjoint", "random", "twice")),
        ]
        for name, corpus in _measured().items()
        for model, scores in corpus["models"].items()
    ]
    return tables.table(head, rows, "markdown")


def epoch() -> str:
    """Make the table of scores with the epoch chosen on the test fold."""
    head = ["corpus", "chosen on validation speakers", "chosen on the test fold"]
    rows = [
        [TITLES[name], *(f"{corpus['epoch'][part]:.1f}" for part in ("validation", "test"))]
        for name, corpus in _measured().items()
    ]
    return tables.table(head, rows, "markdown")


def _measured() -> Mapping[str, Any]:
    measured: Mapping[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return measured["corpora"]


PARTS: Mapping[str, Callable[[], str]] = {
    "splits": splits,
    "random": random,
    "epoch": epoch,
}


def page(text: str) -> str:
    """Return the page with new tables between its marks."""
    for name, make in PARTS.items():
        start, end = f"<!-- {name}: made by docs/generate.py -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}\n\n{make()}\n\n{end}{after}"
    return text
