"""A model under examination: it is fitted to synthetic utterances as the harness would fit it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from serbench.contracts import Array, Describes, Examples, Model, ModelEntry, Wave
from serbench.evaluation import model_output
from serbench.evaluation.model_process import FoldWorkspace
from serbench.evaluation.plan import made_of
from serbench.features.audio import samples_digest
from serbench.features.store import Feature, Features, Store, check_arrays
from serbench.parallel import Tell
from serbench.plugins import registry
from serbench.results.config import Request
from serbench.settings import settings
from serbench.testing import random_state, signals
from serbench.testing.examination import Violation
from serbench.testing.signals import LABELS, Spoken

CORPUS = "toy"
"""Whose defaults in a model's entry hold here: it is as small and as synthetic."""

COARSE = {"bfloat16": 3e-2, "float16": 5e-3}  # of the range of scores, by precision
FINE = 1e-3
FEW, MANY, HELD_OUT, TESTED = 4, 24, 6, 10  # utterances a label
EVEN = 0.5  # seconds of utterances that must not need padding


@dataclass(frozen=True)
class Fitted:
    """A model that was fitted and has predicted the test utterances.

    Attributes:
        model: it.
        reports: how often it reported.
        touched: the global random states that it changed.
    """

    model: Model
    reports: int
    touched: tuple[str, ...]


@dataclass
class Learner:
    """A model's entry and parameters, and everything that is fitted for its checks, each once.

    Attributes:
        name: of the model.
        params: as a user would give them.
        folder: to write into.
        threads: that it may use.
        tell: hears whenever it reports.
    """

    name: str
    params: Mapping[str, object]
    folder: Path
    threads: int = 1
    tell: Tell = field(default=lambda words: None)
    _keys: dict[int, tuple[Wave, str]] = field(default_factory=dict, repr=False)
    _benches: int = 0

    def __post_init__(self) -> None:
        self._store = Store(self.folder / "features")

    @cached_property
    def entry(self) -> ModelEntry:
        """What its plugin says of it."""
        return cast(ModelEntry, registry.find("model", self.name))

    @cached_property
    def target(self) -> Any:
        """What its entry points to."""
        return registry.load(self.entry)

    @cached_property
    def made_of(self) -> tuple[dict[str, object], Feature]:
        """Its exact parameters, and its feature."""
        request = Request(self.name, CORPUS, params=self.params)
        _, params, feature = made_of(self.entry, request)
        return params, feature

    def new(self, labels: Sequence[str] = LABELS) -> Model:
        """One that has learned nothing."""
        model: Model = self.target(labels=tuple(labels), seed=0, **self.made_of[0])
        return model

    @cached_property
    def _extractor(self) -> Any:
        feature = self.made_of[1]
        return registry.load(registry.find("feature", feature.name))(**feature.params)

    def inputs(self, waves: Sequence[Wave]) -> Features:
        """Features as the harness hands them over: from a store, each read when asked for."""
        keys = [self._key(wave) for wave in waves]
        named = dict(zip(keys, waves, strict=True))
        if fresh := {key: wave for key, wave in named.items() if key not in self._store}:
            copies = [wave.copy() for wave in fresh.values()]
            made = check_arrays(self.made_of[1].name, self._extractor(copies), len(fresh))
            self._store.write(dict(zip(fresh, made, strict=True)))
            self._store = Store(self.folder / "features")
        return self._store.read(keys)

    def _key(self, wave: Wave) -> str:
        """The wave's digest; worked out once, since most are asked for again and again."""
        if id(wave) not in self._keys:
            self._keys[id(wave)] = wave, samples_digest(wave, signals.RATE)
        return self._keys[id(wave)][1]

    def examples(self, spoken: Spoken) -> Examples:
        """What a model may learn from."""
        return Examples(self.inputs(spoken.waves), spoken.truth, spoken.speakers)

    def bench(self, tell: Tell | None = None) -> FoldWorkspace:
        """A workspace with a new folder of its own."""
        self._benches += 1
        folder = self.folder / f"work{self._benches}"
        folder.mkdir(parents=True)
        return FoldWorkspace(settings().device, self.threads, folder, tell or self.tell)

    def fit(
        self,
        train: Spoken,
        validation: Spoken,
        *,
        labels: Sequence[str] = LABELS,
        bench: FoldWorkspace | None = None,
        draws: int = 1,
    ) -> Fitted:
        """Make a model, fit it, and let it predict, all under watch.

        Args:
            train: to learn from.
            validation: to choose by.
            labels: that it is given, in this order.
            bench: the workspace; a new one where none is given.
            draws: numbers drawn from the global random states before.
        """
        learned, chosen = self.examples(train), self.examples(validation)
        asked = self.inputs(self.tested.waves)
        lent = bench or self.bench()
        with random_state.watched(draws) as touched:
            model = self.new(labels)
            model.fit(learned, chosen, lent)
            model.predict(asked)
        return Fitted(model, len(lent.curve), tuple(touched))

    @cached_property
    def tested(self) -> Spoken:
        """Test utterances."""
        return signals.spoken(TESTED, "test")

    @cached_property
    def many(self) -> Spoken:
        """Training utterances enough to learn from."""
        return signals.spoken(MANY, "train")

    @cached_property
    def few(self) -> Spoken:
        """The first of them, for what needs no learning."""
        return self.many.at(range(FEW * len(LABELS)))

    @cached_property
    def held_out(self) -> Spoken:
        """Validation utterances."""
        return signals.spoken(HELD_OUT, "validation")

    @cached_property
    def small(self) -> Fitted:
        """Fitted to a few utterances."""
        return self.fit(self.few, self.held_out)

    @cached_property
    def small_again(self) -> Fitted:
        """The same once more, after others have drawn random numbers.

        An odd number of them: normal numbers are made of pairs, of which some are thrown away, so
        that after an even number the same ones might follow.
        """
        return self.fit(self.few, self.held_out, draws=1 + 3)

    @cached_property
    def large(self) -> Fitted:
        """Fitted to many utterances."""
        return self.fit(self.many, self.held_out)

    def scores(self, model: Model, waves: Sequence[Wave]) -> Array:
        """(utterances, labels) of a fitted model, checked as the harness checks them."""
        return model_output.ask(model, self.inputs(waves), len(LABELS)).activations

    @cached_property
    def even(self) -> list[Wave]:
        """Six utterances of one length."""
        return [signals.utterance(place % len(LABELS), EVEN, 5000 + place) for place in range(6)]

    @cached_property
    def tolerance(self) -> float:
        """How far equal scores may be apart, as a share of their range: rounding, no more."""
        model: object = self.small.model
        facts = model.describe() if isinstance(model, Describes) else {}
        return COARSE.get(str(facts.get("precision", "")), FINE)

    @cached_property
    def range(self) -> float:
        """Between the lowest and the highest score of the test utterances."""
        scores = self.scores(self.small.model, self.tested.waves)
        return float(np.ptp(scores)) or 1.0

    def same(self, first: Array, other: Array, what: str, remedy: str) -> None:
        """Refuse scores that differ by more than rounding explains.

        Raises:
            Violation: it says by how much.
        """
        apart = float(np.abs(first - other).max()) / self.range
        if not apart <= self.tolerance:
            raise Violation(f"{what} by up to {100 * apart:.3g} % of their range: {remedy}")
