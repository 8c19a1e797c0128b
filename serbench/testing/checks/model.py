"""Check that a model can be created, gives scores, and scores each utterance on its own."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, cast

import numpy as np

from serbench.contracts import Array, DescribedModel, Examples, Model, ModelEntry, Wave
from serbench.evaluation.folds import model_io
from serbench.evaluation.folds.model_isolation import FoldWorkspace
from serbench.evaluation.plan import resolve
from serbench.features.audio import samples_digest
from serbench.features.store import Feature, Features, Store
from serbench.plugins import registry
from serbench.processes import Send
from serbench.results.config import Request
from serbench.settings import settings
from serbench.testing import random_state, signals
from serbench.testing.checks.features import FeatureSubject
from serbench.testing.checks.odd_inputs import odd_input_checks
from serbench.testing.checks.parameters import parameters_are_annotated
from serbench.testing.examination import Check, Subject, Violation
from serbench.testing.signals import LABELS, Utterances

CORPUS = "toy"
"""Models are checked with their entries' defaults for this corpus: its data are similar."""

COARSE = {"bfloat16": 3e-2, "float16": 5e-3}  # of the range of scores, by precision
FINE = 1e-3
FEW, MANY, HELD_OUT, TESTED = 4, 24, 6, 10  # utterances per label
EVEN = 0.5  # seconds of utterances that need no padding together


@dataclass(frozen=True)
class Fitted:
    """A model that was fitted and has predicted the test utterances."""

    model: Model
    reports: int  # the number of its reports
    touched: tuple[str, ...]  # names of the global random states that it changed


