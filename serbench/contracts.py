"""The contracts of plugins: what datasets, features, models, perturbations and engines must have.

Plugins need no base class: any class with these members will do.
"""

from __future__ import annotations  # arrays in annotations need no numpy at start

import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import pluggy

from serbench.corpus import Corpus, LabelSet, Protocol
from serbench.processes import Message, Outcome, Receive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Wave = npt.NDArray[np.float32]
    """One mono utterance at 16 kHz, shape (samples,), in [-1, 1]."""

    Array = npt.NDArray[Any]
else:

    def __getattr__(name):
        """Import numpy for the types of arrays at their first use, since listings need none."""
        if name not in ("Wave", "Array"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import numpy as np
        import numpy.typing as npt

        return {"Wave": npt.NDArray[np.float32], "Array": npt.NDArray[Any]}[name]


Link = Literal["identity", "softmax", "sigmoid"]
"""The function from activations to probabilities; sigmoids are then normalised to sum to 1."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
PLACE = re.compile(r"\{(\w+)\}")  # of a parameter's value in a title


@dataclass(frozen=True)
class About:
    """A corpus's description for users who do not have it.

    For users' own corpora, "" is what nobody said; messages leave it out.

    Attributes:
        title: the corpus's full name.
        licence: its licence, by name.
        size: its size in words: "208 MB zip, 590 MB unpacked".
        home: the address of its home page.
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
        about: the corpus's origin and licence.
        label_sets: each maps the corpus's own labels to those of the set; the first is the default.
        protocols: the corpus's own protocols, in listing order; the first is the default.
            The core has protocols for any corpus (`loso`, `kfold:n=5`, ...); a dataset without its
            own names one of them in the attribute `default_protocol`, which may raise a
            SerbenchError that says why no protocol fits.

    Optional attributes:

    - `speakers = "single"`: each utterance really has its own speaker; otherwise, a corpus with one
      speaker per utterance is refused.
    - `unknown_speakers = True`: utterances may have the speaker "". They are in every training set,
      never in validation or test, and counted in the certificate.
    - `speaker_space = "ryerson"`: speakers of two corpora are different people, unless both
      datasets have the same value.
    - `shares_labels = True`: submissions may have the labels, though there is no manifest.
    - `page_digest`: the digest of a description that the corpus is read by; it pins a run as the
      corpus's digest does.
    - `checksums()`: the published checksum of each utterance's file, by id: "sha256:0a1b...". Then
      `serbench corpus check` compares the files.
    """

    about: About
    label_sets: Mapping[str, LabelSet]
    protocols: Sequence[Protocol]

    def manifest(self) -> Corpus | None:
        """Return the corpus without its audio; None if its licence forbids shipping that."""

    def read(self, root: Path) -> Corpus:
        """Return the corpus in `root` with its own labels: deterministic, without opening audio.

        Where reading can go on after an error, call `serbench.refuse(error)` instead of raising:
        then `serbench corpus check` finds all problems. The path of a missing file is None.

        Raises:
            CorpusError: the corpus is missing, incomplete or mixed with other files.
        """


@typing.runtime_checkable
class GeneratedDataset(typing.Protocol):
    """Optional for a dataset whose corpus is generated.

    Attributes:
        version: changes whenever the generated files change.
    """

    version: str

    def make(self, root: Path) -> None:
        """Write the corpus into the empty folder `root`; the caller moves it into place."""


@typing.runtime_checkable
class DownloadableDataset(typing.Protocol):
    """Optional for a dataset with a public download, or to explain why there is none."""

    def download(self, root: Path) -> None:
        """Write the corpus into `root`; continue where an earlier call stopped."""


@typing.runtime_checkable
class PathDataset(typing.Protocol):
    """Optional for a dataset that is named by a path: `csv:my.csv,label=emotion`.

    The path ends at the first comma before one of the dataset's parameters and "=". With
    `--data PATH`, a name replaces it. Results name the corpus by the last part of the path without
    its ending: `csv:my,label=emotion` is the same run on every machine and reveals no path.
    Names are also looked up in SERBENCH_DATA: `csv:my` is `SERBENCH_DATA/csv/my.csv`.

    Label sets, protocols and `default_protocol` may depend on the files at the path.

    Attributes:
        endings: lower-case file endings with their dots; empty if the dataset reads a folder.
    """

    endings: Sequence[str]

    def at(self, place: Path) -> Dataset:
        """Return the dataset at this path, which need not exist; open no file.

        Only `about` is used before this call.
        """


@typing.runtime_checkable
class PageDataset(PathDataset, typing.Protocol):
    """Optional for a dataset with a path to a page that describes audio in another folder.

    `toml:my.toml` reads the audio in `SERBENCH_DATA/my` if that folder exists, else beside the
    page; `--data DIR` names another folder.

    Attributes:
        page_digest: see `Dataset`.
    """

    page_digest: str


@typing.runtime_checkable
class NamingDataset(typing.Protocol):
    """Optional for a dataset whose names of files say who speaks, and which emotion.

    `serbench protocol check` then checks a published split without the corpus.
    """

    def of_names(self, names: Sequence[str]) -> Corpus:
        """Return an utterance for each file name, a path or its end; open no file.

        Ids are the names. Names of no file of the corpus are left out.

        Raises:
            CorpusError: names do not say everything, or none fits.
        """


@dataclass(frozen=True)
class Lengths:
    """The lengths of a corpus's utterances.

    Attributes:
        percent: percentages of the utterances, rising from 0 to 100.
        seconds: the recorded length that each of these percentages does not exceed.
        rate: the sampling rate of the files, in Hz.
        trimmed: the share of an utterance that remains without silence; 1 if unknown.
    """

    percent: tuple[float, ...]
    seconds: tuple[float, ...]
    rate: int
    trimmed: float = 1.0


@dataclass(frozen=True, eq=False)
class Recording:
    """A file as it is stored, before it is mixed down, resampled, perturbed and trimmed.

    Attributes:
        samples: (frames, channels), int16 if the file holds 16 bits, else float64 in [-1, 1].
        rate: the sampling rate in Hz.
    """

    samples: Array
    rate: int


class Extractor(typing.Protocol):
    """Turn waves into features. Instantiated by `target(**feature parameters)`; must not learn.

    Planning also instantiates the class, to validate its parameters: load weights and large tables
    in the first call.

    A later version lists its changes in the attribute `notes`:
    `notes = {"2": "layers are stored in half precision"}`.

    Features of control models need not come from the wave. The class attribute `reads` says what
    the extractor is given instead:

    - `reads = "recording"`: each file as it is stored, a `Recording`.
    - `reads = "sentence"`: what is said, the `sentence` of an `Utterance`, as text. These arrays
      are computed when they are needed, and not stored.

    For `--normalise`, the class attribute `time_axis` names the axis of frames, which share their
    statistics: 1 for (bands, frames). None, or no such attribute, means that arrays have no frames,
    and that all have one shape.

    Attributes:
        version: changes whenever the features change.
    """

    version: str

    def __call__(self, waves: Sequence[Wave]) -> list[Array]:
        """Return a finite float32 (or float16) array for each mono 16 kHz wave.

        An array must depend on its own wave only. Several threads may call this at once.
        """


class Perturbation(typing.Protocol):
    """Change a wave as a test condition does, such as noise or a telephone line.

    Instantiated by `target(**parameters)`; `noise:snr=10` gives `snr=10`. Parameters are as those
    of a model. Test audio is perturbed (`--perturb`), and copies of training utterances are
    (`--augment`). Planning also instantiates the class, to validate its
    parameters: load large tables in the first call.

    Attributes:
        version: changes whenever the perturbed waves change.
    """

    version: str

    def __call__(self, wave: Wave, random: np.random.Generator) -> Wave:
        """Return a finite float32 wave at 16 kHz; its length may differ, but it is not empty.

        Args:
            wave: mono, 16 kHz, before silence is trimmed: shape (samples,). Leave it unchanged.
            random: the only source of randomness, seeded by the perturbation and the utterance, so
                that each utterance is perturbed in the same way in every run and process.
        """


@dataclass(frozen=True)
class Examples:
    """The utterances that a model learns from.

    Attributes:
        inputs: one feature array per utterance; read from the disk when indexed. With `--augment`,
            perturbed copies of all utterances follow, with their truth and speakers; validation
            has none.
        truth: (utterances,) int64, positions in the labels.
        speakers: one per utterance.
    """

    inputs: Sequence[Array]
    truth: npt.NDArray[np.int64]
    speakers: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Examples utterances={len(self.inputs)} speakers={len(set(self.speakers))}>"


@dataclass(frozen=True)
class Predictions:
    """A model's predictions.

    Attributes:
        activations: (utterances, labels), from the output layer.
        link: turns activations into probabilities.
    """

    activations: Array
    link: Link = "identity"

    def __repr__(self) -> str:
        import numpy as np

        return f"<Predictions activations={np.shape(self.activations)} link={self.link}>"


class Workspace(typing.Protocol):
    """The resources of a model in one fold."""

    @property
    def device(self) -> str:
        """The device to compute on: "cpu" or "cuda"."""

    @property
    def threads(self) -> int:
        """The exact number of threads to compute with: floating-point sums depend on it."""

    @property
    def precision(self) -> str:
        """The number format of training: "float32", or "bfloat16" if the model offers it."""

    @property
    def folder(self) -> Path:
        """A folder for this fold alone, kept after a crash and removed when the fold is done."""

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """Report progress and a point of the learning curve: `report(3, 16, train_loss=1.2)`."""

    def report_step(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """Report progress within an epoch: `report_step(3, 16, 20, 80)`; for long epochs.

        Call it as often as is convenient: reports in quick succession are not sent.
        Nothing is stored.

        Args:
            epoch: the epoch that runs, counted from 1.
            epochs: the most epochs.
            step: the number of its steps that are done; 0 before the first.
            steps: the number of its steps.
        """


class Model(typing.Protocol):
    """Learn one fold. Instantiated by `target(labels=..., seed=..., **parameters)`.

    Planning also instantiates the class, to validate its parameters: load weights in `fit`.

    Parameters are the constructor's keyword arguments with defaults and annotations (bool, int,
    float, str, or one of these | None); `--param lr=1e-5` is checked against them.

    A model that can train in bfloat16 has the class attribute
    `precisions = ("float32", "bfloat16")`. Later versions list their changes in `notes`, as those
    of extractors do.

    Attributes:
        version: changes whenever the predictions change.
    """

    version: str

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Learn from `train`; `validation` is for choosing (epoch, layer, strength) only."""

    def predict(self, inputs: Sequence[Array]) -> Predictions:
        """Score utterances; an utterance's scores must not depend on other utterances."""


