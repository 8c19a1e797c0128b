"""The scores of a run's models on extra test sets: other corpora, and perturbed audio.

Extra test sets are no part of the run's identity: each has a folder in the run's folder, with a
file for the model of each fold. A file holds the activations as a fold's file does, and how labels
map onto the words that the model and the set share, so that every score can be computed again.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from serbench.contracts import Array, Link
from serbench.errors import SerbenchError
from serbench.files import digest, replacing
from serbench.metrics import calibration, classification, intervals
from serbench.metrics.classification import METRICS, Floats, Labels, PerClass
from serbench.parameters import short_spec
from serbench.results import fold_file
from serbench.results.config import Config
from serbench.results.fold_file import FoldResult, Scored
from serbench.results.fold_schema import Amount
from serbench.results.json_schema import Count, Digest, Name, Names, Open, Text, fit, require_schema
from serbench.results.run import Run

SCHEMA = 1
FOLDER = "extra"
Named = Annotated[str, Text(200)]
Words = Annotated[Mapping[str, Annotated[str, Text(100)]], Names(256)]


@dataclass(frozen=True)
class ExtraSet(Open):
    """The identity of an extra test set of a run.

    Attributes:
        dataset: the corpus; for perturbed audio, the run's own.
        labels: the label set of the corpus.
        perturbation: the perturbation with its parameters; "" leaves the audio as it is.
        version: the perturbation's version.
        model_labels: the shared word of each of the model's labels that has one.
        set_labels: the shared word of each of the corpus's labels that has one; others are left
            out.
    """

    dataset: Named
    labels: Named
    model_labels: Words
    set_labels: Words
    perturbation: Named = ""
    version: Named = ""

    @property
    def title(self) -> str:
        """The name for people: the perturbation, or else the corpus."""
        return short_spec(self.perturbation) or self.dataset

    @property
    def folder(self) -> str:
        """The name of its folder: "crema-d_1a2b3c4d"."""
        name = re.sub(r"[^A-Za-z0-9._-]", "-", self.perturbation or self.dataset)[:80]
        return f"{name}_{digest(dataclasses.asdict(self))[:8]}"

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The shared words, in the order of the model's labels."""
        return tuple(dict.fromkeys(self.model_labels.values()))

    def predicted(self, activations: Array, link: str, labels: Sequence[str]) -> Labels:
        """Return the shared word that a model predicts: positions in `words`, (utterances,).

        Probabilities of labels with the same word are added; labels without a word are left out.

        Args:
            activations: (utterances, labels).
            link: turns activations into probabilities.
            labels: the model's labels.
        """
        columns = [at for at, label in enumerate(labels) if label in self.model_labels]
        words = [self.words.index(self.model_labels[labels[at]]) for at in columns]
        if len(set(words)) == len(words):  # no sum, so that saturated probabilities tie less
            return np.asarray(words)[classification.predicted(activations[:, columns])]
        sums = np.zeros((len(activations), len(self.words)))
        probabilities = calibration.probabilities(activations, link)
        for column, word in zip(columns, words, strict=True):
            sums[:, word] += probabilities[:, column]
        return classification.predicted(sums)


@dataclass(frozen=True)
class ExtraFacts(Open):
    """Everything in the file of an extra test set besides arrays.

    `own` tells which model predicted: it is the digest of the same model's activations for the
    fold's own test set. `kept` is true if a kept model predicted, not that of the fold while it
    was trained.
    """

    config: Config
    fold: Annotated[Mapping[str, Any], Names(10)]  # index and name
    set: ExtraSet
    pins: Annotated[Mapping[str, Digest], Names(10)]  # corpus, audio
    own: Digest
    labels: tuple[Annotated[str, Text(100, ".+")], ...]  # the columns of the activations
    link: Link
    left_out: Annotated[Mapping[str, Count], Names(256)]  # utterances by label without a word
    seconds: Amount
    label_map: Annotated[Mapping[str, str], Names(256)] = field(default_factory=dict)  # as asked
    kind: Name = ""  # the name of the perturbation
    parameters: Annotated[Mapping[str, object], Names(100)] = field(default_factory=dict)
    kept: bool = False
    device: Name = ""
    versions: Annotated[Mapping[str, Name], Names(100)] = field(default_factory=dict)
    sources: Annotated[Mapping[str, Name], Names(100)] = field(default_factory=dict)
    machine: Annotated[Mapping[str, Annotated[str, Text(300)]], Names(10)] = field(
        default_factory=dict
    )
    finished: Name = ""