class ModelSubject(Subject):
    """A model, and every fit that the checks use, each done once."""

    kind: ClassVar[str] = "model"
    given: ClassVar[Sequence[str]] = ("labels", "seed")

    @cached_property
    def params_and_feature(self) -> tuple[dict[str, object], Feature]:
        """The model's resolved parameters, and the feature that it learns from."""
        request = Request(self.name, CORPUS, params=self.params)
        _, params, feature = resolve(cast(ModelEntry, self.entry), request)
        return params, feature

    def new(self, labels: Sequence[str] = LABELS) -> Model:
        """Return a model that is not fitted."""
        model: Model = self.target(labels=tuple(labels), seed=0, **self.params_and_feature[0])
        return model

    @cached_property
    def feature(self) -> FeatureSubject:
        """The feature that the model learns from."""
        feature = self.params_and_feature[1]
        target = registry.load(registry.find("feature", feature.name))
        return FeatureSubject(feature.name, registry.complete(target, feature.params), self.folder)

    @cached_property
    def _features(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    def inputs(self, waves: Sequence[Wave]) -> Features:
        """Return features as a model gets them in a run: from a store, each read when needed."""
        keys = [samples_digest(wave, signals.RATE) for wave in waves]
        store = Store(self._features)
        missing = {k: wave for k, wave in zip(keys, waves, strict=True) if k not in store}
        if missing:
            arrays = self.feature.extract([*missing.values()])
            store.write(dict(zip(missing, arrays, strict=True)))
            store = Store(self._features)
        return store.read(keys)

    def workspace(self, folder: Path | None = None, send: Send | None = None) -> FoldWorkspace:
        """Return a workspace in this folder; None is a new one."""
        folder = folder or Path(tempfile.mkdtemp(dir=self.folder))
        return FoldWorkspace(settings().device, self.threads, folder, send or self.send)

    def fit(
        self,
        train: Utterances,
        *,
        validation: Utterances | None = None,
        labels: Sequence[str] = LABELS,
        workspace: FoldWorkspace | None = None,
        draws: int = 1,
    ) -> Fitted:
        """Fit a new model and let it predict, and note changes of the global random states.

        Args:
            train: the training set.
            validation: the validation set; None is `held_out`.
            labels: the labels that the model gets, in this order.
            workspace: the workspace of the fit; None is a new one.
            draws: how many numbers to draw from the global random states before the fit.
        """
        training, validating = (
            Examples(self.inputs(part.waves), part.truth, part.speakers)
            for part in (train, validation or self.held_out)
        )
        testing = self.inputs(self.tested.waves)
        workspace = workspace or self.workspace()
        with random_state.watched(draws) as touched:
            model = self.new(labels)
            model.fit(training, validating, workspace)
            model.predict(testing)
        return Fitted(model, len(workspace.curve), tuple(touched))

    @cached_property
    def tested(self) -> Utterances:
        """Test utterances."""
        return signals.utterances(TESTED, "test")

    @cached_property
    def many(self) -> Utterances:
        """Training utterances, enough to learn from."""
        return signals.utterances(MANY, "train")

    @cached_property
    def few(self) -> Utterances:
        """The first of `many`, for checks that need no learning."""
        return self.many.at(range(FEW * len(LABELS)))

    @cached_property
    def held_out(self) -> Utterances:
        """Validation utterances."""
        return signals.utterances(HELD_OUT, "validation")

    @cached_property
    def small(self) -> Fitted:
        """A model fitted to `few`."""
        return self.fit(self.few)

    @cached_property
    def small_again(self) -> Fitted:
        """A model fitted to `few` again, after other draws from the global random states.

        The extra draws are odd in number: normal values use uniform ones in pairs and reject some
        pairs, so that after an even number the same values might follow.
        """
        return self.fit(self.few, draws=1 + 3)

    @cached_property
    def large(self) -> Fitted:
        """A model fitted to `many`."""
        return self.fit(self.many)

    def scores(self, model: Model, waves: Sequence[Wave]) -> Array:
        """Return a fitted model's scores, (utterances, labels), with the checks of a fold."""
        return model_io.predict(model, self.inputs(waves), len(LABELS)).activations

    @cached_property
    def even(self) -> list[Wave]:
        """Six utterances of one length."""
        return [signals.utterance(place % len(LABELS), EVEN, 5000 + place) for place in range(6)]

    @cached_property
    def tolerance(self) -> float:
        """How far scores may differ by rounding, as a share of their range."""
        model: object = self.small.model
        facts = model.describe() if isinstance(model, DescribedModel) else {}
        return COARSE.get(str(facts.get("precision", "")), FINE)

    @cached_property
    def range(self) -> float:
        """The difference between the highest and the lowest score of the test utterances."""
        return float(np.ptp(self.scores(self.small.model, self.tested.waves))) or 1.0

    def require_same(self, first: Array, other: Array, fault: str, remedy: str) -> None:
        """Raise a Violation if scores differ by more than rounding."""
        apart = float(np.abs(first - other).max()) / self.range
        if not apart <= self.tolerance:
            raise Violation(f"{fault} by up to {100 * apart:.3g} % of their range: {remedy}")


def is_made(subject: ModelSubject) -> str:
    """The model can be imported, takes labels, seed and its parameters, and has a version.

    Every model is created once before the first fold, so that impossible values are refused early.
    """
    _, feature = subject.params_and_feature
    model = subject.new()
    for method in ("fit", "predict"):
        if not callable(getattr(model, method, None)):
            raise Violation(f"it has no {method}: see serbench.contracts.Model")
    return f"version {registry.version(subject.entry, subject.target)}, learns from {feature.name}"


def fits(subject: ModelSubject) -> str:
    """The model learns from twelve utterances and predicts others.

    Most of the following checks use this fitted model.
    """
    model_io.description(subject.small.model)
    reports = subject.small.reports
    return f"reported {reports} times" if reports else "it never reports, so no progress is shown"


def scores(subject: ModelSubject) -> None:
    """Scores are finite, with a row per utterance, a column per label, and a link that fits them.

    Other scores would stop an evaluation after the training.
    """
    for waves in (subject.tested.waves, subject.tested.waves[:1]):
        subject.scores(subject.small.model, waves)


def repeats_itself(subject: ModelSubject) -> None:
    """Predicting the same utterances twice gives the same scores.

    Dropout that is still on, or a state that grows, makes results irreproducible.
    """
    model, waves = subject.small.model, subject.tested.waves
    first, again = subject.scores(model, waves), subject.scores(model, waves)
    remedy = "switch dropout off in predict, and keep nothing from one call to the next"
    subject.require_same(first, again, "predicting twice, scores differ", remedy)


def neighbours(subject: ModelSubject) -> None:
    """An utterance's scores do not depend on other utterances in the same call of predict.

    Otherwise a result would depend on the rest of the test set and on the batches.
    """
    for waves in (subject.even, subject.even[::-1]):
        remedy = "normalise each utterance on its own, or by what was learned in fit"
        _require_same_alone(
            subject, waves, "an utterance's scores alone and with others differ", remedy
        )


def place(subject: ModelSubject) -> None:
    """An utterance's scores do not depend on its position among the inputs.

    Rows must be in the order of the inputs.
    """
    model, waves = subject.small.model, subject.even
    forward = subject.scores(model, waves)
    backward = subject.scores(model, waves[::-1])[::-1]
    turned = np.roll(subject.scores(model, [*waves[1:], waves[0]]), 1, axis=0)
    remedy = "undo any sorting before predict returns, and keep no state between utterances"
    for other in (backward, turned):
        fault = "in another order, an utterance's scores differ"
        subject.require_same(forward, other, fault, remedy)


def padding(subject: ModelSubject) -> None:
    """Predicting a short and a long utterance together changes the scores of neither.

    Padding must be left out of averages, normalisation and attention.
    """
    short, long = signals.utterance(0, 0.3, 6000), signals.utterance(1, 3.0, 6001)
    remedy = "keep padding out of means, norms and attention (mask it), or predict one by one"
    for waves, kind, other in (([short, long], "short", "long"), ([long, short], "long", "short")):
        fault = f"a {kind} utterance's scores alone and with a {other} one differ"
        _require_same_alone(subject, waves, fault, remedy)


def _require_same_alone(
    subject: ModelSubject, waves: Sequence[Wave], fault: str, remedy: str
) -> None:
    """Refuse scores of the first wave that change when all waves are predicted together."""
    model = subject.small.model
    alone, together = subject.scores(model, waves[:1]), subject.scores(model, waves)
    subject.require_same(alone[0], together[0], fault, remedy)


def _require_scores(subject: ModelSubject, wave: Wave) -> None:
    """Refuse invalid scores of an utterance, predicted alone or with another."""
    for waves in ([wave], [wave, subject.even[0]]):
        subject.scores(subject.small.model, waves)


CHECKS = (
    Check(is_made),
    Check(parameters_are_annotated, (is_made,)),
    Check(fits, (is_made,)),
    Check(scores, (fits,)),
    Check(repeats_itself, (scores,)),
    Check(neighbours, (repeats_itself,)),
    Check(place, (repeats_itself,)),
    Check(padding, (neighbours,)),
    *odd_input_checks(_require_scores, scores),
)
