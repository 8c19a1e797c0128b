"""Plan the extra test sets of a run: other corpora and perturbed audio.

Nothing of an extra test set is used to train or to select a model: the fold's model predicts it
after the fold's own test set, and its labels stay outside the model's process.
"""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serbench import datasets, tables
from serbench.corpus import Corpus, relabelled
from serbench.errors import BadParameter, LeakageError, SerbenchError, cause
from serbench.evaluation.plan import Plan
from serbench.features import extraction
from serbench.features.audio import Reading
from serbench.plugins import registry
from serbench.protocols import vocabulary
from serbench.results.extra_set import ExtraSet
from serbench.settings import Settings, settings


@dataclass(frozen=True)
class Wanted:
    """The extra test sets that a user wants.

    Attributes:
        test_on: datasets, with their parameters.
        perturb: perturbations of the run's own test audio, with their parameters.
        label_map: from labels to those that they count as; "" leaves a label out.
    """

    test_on: Sequence[str] = ()
    perturb: Sequence[str] = ()
    label_map: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.label_map and not self.test_on:
            raise BadParameter("--map is for other corpora: name one with --test-on")


def left_out_corpus(
    dataset: Sequence[str] | None,
    train_on: Sequence[str],
    fold: Sequence[str] | None,
    labels: str | None,
    wanted: Wanted,
) -> tuple[list[str], list[str], str | None, Wanted]:
    """Return the dataset, fold, label set and extra test sets of a run that leaves a corpus out.

    It is the fold of one corpus of a joint dataset, whose default protocol is leave-one-corpus-out.

    Raises:
        BadParameter: `test_on` is not exactly one corpus, or an option contradicts `train_on`.
    """
    if dataset or fold:
        raise BadParameter("--train-on replaces --dataset and --fold: leave those out")
    if labels and wanted.label_map:
        raise BadParameter(
            "with --train-on, --map and --labels both change labels: leave --map out, and add its "
            "changes to --labels, as in --labels shared:calm=neutral"
        )
    if len(wanted.test_on) != 1:
        raise BadParameter(
            "with --train-on, name exactly one corpus with --test-on: it is left out of training. "
            "Run the command again for another one"
        )
    (tested,) = wanted.test_on
    spec = f"joint:{'+'.join([*train_on, tested])}"
    changes = ",".join(f"{name}={value}" for name, value in wanted.label_map.items())
    labels = f"shared:{changes}" if changes else labels
    name = datasets.find(tested, settings()).spec  # of the fold
    return [spec], [name], labels, Wanted(perturb=wanted.perturb)


