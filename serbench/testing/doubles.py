"""Models that behave in a known way, for testing what runs models.

Each is named by its import path: `--model serbench.testing.doubles:Constant`.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from serbench import datasets
from serbench.contracts import Array, Examples, Predictions, Wave, Workspace
from serbench.corpus import Corpus
from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.features import audio
from serbench.settings import settings


class Constant:
    """Says one label of everything.

    Args:
        labels: the emotions.
        seed: of no influence.
        label: the one that it says; None is the first.
    """

    version = "1"

    def __init__(self, *, labels: Sequence[str], seed: int, label: str | None = None) -> None:
        if label is not None and label not in labels:
            raise BadParameter(str(nearest("label", label, list(labels))))
        self._labels = tuple(labels)
        self._said = 0 if label is None else self._labels.index(label)

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Learn nothing."""
        workspace.report(1, 1)

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """All of the probability on its label."""
        scores = np.zeros((len(inputs), len(self._labels)), np.float32)
        scores[:, self._said] = 1
        return Predictions(scores)


class NaN(Constant):
    """Gives scores that are no numbers."""

    def __init__(self, *, labels: Sequence[str], seed: int) -> None:
        super().__init__(labels=labels, seed=seed)

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """The right shape, nothing in it."""
        return Predictions(np.full((len(inputs), len(self._labels)), np.nan, np.float32))


class Crashing(Constant):
    """Raises a `RuntimeError`.

    Args:
        labels: the emotions.
        seed: of no influence.
        when: in which of its methods.
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
        """Crash, or say the first label."""
        self._crash("predict")
        return super().predict(inputs)

    def _crash(self, here: str) -> None:
        if here == self._when:
            raise RuntimeError(f"crashed in {here}, as it was asked to")


class Slow(Constant):
    """Sleeps through every epoch, and reports it.

    Args:
        labels: the emotions.
        seed: of no influence.
        seconds: of an epoch.
        epochs: how many.
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
        """Sleep, report, and sleep again."""
        for epoch in range(1, self._epochs + 1):
            time.sleep(self._seconds)
            workspace.report(epoch, self._epochs, train_loss=1 / epoch)


class Oracle:
    """Knows the label of every utterance of a corpus by its samples, as nobody should.

    Of recordings that are there under two labels it says the one that the corpus lists last.

    Args:
        labels: the emotions, of one of the corpus's label sets.
        seed: of no influence.
        dataset: whose corpus it knows, with parameters, as it is typed.
        data: that corpus's folder, where it is not in SERBENCH_DATA.

    Raises:
        BadParameter: the corpus has no label set of these labels.
    """

    version = "1"
    features: ClassVar[str] = "waveform"

    def __init__(
        self, *, labels: Sequence[str], seed: int, dataset: str = "toy", data: str = ""
    ) -> None:
        self._labels, self._dataset = tuple(labels), dataset
        self._source = datasets.find(dataset, settings(), Path(data) if data else None)
        self._known: Mapping[str, int] = {}

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Read the whole corpus, and remember it."""
        known: dict[str, int] = {}
        corpus = self._corpus()
        for one in corpus.utterances:
            assert one.path is not None, "a corpus that was read has paths"
            samples, rate = audio.decode(one.path)
            for trim in (None, audio.Reading().trim_db):  # trimmed or not, as the run may be
                wave = audio.wave(samples, rate, audio.Reading(trim))
                known[_key(wave)] = self._labels.index(one.label)
        self._known = known
        workspace.report(1, 1, utterances=len(corpus.utterances))

    def _corpus(self) -> Corpus:
        """The corpus under the label set that these labels are of."""
        for name, label_set in self._source.dataset.label_sets.items():
            if tuple(dict.fromkeys(label_set.values())) == self._labels:
                return datasets.read(self._source, name)
        raise BadParameter(
            f"no label set of {self._dataset} has the labels {', '.join(self._labels)}: name the "
            "corpus that is evaluated, with --param dataset=..."
        )

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """All of the probability on the truth.

        Raises:
            SerbenchError: an utterance is not of its corpus.
        """
        found = [self._known.get(_key(wave)) for wave in inputs]
        if None in found:
            raise SerbenchError(
                f"the oracle knows {self._dataset} only, and {found.count(None)} of {len(found)} "
                "utterances are not of it: name the corpus that is evaluated, with --param "
                "dataset=... and data=..., and leave --trim-db and --features as they are"
            )
        return Predictions(np.eye(len(self._labels), dtype=np.float32)[np.array(found, np.int64)])


def _key(wave: Wave) -> str:
    return audio.samples_digest(np.asarray(wave)[:, None], audio.RATE)
