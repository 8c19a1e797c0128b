"""The contracts of a plugin: the members of a dataset, an extractor and a model, and its hooks.

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
    """A corpus's description for users who do not have it.

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
    """Read one corpus. Instantiated by `target(**parameters)`; `toy:seed=3` gives `seed=3`.

    Attributes:
        about: its origin and licence.
        label_sets: each maps the corpus's own labels to those of the set; the first is the default.
        protocols: the corpus's own, in the order of a listing; the first is the default.
            The core has protocols for any corpus (`loso`, `kfold:n=5`, ...); a dataset without
            one of its own names one of these in the attribute `default_protocol`.

    A corpus with as many speakers as utterances is refused, unless the attribute `speakers` of its
    dataset is "single": each utterance really is by a speaker of its own.
    """

    about: About
    label_sets: Mapping[str, LabelSet]
    protocols: Sequence[Protocol]

    def manifest(self) -> Corpus | None:
        """Return the corpus without its audio; None where its licence forbids to ship that."""

    def read(self, root: Path) -> Corpus:
        """Return the corpus in `root` with its own labels, the same for the same files.

        Opens no audio.

        Raises:
            CorpusError: the corpus is missing, incomplete or mixed with other files.
        """


@typing.runtime_checkable
class GeneratedDataset(typing.Protocol):
    """Optional for a dataset whose corpus is generated.

    Attributes:
        version: changes whenever the files change.
    """

    version: str

    def make(self, root: Path) -> None:
        """Write the corpus into `root`, an empty folder, which is then moved into place."""


@typing.runtime_checkable
class DownloadableDataset(typing.Protocol):
    """Optional for a dataset with a public address, or to explain why there is none."""

    def download(self, root: Path) -> None:
        """Write the corpus into `root`; continue where an earlier call stopped."""


@typing.runtime_checkable
class PathDataset(typing.Protocol):
    """Optional for a dataset that is named by a path: `csv:my.csv,label=emotion`.

    The path ends at the first comma that is followed by one of the dataset's parameters and "=".
    With `--data PATH`, only a name stands there. Results name the corpus by the last part of the
    path without its ending: `csv:my,label=emotion` is the same run on every machine, and does not
    reveal a path. A name is looked up in SERBENCH_DATA too: `csv:my` is `SERBENCH_DATA/csv/my.csv`.

    Label sets, protocols and `default_protocol` (which may raise a SerbenchError) may depend on
    the files at the path.

    Attributes:
        endings: of the files that it reads, lower case with their dots; empty if it reads a folder.
    """

    endings: Sequence[str]

    def at(self, place: Path) -> Dataset:
        """Return the dataset at this path, which need not exist; opens nothing.

        Only `about` is used before this is called.
        """


@dataclass(frozen=True)
class Lengths:
    """The lengths of a corpus's utterances.

    Attributes:
        percent: of the utterances that are no longer than `seconds`; rising from 0 to 100.
        seconds: as recorded, at each percentage.
        rate: of the files, in Hz.
        trimmed: the share of an utterance that is left once silence is cut; 1 if unknown.
    """

    percent: tuple[float, ...]
    seconds: tuple[float, ...]
    rate: int
    trimmed: float = 1.0


class Extractor(typing.Protocol):
    """Turn waves into features. Instantiated by `target(**feature parameters)`; must not learn.

    It is instantiated during planning too, to validate its parameters: load weights and large
    tables when it is first called.

    A class whose version has changed lists the changes in the attribute `notes`:
    `notes = {"2": "layers are stored in half precision"}`.

    Attributes:
        version: changes whenever the numbers change.
    """

    version: str

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """Return a finite float32 (or float16) array for each mono 16 kHz wave.

        An array must depend on its own wave only. May be called from several threads at once.
        """


@dataclass(frozen=True)
class Examples:
    """The utterances that a model learns from.

    Attributes:
        inputs: one feature array an utterance; read from the disk when indexed.
        truth: (utterances,) int64, positions in the labels.
        speakers: one an utterance.
    """

    inputs: Sequence[Array]
    truth: npt.NDArray[np.int64]
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """A model's predictions.

    Attributes:
        activations: (utterances, labels), the output layer.
        link: turns them into probabilities.
    """

    activations: Array
    link: Link = "identity"


class Workspace(typing.Protocol):
    """The resources of a model in one fold."""

    @property
    def device(self) -> str:
        """The device to compute on: "cpu" or "cuda"."""

    @property
    def threads(self) -> int:
        """The exact number of threads to compute with: sums depend on it."""

    @property
    def precision(self) -> str:
        """The number format of training: "float32", or "bfloat16" if the model offers it."""

    @property
    def folder(self) -> Path:
        """A folder for this fold alone, kept after a crash and removed when the fold is done."""

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Report progress and a point of the learning curve: `report(3, 16, train_loss=1.2)`."""


class Model(typing.Protocol):
    """Learn one fold. Instantiated by `target(labels=..., seed=..., **parameters)`.

    It is instantiated during planning too, to validate its parameters: load weights in `fit`.

    Parameters are the constructor's keyword arguments with defaults and annotations (bool, int,
    float, str, or one of these | None); `--param lr=1e-5` is checked against them.

    A model that can train in bfloat16 has the class attribute
    `precisions = ("float32", "bfloat16")`. A model whose version has changed lists the changes in
    `notes`, as extractors do.

    Attributes:
        version: changes whenever the predictions change.
    """

    version: str

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Learn from `train`; `validation` is for choosing (epoch, layer, strength) only."""

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Score utterances; an utterance's scores must not depend on the others."""