@typing.runtime_checkable
class ResolvesParams(typing.Protocol):
    """Optional for the class of a model or an extractor whose parameters may name a moving target.

    A branch, a folder or a recipe may change; the run's identity must not.
    """

    @classmethod
    def resolved(cls, params: Mapping[str, object]) -> Mapping[str, object]:
        """Return the same parameters with exact values: a branch -> its commit.

        Planning calls this before it instantiates anything, first for the extractor; the model
        receives the extractor's values of shared parameters. Only this method may download.
        Return exact values unchanged.
        """


@typing.runtime_checkable
class HasAddedParams(typing.Protocol):
    """Optional for the class of a model or an extractor that gained parameters after its release.

    Published runs keep their identity: it leaves out a parameter that has the value in `added`.

    Attributes:
        added: the new parameters, each with the value that keeps the earlier behaviour:
            `added: ClassVar = {"batching": "packed"}`.
    """

    added: Mapping[str, object]


@typing.runtime_checkable
class DescribedModel(typing.Protocol):
    """Optional for a model: describe the fitted model."""

    def describe(self) -> Mapping[str, object]:
        """Return facts as plain JSON values: {"parameters": 57003848, "best_epoch": 9}."""


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
    """Optional for a keepable model: choose its device."""

    def to(self, device: str) -> None:
        """Compute on "cpu" or "cuda" from now on."""


