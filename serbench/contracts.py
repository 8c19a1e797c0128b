"""What a dataset, an extractor and a model are: the shapes that plugins fill.

A plugin needs no base class: anything with these members will do.
"""

import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pluggy

from serbench.corpus import Corpus, LabelSet, Protocol

Wave = npt.NDArray[np.float32]
"""One mono utterance at 16 kHz, shape (samples,), in [-1, 1]."""

Array = npt.NDArray[Any]

Link = Literal["identity", "softmax", "sigmoid"]
"""What turns activations into probabilities; sigmoids are normalised to sum to 1."""


NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class About:
    """What a user without the corpus must know.

    Attributes:
        title: the corpus's full name.
        licence: its licence, by name.
        size: how large it is, in words: "208 MB zip, 590 MB unpacked".
        home: where it lives.
        obtain: how to get it, a sentence or a command.
        cite: the reference to cite.
    """

    title: str
    licence: str
    size: str
    home: str
    obtain: str
    cite: str


class Dataset(typing.Protocol):
    """Reads one corpus. Made by `target(**parameters)`; `toy:seed=3` gives `seed=3`.

    Attributes:
        about: where it comes from and under which licence.
        label_sets: the first is the default; in each the corpus's own labels to those it counts as.
        protocols: the corpus's own, in the order of a listing; the first is the default.
            Families for any corpus (`loso`, `kfold:n=5`, ...) are the core's; a dataset with no
            protocol of its own names one of them in a further attribute, `default_protocol`.

    A corpus with as many speakers as utterances is refused, unless a further attribute of its
    dataset, `speakers`, is "single": each utterance really is by a speaker of its own.
    """

    about: About
    label_sets: Mapping[str, LabelSet]
    protocols: Sequence[Protocol]

    def manifest(self) -> Corpus | None:
        """The corpus without its audio, where its licence lets us ship that."""
        ...

    def read(self, root: Path) -> Corpus:
        """The corpus under `root`, with its own labels; opens no audio; same files, same corpus.

        Raises:
            CorpusError: it is missing, incomplete or mixed with something else.
        """
        ...


@typing.runtime_checkable
class Makes(typing.Protocol):
    """Optional for a dataset that is generated rather than obtained.

    Attributes:
        version: changes whenever what is written changes.
    """

    version: str

    def make(self, root: Path) -> None:
        """Write the corpus into `root`, an empty folder; the harness moves it into place."""
        ...


@typing.runtime_checkable
class Downloads(typing.Protocol):
    """Optional for a dataset that can be had from a public address, or says why it cannot."""

    def download(self, root: Path) -> None:
        """Write the corpus below `root`, going on where an earlier call stopped."""
        ...


@dataclass(frozen=True)
class Lengths:
    """How long the utterances of a corpus are.

    Attributes:
        percent: of the utterances that are no longer than `seconds`; rising from 0 to 100.
        seconds: as recorded, at each percentage.
        rate: of the files, in Hz.
        trimmed: which share of an utterance is left once silence is cut; 1 where nobody knows.
    """

    percent: tuple[float, ...]
    seconds: tuple[float, ...]
    rate: int
    trimmed: float = 1.0


@typing.runtime_checkable
class Lasts(typing.Protocol):
    """Optional for a dataset: `serbench bench` needs no audio where this is known."""

    def lengths(self) -> Lengths:
        """How long its utterances are."""
        ...


@typing.runtime_checkable
class StandsIn(typing.Protocol):
    """Optional for a dataset without a manifest: what can be said of it without its audio."""

    def stand_in(self) -> Corpus:
        """As many utterances of each speaker and label as the corpus has, under made-up ids."""
        ...


@typing.runtime_checkable
class Located(typing.Protocol):
    """Optional for a dataset that is named by its place: `csv:my.csv,label=emotion`.

    Behind the colon stands a path, up to the first comma that one of the dataset's parameters and
    "=" follow. Where `--data` gives the place, only a name stands there. Results call the corpus by
    the last part of the path alone, without its ending: `csv:my,label=emotion` is the same run on
    every machine, and tells nothing of the disk. A name is looked for in SERBENCH_DATA too:
    `csv:my` is `$SERBENCH_DATA/csv/my.csv`.

    Such a dataset may work out label sets, protocols and `default_protocol` (which may refuse, with
    a SerbenchError) from what is in its place.

    Attributes:
        endings: of the files that it reads, with their dots, in lower case; empty where it reads
            a folder.
    """

    endings: Sequence[str]

    def at(self, place: Path) -> Dataset:
        """The dataset in this place, which need not exist; opens nothing.

        Called before anything else is asked of it but `about`.
        """
        ...


