"""Measure what each way of letting the test set in is worth: writes docs/leakage.json.

Usage: python docs/measure_leakage.py [--data RAVDESS]    (ten minutes; `make docs` then writes the
page). Light models at fixed settings on the statistics of `functionals`; UAR in %, pooled over the
six test sets of speakers. `toy` needs no data; with RAVDESS's folder it is measured there too.
"""

import argparse
import datetime
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from serbench import Corpus, Fold
from serbench.features import audio
from serbench.metrics.classification import confusion, uar
from serbench.protocols import families
from serbench_corpora.ravdess import Ravdess, paper
from serbench_corpora.toy.corpus import Toy
from serbench_sklearn.functionals import Functionals

OUT = Path(__file__).resolve().parent / "leakage.json"
MODELS = {
    "Gaussian SVM": lambda: SVC(C=10),
    "logistic regression": lambda: LogisticRegression(C=0.01, max_iter=2000),
}
SEEDS = 5  # of the network whose epochs are chosen
EPOCHS = 60
FOLDS = 6


class Data:
    """A corpus and its features; a fold's sets as rows of them."""

    def __init__(self, corpus: Corpus):
        self.corpus = corpus
        waves = [audio.read(one.path) for one in corpus.utterances if one.path]
        self.inputs = np.stack(Functionals()(waves))
        self.truth = np.array([corpus.labels.index(one.label) for one in corpus.utterances])
        self._place = {one.id: place for place, one in enumerate(corpus.utterances)}

    def sets(self, fold: Fold) -> list[np.ndarray]:
        """The rows of training, validation and test utterances; a copy has its original's row."""
        parts = (fold.train, fold.validation, fold.test)
        return [np.array([self._place[one.removesuffix(COPY)] for one in part]) for part in parts]

    def score(self, truth: np.ndarray, predicted: np.ndarray) -> float:
        """UAR in %."""
        return 100 * float(uar(confusion(truth, predicted, len(self.corpus.labels))))


COPY = " copy"


def with_copies(corpus: Corpus) -> Corpus:
    """Every recording a second time under another name, as in an archive unpacked twice."""
    copies = [replace(one, id=one.id + COPY) for one in corpus.utterances]
    return replace(corpus, utterances=(*corpus.utterances, *copies))


def pooled(data: Data, folds: Sequence[Fold], make: object) -> float:
    """The UAR of all test utterances together; validation utterances are not used."""
    truth, predicted = [], []
    for fold in folds:
        train, _, test = data.sets(fold)
        fitted = make_pipeline(StandardScaler(), make()).fit(data.inputs[train], data.truth[train])
        truth.append(data.truth[test])
        predicted.append(fitted.predict(data.inputs[test]))
    return data.score(np.concatenate(truth), np.concatenate(predicted))


def by_epoch(data: Data, fold: Fold, seed: int) -> tuple[list[float], list[float]]:
    """A network's UAR on validation and on test speakers after every epoch."""
    train, validation, test = data.sets(fold)
    scaler = StandardScaler().fit(data.inputs[train])
    inputs = scaler.transform(data.inputs)
    network = MLPClassifier((64,), learning_rate_init=1e-3, batch_size=32, random_state=seed)
    curves: tuple[list[float], list[float]] = ([], [])
    for _ in range(EPOCHS):
        network.partial_fit(inputs[train], data.truth[train], classes=np.unique(data.truth))
        for curve, part in zip(curves, (validation, test), strict=True):
            curve.append(data.score(data.truth[part], network.predict(inputs[part])))
    return curves


def chosen(data: Data, folds: Sequence[Fold]) -> Mapping[str, float]:
    """The mean test UAR over folds and seeds, by what the epoch is chosen on."""
    found: dict[str, list[float]] = {"validation": [], "test": []}
    for fold in folds:
        for seed in range(SEEDS):
            validation, test = by_epoch(data, fold, seed)
            found["validation"].append(test[int(np.argmax(validation))])
            found["test"].append(max(test))
    return {name: round(float(np.mean(values)), 1) for name, values in found.items()}


def measured(data: Data, disjoint: Sequence[Fold]) -> dict[str, object]:
    """Everything about one corpus."""
    random = families.random(FOLDS, 0).folds(data.corpus)
    doubled = families.random(FOLDS, 0).folds(with_copies(data.corpus))
    splits = {"disjoint": disjoint, "random": random, "twice": doubled}
    return {
        "utterances": len(data.corpus.utterances),
        "speakers": len(data.corpus.speakers),
        "labels": len(data.corpus.labels),
        "models": {
            name: {split: round(pooled(data, folds, make), 1) for split, folds in splits.items()}
            for name, make in MODELS.items()
        },
        "epoch": chosen(data, disjoint),
    }


def toy() -> dict[str, object]:
    """All of it on the built-in corpus."""
    with tempfile.TemporaryDirectory() as name:
        Toy().make(Path(name))
        data = Data(Toy().read(Path(name)))
    return measured(data, families.kfold(FOLDS).folds(data.corpus))


def ravdess(root: Path) -> dict[str, object]:
    """All of it on RAVDESS, under the paper's folds."""
    data = Data(Ravdess().read(root))
    return measured(data, paper(data.corpus))


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="RAVDESS's folder")
    root = parser.parse_args().data
    corpora = {"toy": toy(), **({"ravdess": ravdess(root)} if root else {})}
    words = {
        "measured": str(datetime.date.today()),
        "versions": {name: version(name) for name in ("numpy", "scikit-learn", "librosa")},
        "seeds": SEEDS,
        "epochs": EPOCHS,
        "corpora": corpora,
    }
    OUT.write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")
    print(OUT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