@dataclass(frozen=True)
class ExtraFold:
    """The predictions of one fold's model for an extra test set; truth is a position in `words`."""

    stored: Mapping[str, Any]
    test: Scored

    @cached_property
    def facts(self) -> ExtraFacts:
        """Everything that is not an array."""
        facts: ExtraFacts = fit(self.stored, ExtraFacts, "the record", bounded=False)
        return facts

    @cached_property
    def predictions(self) -> Labels:
        """The predicted words: positions in `ExtraSet.words`, (utterances,)."""
        facts = self.facts
        return facts.set.predicted(self.test.activations, facts.link, facts.labels)


def path(run: Path, extra: ExtraSet, position: int) -> Path:
    """Return the file of an extra test set for the fold at a position of the protocol."""
    return run / FOLDER / extra.folder / f"{fold_file.stem(position)}.safetensors"


def own_digest(test: Scored) -> str:
    """Return the digest of a model's activations for the fold's own test set."""
    return hashlib.sha256(test.activations.tobytes()).hexdigest()


def write(file: Path, extra: ExtraFold) -> None:
    """Write the predictions of one fold's model atomically."""
    text = json.dumps({"schema": SCHEMA, **extra.stored}, ensure_ascii=False)
    with replacing(file) as temporary:
        arrays = fold_file.arrays("test", extra.test)
        temporary.write_bytes(safetensors.numpy.save(arrays, metadata={"serbench": text}))


def read(file: Path) -> ExtraFold:
    """Read the predictions of one fold's model.

    Raises:
        SerbenchError: the file is damaged, or has a newer schema.
    """
    stored, arrays = fold_file.contents(file)
    require_schema(stored, SCHEMA, str(file))
    try:
        extra = ExtraFold(stored, fold_file.scored("test", arrays))
        damage = fold_file.damage(extra.test, len(extra.facts.labels))
        if not damage and extra.test.truth.max(initial=0) >= len(extra.facts.set.words):
            damage = "it has a true label that is not in its list"
    except SerbenchError as error:
        damage = str(error)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        damage = f"{type(error).__name__}: {error}"
    if damage:
        raise SerbenchError(
            f"{file} is damaged, {damage}: remove it, and run the same command again"
        )
    return extra


def of_fold(run: Path, extra: str, fold: FoldResult) -> ExtraFold | None:
    """Read the predictions of a fold's model; None if it is not tested, or was trained again since.

    Args:
        run: the folder of the run.
        extra: the name of the folder of the extra test set.
        fold: the result of the fold.

    Raises:
        SerbenchError: as `read`, or the file belongs to another run or extra test set.
    """
    file = run / FOLDER / extra / f"{fold_file.stem(fold.facts.fold.index)}.safetensors"
    if not file.exists():
        return None
    tested = read(file)
    facts, own = tested.facts, fold.facts
    if (facts.config, facts.labels, facts.set.folder) != (own.config, own.labels, extra):
        raise SerbenchError(
            f"{file} belongs to another run or extra test set: remove it, and run the same command "
            "again"
        )
    return tested if facts.own == own_digest(fold.test) else None