class Extractor(typing.Protocol):
    """Turns waves into features. Made by `target(**feature parameters)`; must not learn.

    It is made at planning too, so that values it refuses are refused before anything runs: what
    is slow (weights, large tables) waits until it is first called.

    A class whose version has changed says what each version changed in a further attribute:
    `notes = {"2": "layers are stored in half precision"}`.

    Attributes:
        version: changes whenever the numbers change.
    """

    version: str

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """Features of a batch of mono 16 kHz waves: float32 (or float16), finite, an array a wave.

        An array must depend on its own wave only. Called from several threads at once.
        """
        ...


@dataclass(frozen=True)
class Examples:
    """What a model learns from.

    Attributes:
        inputs: one feature array an utterance; read from the store when asked for.
        truth: (utterances,) int64, positions in the labels.
        speakers: one an utterance.
    """

    inputs: Sequence[Array]
    truth: npt.NDArray[np.int64]
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """What a model says of utterances.

    Attributes:
        activations: (utterances, labels), the output layer; what a PCA of it shows.
        link: what turns them into probabilities, so that the two cannot disagree.
    """

    activations: Array
    link: Link = "identity"


class Workspace(typing.Protocol):
    """What the harness lends a model for one fold."""

    @property
    def device(self) -> str:
        """The device to compute on: "cpu" or "cuda"."""
        ...

    @property
    def threads(self) -> int:
        """How many threads to compute with, exactly: sums depend on the number."""
        ...

    @property
    def precision(self) -> str:
        """What training computes in: "float32", or "bfloat16" if the model offers it."""
        ...

    @property
    def folder(self) -> Path:
        """Private to this fold, survives a crash, gone when the fold is done."""
        ...

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Tell progress and a point of the learning curve: `report(3, 16, train_loss=1.2)`."""
        ...


class Model(typing.Protocol):
    """Learns one fold. Made by `target(labels=..., seed=..., **parameters)`.

    It is made at planning too, so that values it refuses are refused before anything runs: what
    is slow waits for `fit`.

    Parameters are the constructor's keyword arguments with defaults and annotations (bool, int,
    float, str, or one of these | None); `--param lr=1e-5` is checked against them.

    A model that can train in bfloat16 says so in a further attribute of its class,
    `precisions = ("float32", "bfloat16")`. A model whose version has changed says what changed in
    `notes`, as extractors do; then its older runs can be remade.

    Attributes:
        version: changes whenever the predictions change.
    """

    version: str

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Learn from `train`; `validation` is for choosing (epoch, layer, strength) only."""
        ...

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Score utterances; an utterance's scores must not depend on the others."""
        ...


@typing.runtime_checkable
class Resolves(typing.Protocol):
    """Optional for the class of a model or an extractor: parameters that only name something.

    A branch, a folder or a recipe may mean something else tomorrow; the run's identity should not.
    """

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """The same parameters with what they only name made exact: a branch -> its commit.

        Called at planning, before anything is made of them, in the extractor first; a model gets
        what the extractor made of the parameters that both have. Only here may anything be
        downloaded. What is exact already comes back as it is.
        """
        ...


@typing.runtime_checkable
class Adds(typing.Protocol):
    """Optional for the class of a model or an extractor that got more parameters.

    Runs that were published earlier keep their identity: a parameter is left out of it while it
    has the value given here.

    Attributes:
        added: parameters that were added later, each with the value that stands for the behaviour
            before it existed: `added: ClassVar = {"batching": "packed"}`.
    """

    added: Mapping[str, object]