@typing.runtime_checkable
class ExportableModel(typing.Protocol):
    """Optional for a keepable model: export it for other software."""

    def export(self, folder: Path) -> None:
        """Write the files of that software, such as a checkpoint that transformers loads."""


@typing.runtime_checkable
class LargeFeature(typing.Protocol):
    """Optional for an extractor whose arrays are large.

    Before they are extracted, their room is shown; a disk without it is refused.
    """

    def stored_bytes(self, seconds: float) -> int:
        """Return the size of the array of a wave of so many seconds, at most."""


class BenchHooks(typing.Protocol):
    """Optional for `serbench bench`; every method is optional by itself.

    Datasets may have `lengths` and `stand_in`; models and extractors the class method `rehearsed`;
    models `flops` and `peak`.
    """

    def lengths(self) -> Lengths:
        """Return the lengths of the corpus's utterances, so that no audio is needed."""

    def stand_in(self) -> Corpus:
        """Return the number of utterances of each speaker and label, with invented ids.

        For a dataset without a manifest.
        """

    @classmethod
    def rehearsed(cls, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """Return replacements of equal speed for the parameters that need a download.

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
            training: True counts training once on each input, False predicting each input.
        """

    def peak(self, device: str, threads: int) -> float:
        """Return the operations per second of a large matrix product in the model's precision."""


@dataclass(frozen=True)
class Needs:
    """What a task needs from the machine that runs it.

    Attributes:
        threads: the number of threads, and of cores.
        memory: gigabytes.
        gpus: GPUs, or a fraction of one.
        minutes: the longest time that the task may take; 0 if unknown.
    """

    threads: int = 1
    memory: float = 1.0
    gpus: float = 0
    minutes: float = 0


@dataclass(frozen=True)
class Task:
    """A piece of work for an engine: one fold, or a share of a corpus's features.

    Attributes:
        name: for people: "fold 1 of toy_functionals-svm_paper_seed0_1a2b3c4d".
        message: plain JSON values, which `serbench.run_task` runs.
        needs: what the machine must have.
        after: positions of earlier tasks that must succeed first.
    """

    name: str
    message: Message = field(repr=False)
    needs: Needs = Needs()
    after: tuple[int, ...] = ()


Extraction = Literal["driver", "task", "fold"]
"""Who extracts missing features; see `Engine`."""


class Engine(typing.Protocol):
    """Run tasks on one or more machines. Instantiated by `target(**options)`.

    Options are the constructor's keyword arguments with defaults and annotations, as a model's
    parameters are; they never change a result.

    Attributes:
        extraction: who extracts missing features: the "driver", which is the process that the user
            started, before any task; a "task" that must succeed before the folds, if all machines
            share the folders; or each "fold", into the cache of its machine, if the machines
            share no folder with the driver.
    """

    extraction: Extraction

    def run(self, tasks: Sequence[Task], receive: Receive) -> Iterator[Outcome]:
        """Run each task's message with `serbench.run_task`, and yield its outcome when it ends.

        Yield exactly one outcome per task, in any order. A failed task stops no other task, except
        those whose `after` names it: they fail too, with a reason. If this generator is closed or
        raises an error, all running tasks end.

        Args:
            tasks: all tasks; independent ones may run at the same time.
            receive: to be called with the position of a task and each message that it sends, before
                the task's outcome, in the thread that iterates over the outcomes. An engine may add
                messages that say where the task is: {"stage": "queued"}. If `receive` raises an
                error, the run ends with it.
        """


@typing.runtime_checkable
class DetachableEngine(typing.Protocol):
    """An engine whose tasks continue without the driver, as in a cluster's queue.

    It needs no `run`: the driver calls `submit` and `follow`, and `cancel` if it is stopped.
    `follow`, `cancel` and `states` must also work in another process on another day, with an engine
    of the same options and the files that `submit` wrote.
    """

    def submit(self, tasks: Sequence[Task], folder: Path) -> None:
        """Queue all tasks, and write what `follow` needs into the folder, on a shared disk.

        Raises:
            SerbenchError: the queue refuses a task. No task stays queued.
        """

    def follow(self, folder: Path, receive: Receive) -> Iterator[Outcome]:
        """Yield the outcomes of submitted tasks, as `Engine.run` does; closing cancels none."""

    def cancel(self, folder: Path) -> None:
        """Remove all tasks from the queue and end running ones, even after a failed `submit`."""

    def states(self, folder: Path) -> Mapping[int, str]:
        """Return where tasks without an outcome are, by position: "queued", "on node7"."""


hookspec = pluggy.HookspecMarker("serbench")
hookimpl = pluggy.HookimplMarker("serbench")


@dataclass(frozen=True)
class Entry:
    """A plugin's dataset, feature, model, perturbation or engine, by name; imports nothing.

    Attributes:
        name: lower case, digits, hyphens: "crema-d".
        target: "serbench_corpora.crema_d:CremaD", imported at first use.
        summary: one line for a listing.
        requires: modules that must be installed; checked before anything runs.
        install: the name to `pip install` if one of them is missing.
        default_for: the uses for which this entry is a default: "estimators" (by import path) for a
            feature, "bench" for a model or a dataset.
    """

    name: str
    target: str
    summary: str
    requires: tuple[str, ...] = ()
    install: str = ""
    default_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """A corpus, with what `serbench datasets` lists; a plain `Entry` is listed without it.

    Attributes:
        language: "German"; several are separated by commas.
        speakers: how many there are, 0 if unknown.
        utterances: how many there are, 0 if unknown.
        labels: how many there are in the default label set, 0 if unknown.
        licence: in a few words: "CC BY 4.0".
        generated: whether the corpus is generated at its first use; see `GeneratedDataset`.
    """

    language: str = ""
    speakers: int = 0
    utterances: int = 0
    labels: int = 0
    licence: str = ""
    generated: bool = False


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A model, and the features that it learns from.

    Attributes:
        features: the name of the feature.
        feature_params: the model's parameters that belong to the feature: ("n_mels",).
        defaults: parameters by corpus: {"iemocap": {"epochs": 3}}. "*" applies to every corpus, so
            that a preset of another model needs no code; a corpus's own values override it, and
            the user's override both.
        title: the model's name in tables for people: "{checkpoint}, fine-tuned"; `{checkpoint}` is
            replaced by the words for that parameter's value.
        value_titles: the words for values: {"openai/whisper-tiny.en@87c7102": "Whisper tiny.en"}.
            They apply only if the parameter `revision` is what follows the "@".
        gpus: GPUs that a fold uses, or a fraction of one: each GPU trains one fold at a time, or
            as many as the fraction allows, unless the user sets `jobs`.
        threads: threads of a fold unless the user sets them; part of a run's identity.
        memory: gigabytes that a fold needs: limits how many folds run at a time.
        minutes: the longest time that a cluster must grant a fold; 0 leaves it to the cluster.
        augment: perturbations, each of which adds a copy of every training utterance unless the
            user names others: ("noise:snr=15",).
    """

    features: str = "waveform"
    feature_params: tuple[str, ...] = ()
    defaults: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    title: str = ""
    value_titles: Mapping[str, str] = field(default_factory=dict)
    gpus: float = 0
    threads: int = 1
    memory: float = 1.0
    minutes: float = 0
    augment: tuple[str, ...] = ()

    def defaults_on(self, dataset: str) -> dict[str, object]:
        """Return the parameters that the entry sets for a dataset, "toy:seed=3"."""
        corpus = dataset.partition(":")[0]
        return {**self.defaults.get("*", {}), **self.defaults.get(corpus, {})}

    def title_with(self, params: Mapping[str, object]) -> str:
        """Return the title of the model with these parameters.

        Return "" if the title names a parameter whose value has no words in `value_titles`: a
        run's parameters must not write its title.

        >>> words = {"openai/whisper-tiny.en@87c7102": "Whisper tiny.en"}
        >>> entry = ModelEntry("probe", "a:B", "", title="{model}, frozen", value_titles=words)
        >>> entry.title_with({"model": "openai/whisper-tiny.en", "revision": "87c7102"})
        'Whisper tiny.en, frozen'
        >>> entry.title_with({"model": "openai/whisper-tiny.en", "revision": "main"})
        ''
        """
        words, revision = {}, params.get("revision")
        for name in PLACE.findall(self.title):
            value = str(params.get(name))
            words[name] = self.value_titles.get(f"{value}@{revision}", self.value_titles.get(value))
            if words[name] is None:
                return ""
        return PLACE.sub(lambda place: str(words[place[1]]), self.title)


@hookspec
def serbench_datasets() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Return the datasets of this plugin; each target implements `serbench.contracts.Dataset`."""


@hookspec
def serbench_features() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Return the features of this plugin; each target implements `serbench.contracts.Extractor`."""


@hookspec
def serbench_models() -> Iterable[ModelEntry]:  # type: ignore[empty-body]
    """Return the models of this plugin; each target implements `serbench.contracts.Model`."""


@hookspec
def serbench_perturbations() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Return the perturbations of this plugin.

    Each target implements `serbench.contracts.Perturbation`.
    """


@hookspec
def serbench_engines() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Return the engines of this plugin; each target implements `serbench.contracts.Engine`."""
