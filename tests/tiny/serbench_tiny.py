"""A plugin for the tests: a corpus of tones made in no time, and models of ten lines."""

import hashlib
import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import soundfile

from serbench.contracts import About, Entry, Examples, ModelEntry, Predictions, Workspace, hookimpl
from serbench.corpus import Corpus, Fold, Protocol, Utterance, speaker_fold
from serbench.errors import BadParameter, CorpusError
from serbench.files import replacing

LABELS = ("low", "middle", "high")
SPEAKERS = tuple(f"s{number}" for number in range(1, 7))
TAKES = 4


@cache  # most tests begin without a corpus
def tone(utterance: str, label: str) -> bytes:
    """A wav file of 0.2 s."""
    rng = np.random.default_rng(int(hashlib.sha256(utterance.encode()).hexdigest()[:8], 16))
    hertz = 300 + 200 * LABELS.index(label) + rng.normal(0, 20)
    sine = np.sin(2 * np.pi * hertz * np.arange(3200) / 16_000)
    file = io.BytesIO()
    wave = 0.3 * sine + rng.normal(0, 0.01, 3200)
    soundfile.write(file, wave, 16_000, subtype="PCM_16", format="WAV")
    return file.getvalue()


def nested(corpus: Corpus) -> list[Fold]:
    """Three test sets of two speakers, each with each other one as its validation set."""
    blocks = [SPEAKERS[start : start + 2] for start in (0, 2, 4)]
    folds = []
    for test, validation in permutations(range(3), 2):
        train = blocks[3 - test - validation]
        sets = {"train": train, "validation": blocks[validation], "test": blocks[test]}
        fold = speaker_fold(corpus, f"{test + 1}.{validation + 1}", **sets)
        folds.append(replace(fold, group=str(test + 1)))
    return folds


class Tones:
    """Six speakers say three labels four times each: a tone whose pitch is the label's, noisily."""

    about = About("Tones", "MIT", "1 MB", "nowhere", "it is made", "nobody")
    label_sets: Mapping[str, Mapping[str, str]] = {
        "tones": dict(zip(LABELS, LABELS, strict=True)),
        "two": {"low": "low", "middle": "low", "high": "high"},
    }
    version = "1"
    protocols = (Protocol("nested", "three test sets, two models each", nested),)
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
            speaker, label, take = path.stem.split("-")
            said = {"sentence": f"{'ABC'[int(take) % 3]}", "repetition": take}
            utterances.append(Utterance(path.stem, speaker, label, path, **said))
        return Corpus("tones", LABELS, tuple(utterances), "raw")

    def make(self, root: Path) -> None:
        """Write the tones."""
        for one in self.manifest().utterances:
            (root / f"{one.id}.wav").write_bytes(tone(one.id, one.label))


class Hushed:
    """Tones whose licence keeps their labels with whoever has them; they are not made."""

    about = Tones.about
    label_sets = Tones.label_sets
    protocols = Tones.protocols
    default_protocol = Tones.default_protocol

    def manifest(self) -> None:
        """None."""

    def read(self, root: Path) -> Corpus:
        """As tones are read."""
        return Tones().read(root)


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


class Stored(Crossings):
    """The channels and the rate of the file, as it is stored."""

    reads = "recording"

    def __call__(self, recordings):
        """One vector a file."""
        return [np.array([*each.samples.shape, each.rate], np.float32) for each in recordings]


class Said(Crossings):
    """The length of the sentence, and its letter."""

    reads = "sentence"

    def __call__(self, sentences):
        """One vector a sentence."""
        return [np.array([len(each), ord(each[0])], np.float32) for each in sentences]


class Reusing(Crossings):
    """Crossings, always in the same memory."""

    def __init__(self) -> None:
        super().__init__(2)
        self._memory = np.empty((64, self.parts), np.float32)

    def __call__(self, waves: Sequence[Any]) -> list[Any]:
        """One array of shape (parts,) a wave."""
        made = self._memory[: len(waves)]
        made[:] = super().__call__(waves)
        return list(made)


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


class Worded(Crossings):
    """Crossings whose number of parts may be given as a word."""

    def __init__(self, parts: int | str = "few"):
        super().__init__(int(parts))  # a word here would be a fault of the harness

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """The number that the word stands for."""
        return {"parts": {"few": 2, "many": 5}.get(str(params["parts"]), params["parts"])}