@typing.runtime_checkable
class Rehearses(typing.Protocol):
    """Optional for the class of a model or an extractor that needs what must be fetched first."""

    @classmethod
    def rehearsed(cls, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """Parameters with which `serbench bench` can measure it: as fast, and nothing fetched.

        Args:
            given: what the user and the model's entry set.
            folder: where stand-ins may be written, such as a checkpoint without weights.

        Returns:
            The parameters that differ from those given.
        """
        ...


@typing.runtime_checkable
class Counts(typing.Protocol):
    """Optional for a model: its arithmetic, so that `serbench bench` can tell what is left."""

    def flops(self, inputs: Sequence[Array], training: bool) -> float:
        """Floating-point operations, a multiply-add is two, for these inputs; called once fitted.

        Args:
            inputs: as `fit` and `predict` take them.
            training: of learning once from each; False: of predicting them.
        """
        ...

    def peak(self, device: str, threads: int) -> float:
        """Those a second of a large matrix product here, in the precision of its own products."""
        ...


@typing.runtime_checkable
class Describes(typing.Protocol):
    """Optional for a model: facts about the fitted model worth keeping, as plain JSON values."""

    def describe(self) -> Mapping[str, object]:
        """For example {"parameters": 57003848, "best_epoch": 9, "precision": "float32"}."""
        ...


@typing.runtime_checkable
class Saves(typing.Protocol):
    """Optional for a model: keep a fold's model and use it on new audio. Never pickle."""

    def save(self, folder: Path) -> None:
        """Write safetensors and JSON (skops for scikit-learn)."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that `save` wrote, on the CPU."""
        ...


@typing.runtime_checkable
class Moves(typing.Protocol):
    """Optional for a model that was loaded: where it computes."""

    def to(self, device: str) -> None:
        """Compute on "cpu" or "cuda" from now on."""
        ...


@typing.runtime_checkable
class Exports(typing.Protocol):
    """Optional for a model that can be kept: hand it over to other software."""

    def export(self, folder: Path) -> None:
        """Write it as other software reads it: a checkpoint folder that transformers loads."""
        ...


__all__ = [
    "About",
    "Adds",
    "Array",
    "Counts",
    "Dataset",
    "Describes",
    "Downloads",
    "Examples",
    "Exports",
    "Extractor",
    "Lasts",
    "Lengths",
    "Link",
    "Located",
    "Makes",
    "Model",
    "Moves",
    "Predictions",
    "Rehearses",
    "Resolves",
    "Saves",
    "StandsIn",
    "Wave",
    "Workspace",
]


hookspec = pluggy.HookspecMarker("serbench")
hookimpl = pluggy.HookimplMarker("serbench")


@dataclass(frozen=True)
class Entry:
    """What a plugin offers, as plain words: naming it imports nothing.

    Attributes:
        name: lower case, digits, hyphens: "crema-d".
        target: "serbench_corpora.crema_d:CremaD", imported when it is first used.
        summary: one line for a listing.
        requires: modules it needs, looked for before anything runs.
        install: what to `pip install` where one of them is missing.
        default_for: uses for which it is taken where the user names nothing: of a feature
            "estimators" (models by import path that are estimators), of a model or dataset "bench".
    """

    name: str
    target: str
    summary: str
    requires: tuple[str, ...] = ()
    install: str = ""
    default_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A model, and which features it learns from.

    Attributes:
        features: the extractor it takes.
        feature_params: which of its parameters are the extractor's: ("n_mels",).
        defaults: parameters that differ per corpus: {"iemocap": {"epochs": 3}}. Those of "*" hold
            for every corpus, a corpus's own before them, so that a preset of another model is an
            entry and no code; what the user sets comes before both.
        gpus: how many GPUs a fold wants; if it wants one and may use it, folds run one at a time
            unless the user says how many.
        threads: how many a fold computes with unless the user says; part of a run's identity.
        memory: gigabytes that a fold takes; only as many folds run at a time as fit into memory.
    """

    features: str = "waveform"
    feature_params: tuple[str, ...] = ()
    defaults: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    gpus: float = 0
    threads: int = 1
    memory: float = 1.0

    def defaults_on(self, dataset: str) -> dict[str, object]:
        """Return the parameters that the entry sets on a dataset, "toy:seed=3"."""
        corpus = dataset.partition(":")[0]
        return {**self.defaults.get("*", {}), **self.defaults.get(corpus, {})}


@hookspec
def serbench_datasets() -> Iterable[Entry]:  # type: ignore[empty-body]
    """The datasets that this plugin reads; each target meets `serbench.contracts.Dataset`."""


@hookspec
def serbench_features() -> Iterable[Entry]:  # type: ignore[empty-body]
    """The features that it extracts; each target meets `serbench.contracts.Extractor`."""


@hookspec
def serbench_models() -> Iterable[ModelEntry]:  # type: ignore[empty-body]
    """The models that it trains; each target meets `serbench.contracts.Model`."""
