"""Models with known behaviour, for tests of code that runs models.

Each is named by its import path: `--model serbench.testing.fake_models:Constant`.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from serbench import datasets
from serbench.contracts import Array, Examples, Predictions, Wave, Workspace
from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.features import audio
from serbench.settings import settings


class Constant:
    """Predicts one label for every utterance.

    Args:
        labels: the label set's labels.
        seed: ignored.
        label: the label to predict; None is the first.
    """

    version = "1"

    def __init__(self, *, labels: Sequence[str], seed: int, label: str | None = None) -> None:
        if label is not None and label not in labels:
            raise BadParameter(str(nearest("label", label, list(labels))))
        self._labels = tuple(labels)
        self._position = 0 if label is None else self._labels.index(label)

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Learn nothing."""
        workspace.report(1, 1)

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Predict the label with probability 1."""
        scores = np.zeros((len(inputs), len(self._labels)), np.float32)
        scores[:, self._position] = 1
        return Predictions(scores)


class Loudness:
    """Predicts the label whose training utterances are as loud, after two epochs without sense.

    Args:
        labels: the label set's labels.
        seed: moves the means of the labels a little.
        noise: how far it moves them, in decibels.
    """

    version = "1"
    features: ClassVar[str] = "waveform"

    def __init__(self, *, labels: Sequence[str], seed: int, noise: float = 0.1) -> None:
        self._means = np.random.default_rng(seed).normal(0, noise, len(labels))

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Average the loudness of each label's utterances."""
        loudness = _loudness(train.inputs)
        for label in np.unique(train.truth):
            self._means[label] += loudness[train.truth == label].mean()
        for epoch in (1, 2):
            workspace.report(epoch, 2, train_loss=1 / epoch)

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Score each label by the difference in loudness: (utterances, labels)."""
        differences = _loudness(inputs)[:, None] - self._means
        return Predictions(-np.abs(differences).astype(np.float32), link="softmax")


def _loudness(waves: Sequence[Array]) -> Array:
    """Return the mean level of each wave: (utterances,), in decibels."""
    return np.array([10 * np.log10(np.mean(np.square(wave)) + 1e-9) for wave in waves])


class NaN(Constant):
    """Returns NaN scores."""

    def __init__(self, *, labels: Sequence[str], seed: int) -> None:
        super().__init__(labels=labels, seed=seed)

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Return NaN scores of the right shape."""
        return Predictions(np.full((len(inputs), len(self._labels)), np.nan, np.float32))


class Crashing(Constant):
    """Raises a `RuntimeError`.

    Args:
        labels: the label set's labels.
        seed: ignored.
        when: the method that raises.
    """

    def __init__(
        self, *, labels: Sequence[str], seed: int, when: Literal["fit", "predict"] = "fit"
    ) -> None:
        super().__init__(labels=labels, seed=seed)
        self._when = when

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Crash, or learn nothing."""
        self._crash("fit")

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Crash, or predict the first label."""
        self._crash("predict")
        return super().predict(inputs)

    def _crash(self, method: str) -> None:
        if method == self._when:
            raise RuntimeError(f"crashed in {method}, as requested")


class Slow(Constant):
    """Sleeps in every epoch, then reports.

    Args:
        labels: the label set's labels.
        seed: ignored.
        seconds: the length of an epoch.
        epochs: the number of epochs.
    """

    def __init__(
        self, *, labels: Sequence[str], seed: int, seconds: float = 1.0, epochs: int = 3
    ) -> None:
        if seconds < 0 or epochs < 1:
            raise BadParameter(
                f"seconds={seconds:g}, epochs={epochs}, but seconds must be 0 or more and epochs "
                "at least 1"
            )
        super().__init__(labels=labels, seed=seed)
        self._seconds, self._epochs = seconds, epochs

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Sleep and report, in each epoch."""
        for epoch in range(1, self._epochs + 1):
            time.sleep(self._seconds)
            workspace.report(epoch, self._epochs, train_loss=1 / epoch)


class Oracle:
    """A cheating model: looks up each utterance's label in the corpus, by its samples.

    For a recording with two labels it predicts the one that the corpus lists last.

    Args:
        labels: the labels of one of the corpus's label sets.
        seed: ignored.
        dataset: the dataset with its parameters, as a user types it.
        data: the folder of the corpus, if it is not in SERBENCH_DATA.

    Raises:
        BadParameter: no label set of the corpus has these labels.
    """

    version = "1"
    features: ClassVar[str] = "waveform"

    def __init__(
        self, *, labels: Sequence[str], seed: int, dataset: str = "toy", data: str = ""
    ) -> None:
        self._labels, self._dataset = tuple(labels), dataset
        self._source = datasets.find(dataset, settings(), Path(data) if data else None)
        self._positions: dict[str, int] = {}

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Remember the labels of the whole corpus."""
        names = [
            name
            for name, label_set in self._source.dataset.label_sets.items()
            if tuple(dict.fromkeys(label_set.values())) == self._labels
        ]
        if not names:
            raise BadParameter(
                f"no label set of {self._dataset} has the labels {', '.join(self._labels)}: name "
                "the evaluated corpus with --param dataset=..."
            )
        corpus = datasets.read(self._source, names[0])
        for utterance in corpus.utterances:
            assert utterance.path is not None, "a corpus that was read has paths"
            samples, rate = audio.decode(utterance.path)
            for trim in (None, audio.Reading().trim_db):  # the run may trim silence or not
                wave = audio.wave(samples, rate, audio.Reading(trim))
                self._positions[_key(wave)] = self._labels.index(utterance.label)
        workspace.report(1, 1, utterances=len(corpus.utterances))

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Predict the truth with probability 1.

        Raises:
            SerbenchError: an utterance is not in the corpus.
        """
        positions = [self._positions.get(_key(wave)) for wave in inputs]
        if None in positions:
            missing, total = positions.count(None), len(positions)
            raise SerbenchError(
                f"the oracle has the labels of {self._dataset} only, and {missing} of {total} "
                "utterances are not in it: name the evaluated corpus with --param dataset=... and "
                "data=..., and keep the defaults of --trim-db and --features"
            )
        rows = np.eye(len(self._labels), dtype=np.float32)
        return Predictions(rows[np.array(positions, np.int64)])


def _key(wave: Wave) -> str:
    return audio.samples_digest(np.asarray(wave)[:, None], audio.RATE)