@typing.runtime_checkable
class ResolvesParams(typing.Protocol):
    """Optional for the class of a model or an extractor whose parameters may name a moving target.

    A branch, a folder or a recipe may change; the run's identity must not.
    """

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """Return the same parameters with exact values: a branch -> its commit.

        Called during planning, before anything is instantiated, first of the extractor; the model
        gets the extractor's values of the parameters that both have. Only here may anything be
        downloaded. Exact values are returned unchanged.
        """


@typing.runtime_checkable
class HasAddedParams(typing.Protocol):
    """Optional for the class of a model or an extractor that got more parameters.

    Runs that were published earlier keep their identity, which leaves out a parameter with the
    value given here.

    Attributes:
        added: the parameters that were added later, each with the value for the earlier behaviour:
            `added: ClassVar = {"batching": "packed"}`.
    """

    added: Mapping[str, object]


@typing.runtime_checkable
class DescribedModel(typing.Protocol):
    """Optional for a model: facts about the fitted model, as plain JSON values."""

    def describe(self) -> Mapping[str, object]:
        """Return the facts, such as {"parameters": 57003848, "best_epoch": 9}."""


@typing.runtime_checkable
class KeepableModel(typing.Protocol):
    """Optional for a model: keep a fold's model and use it on new audio. Never pickle."""

    def save(self, folder: Path) -> None:
        """Write safetensors and JSON (skops for scikit-learn)."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the model that `save` wrote, on the CPU."""


@typing.runtime_checkable
class MovableModel(typing.Protocol):
    """Optional for a model that can be kept: choose its device."""

    def to(self, device: str) -> None:
        """Compute on "cpu" or "cuda" from now on."""


@typing.runtime_checkable
class ExportableModel(typing.Protocol):
    """Optional for a model that can be kept: hand it over to other software."""

    def export(self, folder: Path) -> None:
        """Write the files of the other software: a checkpoint folder that transformers loads."""


class BenchHooks(typing.Protocol):
    """Optional for `serbench bench`; each method alone is optional too.

    `lengths` and `stand_in` are a dataset's, `rehearsed` is a class method of a model or an
    extractor, `flops` and `peak` are a model's.
    """

    def lengths(self) -> Lengths:
        """Return the lengths of the corpus's utterances, so that no audio is needed."""

    def stand_in(self) -> Corpus:
        """Return as many utterances of each speaker and label as the corpus has, with invented ids.

        For a dataset without a manifest.
        """

    @classmethod
    def rehearsed(cls, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """Return other parameters, as fast to compute, with which nothing needs to be downloaded.

        Args:
            given: parameters from the user and the model's entry.
            folder: a place for stand-ins, such as a checkpoint without weights.

        Returns:
            Only the parameters that differ from those given.
        """

    def flops(self, inputs: Sequence[Array], training: bool) -> float:
        """Count the fitted model's floating-point operations; a multiply-add is two.

        Args:
            inputs: as `fit` and `predict` take them.
            training: of learning once from each; False: of predicting them.
        """

    def peak(self, device: str, threads: int) -> float:
        """Return the operations a second of a large matrix product in the model's precision."""


hookspec = pluggy.HookspecMarker("serbench")
hookimpl = pluggy.HookimplMarker("serbench")


@dataclass(frozen=True)
class Entry:
    """A dataset, a feature or a model of a plugin, by name: the entry imports nothing.

    Attributes:
        name: lower case, digits, hyphens: "crema-d".
        target: "serbench_corpora.crema_d:CremaD", imported when it is first used.
        summary: one line for a listing.
        requires: modules it needs, looked for before anything runs.
        install: the name to `pip install` if one of them is missing.
        default_for: the uses for which it is taken where the user names nothing: "estimators" (by
            import path) of a feature, "bench" of a model or a dataset.
    """

    name: str
    target: str
    summary: str
    requires: tuple[str, ...] = ()
    install: str = ""
    default_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A model, and the features that it learns from.

    Attributes:
        features: the name of the feature.
        feature_params: its parameters that belong to the feature: ("n_mels",).
        defaults: parameters by corpus: {"iemocap": {"epochs": 3}}. Those of "*" hold for every
            corpus, so that a preset of another model is an entry without code; a corpus's own
            override them, and the user's override both.
        gpus: how many GPUs a fold wants. With one, folds run one at a time unless the user asks
            for more.
        threads: of a fold unless the user sets them; part of a run's identity.
        memory: gigabytes of a fold; only as many folds run at a time as fit into memory.
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
    """Return the datasets of this plugin; each target meets `serbench.contracts.Dataset`."""


@hookspec
def serbench_features() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Return the features of this plugin; each target meets `serbench.contracts.Extractor`."""


@hookspec
def serbench_models() -> Iterable[ModelEntry]:  # type: ignore[empty-body]
    """Return the models of this plugin; each target meets `serbench.contracts.Model`."""