class Following(Centroid):
    """Takes its scale from the parts, which it shares with its feature, unless `lost` is named."""

    def __init__(
        self,
        labels: Sequence[str],
        seed: int,
        *,
        parts: int | str = "few",
        scale: float | None = None,
        lost: str = "",
    ):
        super().__init__(labels, seed, scale=scale or 0)

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """Ten times the parts; without the parameter that `lost` names."""
        scale = params["scale"] or 10.0 * int(str(params["parts"]))
        exact = {**params, "scale": scale}
        return {name: value for name, value in exact.items() if name != params["lost"]}


class Keeper(Centroid):
    """Can be kept. Where TINY_DIES is set it dies half-way, on the test fold that holds s1."""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Remember whether it is s1's fold."""
        super().fit(train, validation, workspace)
        self.dies = "s1" not in (*train.speakers, *validation.speakers)

    def save(self, folder: Path) -> None:
        """Write the means, then the words."""
        np.save(folder / "means.npy", self.means, allow_pickle=False)
        if self.dies and os.environ.get("TINY_DIES"):
            os.kill(os.getpid(), signal.SIGKILL)
        words = {"labels": list(self.labels), "seed": self.seed, "scale": self.scale}
        (folder / "words.json").write_text(json.dumps(words))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was saved."""
        words = json.loads((folder / "words.json").read_text())
        model = cls(words["labels"], words["seed"], scale=words["scale"])
        model.means = np.load(folder / "means.npy", allow_pickle=False)
        return model


class Exporter(Keeper):
    """Can be exported too, and moved; says that it is not pretrained where it is told so."""

    moved: ClassVar[list[str]] = []  # where models of this process were moved

    def __init__(
        self, labels: Sequence[str], seed: int, *, scale: float = 100.0, pretrained: bool = True
    ):
        super().__init__(labels, seed, scale=scale)
        self.pretrained = pretrained

    def describe(self) -> dict[str, object]:
        """As models on checkpoints do."""
        return {"pretrained": self.pretrained}

    def to(self, device: str) -> None:
        """Remember where."""
        Exporter.moved.append(device)

    def export(self, folder: Path) -> None:
        """One line a label."""
        rows = zip(self.labels, self.means.tolist(), strict=True)
        (folder / "means.txt").write_text("".join(f"{label} {row}\n" for label, row in rows))


class Sleeper(Centroid):
    """Learns for a time that is known: a second for so many utterances of an epoch."""

    rate, start = 2000, 0.05  # utterances a second; seconds before the first epoch

    def __init__(
        self,
        labels: Sequence[str],
        seed: int,
        *,
        epochs: int = 40,
        batch: int = 8,
        each: int = 1,
        reports: bool = True,
    ):
        super().__init__(labels, seed)
        self.epochs, self.each, self.reports = epochs, each, reports

    @classmethod
    def rehearsed(cls, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """Where it is to cost nothing, something else does."""
        return {"each": 1} if given.get("each") == 0 else {}

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Sleep, and take the means."""
        if self.each < 1:
            raise BadParameter("each is 0, which only a rehearsal knows how to replace")
        super().fit(train, validation, Nobody())
        time.sleep(self.start)
        for epoch in range(1, self.epochs + 1):
            time.sleep(self.each * len(train.truth) / self.rate)
            if self.reports:
                workspace.report(epoch, self.epochs, train_loss=1.0)

    def flops(self, inputs: Sequence[Any], training: bool) -> float:
        """Twice as many for training."""
        return 1000.0 * len(inputs) * (2 if training else 1)

    def peak(self, device: str, threads: int) -> float:
        """Ten times what its training needs."""
        return 10.0 * 2000.0 * self.rate


class Stepper(Centroid):
    """Stores every epoch, and goes on after the last one stored."""

    def __init__(self, labels: Sequence[str], seed: int, *, nap: float = 0.1, epochs: int = 10):
        super().__init__(labels, seed)
        self.pause, self.epochs = nap, epochs

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Take the means, and nap in every epoch."""
        super().fit(train, validation, Nobody())
        stored = workspace.folder / "epochs"
        self.first = int(stored.read_text()) + 1 if stored.exists() else 1
        for epoch in range(self.first, self.epochs + 1):
            time.sleep(self.pause)
            with replacing(stored) as temporary:
                temporary.write_text(str(epoch))
            workspace.report(epoch, self.epochs, train_loss=1 / epoch)

    def describe(self) -> dict[str, object]:
        """Return the first epoch of this attempt."""
        return {"first_epoch": self.first}


class Nobody:
    """Hears nothing."""

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Say nothing."""


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