@dataclass(frozen=True)
class PlannedSet:
    """An extra test set of a run before it is scored."""

    set: ExtraSet
    source: datasets.Source
    corpus: Corpus  # with the shared words as labels
    left_out: Mapping[str, int]  # utterances by label without a word
    reading: Mapping[str, object]  # how its audio is read; see `serbench.features.audio.Reading`
    label_map: Mapping[str, object] = field(default_factory=dict)  # as the user gave it
    kind: str = ""  # the name of the perturbation
    parameters: Mapping[str, object] = field(default_factory=dict)  # all of the perturbation

    @property
    def is_perturbed(self) -> bool:
        """Whether it is the fold's own test set, with perturbed audio."""
        return bool(self.set.perturbation)

    def plan(self, plan: Plan) -> Plan:
        """Return the plan of the run as if it learned from this set's audio, to extract it."""
        config = dataclasses.replace(plan.config, reading=self.reading)
        return dataclasses.replace(plan, config=config, source=self.source, corpus=self.corpus)

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Turn an error in reading this set's audio into a line that says what to do.

        Raises:
            SerbenchError: the error.
        """
        try:
            yield
        except SerbenchError as error:
            more = f"; `serbench plugin check {self.kind}` shows more" if self.kind else ""
            raise SerbenchError(
                f"the extra test set {self.set.title} cannot be read: {cause(str(error))}{more}; "
                "nothing was trained: fix the cause, or leave this set out"
            ) from error

    def ids(self, plan: Plan, position: int) -> tuple[str, ...]:
        """Return the ids of the utterances that the model of a fold predicts."""
        if self.is_perturbed:
            return plan.folds[position].test
        return tuple(utterance.id for utterance in self.corpus.utterances)

    def job(self, audio: str) -> dict[str, Any]:
        """Return this set for the job of a fold as plain values.

        Args:
            audio: digest of the audio of the set's utterances.
        """
        return {
            "set": dataclasses.asdict(self.set),
            "root": str(self.source.root),
            "page": str(self.source.page or ""),
            "reading": dict(self.reading),
            "facts": {
                "left_out": dict(self.left_out),
                "label_map": dict(sorted(self.label_map.items())),
                "kind": self.kind,
                "parameters": dict(self.parameters),
            },
            "pins": {"corpus": self.corpus.digest, "audio": audio},
        }


def plan_sets(plan: Plan, wanted: Wanted, places: Settings) -> tuple[PlannedSet, ...]:
    """Return the extra test sets of a run.

    Raises:
        BadParameter: a set is named twice, or is the run's own corpus.
        LeakageError: the corpora share speakers.
        SerbenchError: a name is unknown, a corpus is missing, or shares fewer than two labels.
    """
    sets = [_other(plan, spec, wanted.label_map, places) for spec in wanted.test_on]
    sets += [_perturbed(plan, spec) for spec in wanted.perturb]
    for title, times in Counter(each.set.title for each in sets).items():
        if times > 1:
            raise BadParameter(f"the extra test set {title} is given twice: give it once")
    return tuple(sets)


def _other(plan: Plan, spec: str, changes: Mapping[str, object], places: Settings) -> PlannedSet:
    source = datasets.find(spec, places)
    if source.spec == plan.config.dataset:
        raise BadParameter(
            f"the run itself is on {source.spec}: name another corpus with --test-on"
        )
    full = datasets.read(source)
    both = vocabulary.shared(plan.corpus.labels, full.labels, changes)
    if len(both.labels) < 2:
        raise SerbenchError(
            f"{plan.config.dataset} ({', '.join(plan.corpus.labels)}) and {spec} "
            f"({', '.join(full.labels)}) share fewer than two labels: map labels onto each other, "
            "as in --map calm=neutral"
        )
    _require_other_speakers(plan, source, full)
    of_set = {
        label: word for word in both.labels for label in both.second if both.second[label] == word
    }
    kept = relabelled(full, full.label_set, of_set)
    identity = ExtraSet(source.spec, full.label_set, both.first, of_set)
    left_out = Counter(each.label for each in full.utterances if each.label not in of_set)
    return PlannedSet(identity, source, kept, left_out, plan.config.reading, changes)


def _require_other_speakers(plan: Plan, source: datasets.Source, other: Corpus) -> None:
    """Refuse a corpus that shares speakers with the run's, if both declare one `speaker_space`."""
    ours, theirs = (
        {datasets.person(each, name) for name in corpus.speakers}
        for each, corpus in ((plan.source, plan.corpus), (source, other))
    )
    if shared := sorted((ours & theirs) - {""}):
        raise LeakageError(
            f"{source.spec} and {plan.source.spec} share "
            f"{tables.count(len(shared), 'speaker')}, such as {shared[0]}, who would be in "
            "training and in test: test on another corpus"
        )


def require_wave(plan: Plan) -> None:
    """Refuse a model that no perturbation concerns.

    Raises:
        BadParameter: its features are not those of the wave.
    """
    feature = plan.config.feature
    if extraction.reads(registry.load(registry.find("feature", feature))) != "wave":
        raise BadParameter(
            f"{plan.config.model} learns from the feature {feature}, which does not come from the "
            "wave, and only waves are perturbed: leave out --perturb"
        )


def _perturbed(plan: Plan, spec: str) -> PlannedSet:
    reading = dataclasses.replace(Reading.of(plan.config.reading), perturbation=spec)
    identity = reading.identity()
    same = {label: label for label in plan.corpus.labels}
    extra = ExtraSet(
        plan.config.dataset,
        plan.config.labels,
        same,
        same,
        str(identity["perturbation"]),
        str(identity["perturbation_version"]),
    )
    perturber = reading.perturber
    assert perturber is not None, "the reading has a perturbation"
    return PlannedSet(
        extra,
        plan.source,
        plan.corpus,
        {},
        identity,
        kind=perturber.name,
        parameters=perturber.parameters,
    )
