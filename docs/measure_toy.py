"""Measure what a random split of the toy corpus flatters a model by: the table in the user guide.

Usage: python docs/measure_toy.py    (minutes; pooled UAR in %, models with fixed settings)
"""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from serbench import Corpus, Protocol
from serbench.features import audio
from serbench.metrics.classification import confusion, uar
from serbench.protocols import families
from serbench_corpora.toy.corpus import Toy
from serbench_sklearn.functionals import Functionals

MODELS = {
    "Gaussian SVM": SVC(C=10),
    "random forest": RandomForestClassifier(300, random_state=0),
    "logistic regression": LogisticRegression(C=0.01, max_iter=200),
}


def features(seed: int) -> tuple[Corpus, np.ndarray]:
    """The corpus of one seed, and its functionals."""
    with tempfile.TemporaryDirectory() as name:
        Toy(seed).make(Path(name))
        corpus = Toy(seed).read(Path(name))
        waves = [audio.read(one.path) for one in corpus.utterances if one.path]
        return corpus, np.stack(Functionals()(waves))


def pooled(corpus: Corpus, inputs: np.ndarray, protocol: Protocol, model: object) -> float:
    """The UAR of all test utterances together, in %."""
    place = {one.id: index for index, one in enumerate(corpus.utterances)}
    truth = np.array([corpus.labels.index(one.label) for one in corpus.utterances])
    predicted = np.zeros_like(truth)
    for fold in protocol.folds(corpus):
        train, test = ([place[one] for one in part] for part in (fold.train, fold.test))
        fitted = make_pipeline(StandardScaler(), model).fit(inputs[train], truth[train])
        predicted[test] = fitted.predict(inputs[test])
    return 100 * float(uar(confusion(truth, predicted, len(corpus.labels))))


def main() -> None:
    """Print the table's rows."""
    for seed in range(5):
        corpus, inputs = features(seed)
        for name, model in MODELS.items():
            disjoint = pooled(corpus, inputs, families.kfold(6), model)
            random = pooled(corpus, inputs, families.random(6, 0), model)
            print(f"| {seed} | {name} | {disjoint:.1f} | {random:.1f} | {random - disjoint:.1f} |")


if __name__ == "__main__":
    main()