@dataclass(frozen=True)
class ExtraTest:
    """A run on one extra test set.

    Attributes:
        run: the run.
        set: the extra test set.
        folds: the predictions of the models of the run's folds, in their order.
        own: the results of these folds on the run's own test sets.
    """

    run: Run
    set: ExtraSet
    folds: tuple[ExtraFold, ...]
    own: tuple[FoldResult, ...]

    @property
    def title(self) -> str:
        """The name for people, with the labels that count as others: "crema-d (calm=neutral)"."""
        changes = self.folds[0].facts.label_map.items()
        pairs = ", ".join(f"{label}={other}" for label, other in changes)
        return f"{self.set.title} ({pairs})" if pairs else self.set.title

    @property
    def missing(self) -> int:
        """How many of the run's models have not been tested on it."""
        return len(self.run.folds) - len(self.folds)

    @cached_property
    def by_speaker(self) -> npt.NDArray[np.int64]:
        """One confusion matrix per speaker and model, (speakers, models, words, words).

        Utterances without a speaker are left out.
        """
        names = sorted({name for fold in self.folds for name in fold.test.speakers if name})
        n_words = len(self.set.words)
        counted = np.zeros((len(names), len(self.folds), n_words, n_words), np.int64)
        at = {name: position for position, name in enumerate(names)}
        for model, fold in enumerate(self.folds):
            groups = classification.by_group(
                fold.test.truth, fold.predictions, fold.test.speakers, n_words
            )
            for name, matrix in groups.items():
                if name:
                    counted[at[name], model] = matrix
        return counted

    @cached_property
    def confusions(self) -> npt.NDArray[np.int64]:
        """One confusion matrix per model, (models, words, words)."""
        return self._confusions((fold.test.truth, fold.predictions) for fold in self.folds)

    def _confusions(self, pairs: Iterator[tuple[Labels, Labels]]) -> npt.NDArray[np.int64]:
        words = len(self.set.words)
        return np.stack([classification.confusion(*pair, words) for pair in pairs])

    def score(self, metric: str) -> float:
        """Return a metric, the mean over the models."""
        return float(np.mean(METRICS[metric].compute(self.confusions)))

    def interval(self, metric: str) -> intervals.Interval:
        """Return the 95 % interval of the mean over the models, by bootstrap over speakers.

        A speaker who is drawn is drawn for all models together; the models stay fixed.
        """
        compute = METRICS[metric].compute

        def mean(counts: PerClass) -> Floats:
            scores: Floats = np.nanmean(compute(counts), axis=-1)
            return scores

        low, high = intervals.bootstrap(self.by_speaker, mean)
        return intervals.Interval(float(low), float(high))

    def same_labels(self, metric: str) -> float:
        """Return a metric of the run's own test sets with the shared words only, mean over folds.

        Utterances whose label has no word are left out, and the model chooses among the words.
        """
        return float(np.nanmean(METRICS[metric].compute(self.own_confusions)))

    @cached_property
    def own_confusions(self) -> npt.NDArray[np.int64]:
        """One confusion matrix per fold of the run's own tests, (folds, words, words)."""
        return self._confusions(self._own_pair(fold) for fold in self.own)

    def _own_pair(self, fold: FoldResult) -> tuple[Labels, Labels]:
        """Return truth and prediction of the run's own test set, positions in the words."""
        labels, words = fold.facts.labels, self.set.words
        word = [words.index(w) if (w := self.set.model_labels.get(la)) else -1 for la in labels]
        truth = np.asarray(word)[fold.test.truth]
        predicted = self.set.predicted(fold.test.activations, fold.facts.link, labels)
        return truth[truth >= 0], predicted[truth >= 0]

    def pooled(self, metric: str) -> float:
        """Return a metric of the utterances of all models together."""
        return float(METRICS[metric].compute(self.confusions.sum(axis=0)))

    def own_pooled(self, metric: str) -> float:
        """Return a metric of the run's own test sets pooled, with the shared words only."""
        return float(METRICS[metric].compute(self.own_confusions.sum(axis=0)))

    def chance(self, metric: str) -> float:
        """Return what a metric is for guesses in the proportions of the true labels."""
        guesses = classification.chance(self.confusions[0].sum(axis=-1)).stratified
        return float(METRICS[metric].compute(guesses))

    def drop(self, metric: str) -> tuple[float, intervals.Interval]:
        """Return how much a pooled metric falls on perturbed audio, with its paired 95 % interval.

        Both scores are those of the same models on the same utterances; see
        `intervals.paired_interval`.
        """
        clean, perturbed = (self._pooled_by_speaker(is_own) for is_own in (True, False))
        compute = METRICS[metric].compute
        fall = compute(clean.sum(axis=0)) - compute(perturbed.sum(axis=0))
        return float(fall), intervals.paired_interval(clean, perturbed, compute)

    def _pooled_by_speaker(self, is_own: bool) -> npt.NDArray[np.int64]:
        pairs = [
            self._own_pair(own) if is_own else (fold.test.truth, fold.predictions)
            for own, fold in zip(self.own, self.folds, strict=True)
        ]
        return intervals.speaker_confusions(
            np.concatenate([truth for truth, _ in pairs]),
            np.concatenate([predictions for _, predictions in pairs]),
            [name for fold in self.folds for name in fold.test.speakers],
            len(self.set.words),
        )

    @property
    def changed(self) -> float:
        """The share of utterances whose predicted label the perturbation changes."""
        changed = [
            self._own_pair(own)[1] != fold.predictions
            for own, fold in zip(self.own, self.folds, strict=True)
        ]
        return float(np.mean(np.concatenate(changed)))


def find(run: Run) -> list[ExtraTest]:
    """Return a run's extra test sets, corpora first, each with the models tested so far.

    Raises:
        SerbenchError: a file is damaged, or belongs to another run.
    """
    tests = []
    for folder in sorted((run.folder / FOLDER).glob("*/")):
        folds, own = [], []
        for fold in run.folds:
            extra = of_fold(run.folder, folder.name, fold)
            if extra is not None:
                folds.append(extra)
                own.append(fold)
        if folds:
            tests.append(ExtraTest(run, folds[0].facts.set, tuple(folds), tuple(own)))
    return sorted(tests, key=lambda test: (test.set.perturbation, test.set.dataset))