class Softer:
    """Turn the wave down, a little differently for each utterance.

    Args:
        factor: of the amplitude, from 0 to 1.
    """

    version = "1"

    def __init__(self, *, factor: float = 0.5):
        if not 0 < factor < 1:
            raise BadParameter(f"factor is {factor}, but must be between 0 and 1")
        self.factor = factor

    def __call__(self, wave: Any, random: np.random.Generator) -> Any:
        """The wave, quieter."""
        return wave * np.float32(self.factor * random.uniform(0.9, 1.0))


class Deafening:
    """A perturbation that is not finite."""

    version = "1"

    def __call__(self, wave: Any, random: np.random.Generator) -> Any:
        """Infinity."""
        return wave + np.float32(np.inf)


@hookimpl
def serbench_perturbations() -> Iterable[Entry]:
    return [
        Entry("softer", "serbench_tiny:Softer", "quieter"),
        Entry("deafening", "serbench_tiny:Deafening", "not finite"),
    ]


@hookimpl
def serbench_datasets() -> Iterable[Entry]:
    return [
        Entry("tones", "serbench_tiny:Tones", "tones for the tests"),
        Entry("hushed", "serbench_tiny:Hushed", "tones under a licence"),
    ]


@hookimpl
def serbench_engines() -> Iterable[Entry]:
    return [
        Entry("instant", "tiny_engines:Instant", "copies results"),
        Entry("remote", "tiny_engines:Remote", "shares no folder"),
        Entry("sequential", "tiny_engines:Sequential", "one task after the other"),
        Entry("queue", "tiny_engines:Queue", "a queue without a driver"),
    ]


@hookimpl
def serbench_features() -> Iterable[Entry]:
    return [
        Entry("crossings", "serbench_tiny:Crossings", "zero crossings"),
        Entry("stored", "serbench_tiny:Stored", "reads files as stored"),
        Entry("said", "serbench_tiny:Said", "reads sentences"),
        Entry("infinite", "serbench_tiny:Infinite", "not finite"),
        Entry("social", "serbench_tiny:Social", "depends on the batch"),
        Entry("reusing", "serbench_tiny:Reusing", "crossings in one memory"),
        Entry("worded", "serbench_tiny:Worded", "crossings by a word"),
    ]


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    features = {"features": "crossings", "feature_params": ("parts",)}
    return [
        ModelEntry("centroid", "serbench_tiny:Centroid", "nearest mean", **features),
        ModelEntry("keeper", "serbench_tiny:Keeper", "can be kept", **features),
        ModelEntry("exporter", "serbench_tiny:Exporter", "can be exported", **features),
        ModelEntry("stepper", "serbench_tiny:Stepper", "stores epochs", **features),
        ModelEntry("sleeper", "serbench_tiny:Sleeper", "sleeps", **features),
        ModelEntry("faulty", "serbench_tiny:Faulty", "breaks the contract", **features),
        ModelEntry(
            "following",
            "serbench_tiny:Following",
            "scales with its feature",
            features="worded",
            feature_params=("parts",),
        ),
        ModelEntry(
            "preset",
            "serbench_tiny:Centroid",
            "centroid with other defaults",
            defaults={"*": {"parts": 3, "scale": 50.0}, "tones": {"parts": 4}},
            title="Nearest of {parts}",
            value_titles={"4": "four"},
            **features,
        ),
        ModelEntry("control-stored", "serbench_tiny:Keeper", "hears no tone", features="stored"),
        ModelEntry("control-said", "serbench_tiny:Keeper", "hears no tone", features="said"),
        ModelEntry("unfit", "serbench_tiny:Centroid", "bad features", features="infinite"),
        ModelEntry("social", "serbench_tiny:Centroid", "bad features", features="social"),
        ModelEntry(
            "needy", "serbench_tiny:Centroid", "lacks", requires=("no_such_module",), install="nsm"
        ),
    ]
