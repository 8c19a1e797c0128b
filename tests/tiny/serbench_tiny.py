"""A plugin for the tests: a corpus of tones made in no time, and models of ten lines."""

import hashlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from serbench.contracts import About, Examples, Predictions, Workspace
from serbench.corpus import Corpus, Utterance
from serbench.errors import BadParameter, CorpusError
from serbench.hookspecs import Entry, ModelEntry, hookimpl

LABELS = ("low", "middle", "high")
SPEAKERS = tuple(f"s{number}" for number in range(1, 7))
TAKES = 4


class Tones:
    """Six speakers say three labels four times each: a tone whose pitch is the label's, noisily."""

    about = About("Tones", "MIT", "1 MB", "nowhere", "it is made", "nobody")
    label_sets: Mapping[str, Mapping[str, str]] = {
        "tones": dict(zip(LABELS, LABELS, strict=True)),
        "two": {"low": "low", "middle": "low", "high": "high"},
    }
    version = "1"
    protocols = ()
    default_protocol = "kfold:n=3"

    def __init__(self, takes: int = TAKES):
        self.takes = takes

    def manifest(self) -> Corpus:
        """All of it."""
        utterances = [
            Utterance(f"{speaker}-{label}-{take}", speaker, label, sex="fm"[int(speaker[1:]) % 2])
            for speaker in SPEAKERS
            for label in LABELS
            for take in range(self.takes)
        ]
        return Corpus("tones", LABELS, tuple(utterances), "raw")

    def read(self, root: Path) -> Corpus:
        """Every wav below root; the label and the speaker are in the name."""
        paths = sorted(root.glob("*.wav"))
        if not paths:
            raise CorpusError(f"no tones in {root}")
        utterances = []
        for path in paths:
            speaker, label, _ = path.stem.split("-")
            utterances.append(Utterance(path.stem, speaker, label, path))
        return Corpus("tones", LABELS, tuple(utterances), "raw")

    def make(self, root: Path) -> None:
        """Write the tones."""
        time_axis = np.arange(3200) / 16_000
        for one in self.manifest().utterances:
            rng = np.random.default_rng(int(hashlib.sha256(one.id.encode()).hexdigest()[:8], 16))
            hertz = 300 + 200 * LABELS.index(one.label) + rng.normal(0, 20)
            tone = 0.3 * np.sin(2 * np.pi * hertz * time_axis) + rng.normal(0, 0.01, 3200)
            soundfile.write(root / f"{one.id}.wav", tone, 16_000, subtype="PCM_16")


class Crossings:
    """Zero crossings a sample, `parts` numbers an utterance."""

    version = "1"

    def __init__(self, parts: int = 2):
        if parts < 1:
            raise BadParameter(f"parts is {parts}, but must be 1 or more")
        self.parts = parts

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """One array of shape (parts,) a wave."""
        return [
            np.array(
                [np.mean(part[1:] * part[:-1] < 0) for part in np.array_split(wave, self.parts)],
                np.float32,
            )
            for wave in waves
        ]


class Centroid:
    """The nearest mean of the training set; the seed moves it a little."""

    version = "1"

    def __init__(self, labels: Sequence[str], seed: int, *, scale: float = 100.0, nap: float = 0.0):
        self.labels, self.seed, self.scale, self.nap = labels, seed, scale, nap

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Take the means, and report five epochs of nothing."""
        rng = np.random.default_rng(self.seed)
        inputs = np.stack(list(train.inputs))
        self.means = np.stack(
            [inputs[train.truth == index].mean(axis=0) for index in range(len(self.labels))]
        )
        self.means += rng.normal(0, 1e-4, self.means.shape).astype(np.float32)
        self.seen = hashlib.sha256(
            inputs.tobytes() + np.stack(list(validation.inputs)).tobytes() + self.means.tobytes()
        ).hexdigest()
        for epoch in range(5):
            time.sleep(self.nap / 5)
            workspace.report(epoch + 1, 5, train_loss=1 / (epoch + 1))

    def predict(self, inputs: Sequence[Any]) -> Predictions:
        """Minus the distance to each mean."""
        rows = np.stack(list(inputs))[:, None, :]
        return Predictions(-self.scale * np.abs(rows - self.means).sum(axis=-1), link="softmax")

    def describe(self) -> dict[str, object]:
        """What it saw, as a digest."""
        return {"seen": self.seen}


class Faulty(Centroid):
    """Breaks the contract in the way that `fault` names, on the test fold that holds speaker s1."""

    folds_seen = 0  # of this process, as no model should count them

    def __init__(self, labels: Sequence[str], seed: int, *, fault: str = "raise"):
        super().__init__(labels, seed)
        self.fault = fault

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Fail where s1 is neither in training nor in validation."""
        super().fit(train, validation, workspace)
        print("a model may print")
        self.bad = "s1" not in (*train.speakers, *validation.speakers)
        if self.bad and self.fault == "raise":
            raise ValueError("the model is faulty")
        if self.bad and self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.bad and self.fault == "exit":
            sys.exit(0)
        Faulty.folds_seen += 1

    def predict(self, inputs: Sequence[Any]) -> Predictions:
        """Return nonsense where it should fail."""
        good = super().predict(inputs)
        if self.bad and self.fault == "nan":
            return Predictions(good.activations * np.nan, good.link)
        if self.bad and self.fault == "huge":
            return Predictions(good.activations.astype(np.float64) * 1e300, good.link)
        if self.bad and self.fault == "bare":
            return good.activations
        if self.bad and self.fault == "negative":
            return Predictions(good.activations, "identity")
        if self.bad and self.fault == "shape":
            return Predictions(good.activations[:, :1], good.link)
        if self.bad and self.fault == "neighbours":
            return Predictions(good.activations - good.activations.mean(axis=0), good.link)
        return good

    def describe(self) -> dict[str, object]:
        """How many folds this process has seen, as numpy counts."""
        return {"folds_seen": np.int64(Faulty.folds_seen)}


class Social:
    """A feature that depends on its neighbours in the batch."""

    version = "1"

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """The place in the batch."""
        return [np.full(1, place, np.float32) for place, _ in enumerate(waves)]


class Infinite:
    """A feature that is not finite."""

    version = "1"

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """Infinity."""
        return [np.full(1, np.inf, np.float32) for _ in waves]


@hookimpl
def serbench_datasets() -> Iterable[Entry]:
    return [Entry("tones", "serbench_tiny:Tones", "tones for the tests")]


@hookimpl
def serbench_features() -> Iterable[Entry]:
    return [
        Entry("crossings", "serbench_tiny:Crossings", "zero crossings"),
        Entry("infinite", "serbench_tiny:Infinite", "not finite"),
        Entry("social", "serbench_tiny:Social", "depends on the batch"),
    ]


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    features = {"features": "crossings", "feature_params": ("parts",)}
    return [
        ModelEntry("centroid", "serbench_tiny:Centroid", "nearest mean", **features),
        ModelEntry("faulty", "serbench_tiny:Faulty", "breaks the contract", **features),
        ModelEntry("unfit", "serbench_tiny:Centroid", "bad features", features="infinite"),
        ModelEntry("social", "serbench_tiny:Centroid", "bad features", features="social"),
        ModelEntry(
            "needy", "serbench_tiny:Centroid", "lacks", requires=("no_such_module",), install="nsm"
        ),
    ]
