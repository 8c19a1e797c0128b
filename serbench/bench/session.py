"""Measures what this machine does in a second, and says how long an evaluation takes on it."""

import dataclasses
import datetime
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serbench import datasets, parallel
from serbench import settings as devices
from serbench.bench import measure, workload
from serbench.bench.estimate import Estimate, FrontEnd, Speed, estimate
from serbench.bench.result import Bench, Measurement, machine
from serbench.bench.workload import Candidate
from serbench.corpus import Fold
from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.features.store import Feature
from serbench.parallel import Function, Words
from serbench.plugins import registry
from serbench.protocols import lookup
from serbench.settings import settings

GROUPS = ("arithmetic", "decode", "features", "models")
MODELS = ("alexnet-mel", "whisper-base")  # the paper's M1, and a small transformer encoder
LIKE = "ravdess"


@dataclass(frozen=True)
class Wish:
    """What is to be measured.

    Attributes:
        model: a model; None measures those of `MODELS` that are installed.
        dataset: whose utterances are imitated; None is RAVDESS. With a model, and no `only`, an
            evaluation on it is estimated.
        protocol: of the estimate; None is the dataset's default.
        params: of the model and its features.
        only: groups of items, of `GROUPS`, or names of features; none is all of them, or what an
            estimate needs.
        seconds: to spend on an item, roughly: one round of each is always measured.
        jobs: folds at a time; None fills the cores.
        device: "auto", "cpu" or "cuda"; None is as the settings say.
        features: that a model by import path learns from.
    """

    model: str | None = None
    dataset: str | None = None
    protocol: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    only: Sequence[str] = ()
    seconds: float = 5.0
    jobs: int | None = None
    device: str | None = None
    features: str | None = None

    @property
    def estimates(self) -> bool:
        """An evaluation is to be estimated."""
        return self.model is not None and self.dataset is not None and not self.only

    def has(self, group: str) -> bool:
        """A group of items is to be measured."""
        return group in self.only or not (self.only or (self.estimates and group == "arithmetic"))


def bench(wish: Wish) -> Bench:
    """Measure this machine; where a model and a dataset are named, estimate an evaluation.

    Raises:
        SerbenchError: a name or parameter is unknown, or what was named cannot be measured.
    """
    known = (*GROUPS, *registry.installed().entries["feature"])
    for item in wish.only:
        if item not in known:
            raise nearest("item", item, known)
    if wish.features is not None and wish.model is None:
        raise BadParameter(f"features {wish.features!r} are of a model: name one by import path")
    if not wish.seconds > 0:
        raise BadParameter(f"seconds is {wish.seconds}, but must be greater than 0")
    if wish.jobs is not None and wish.jobs < 1:
        raise BadParameter(f"jobs is {wish.jobs}, but must be 1 or more")
    return _Measuring(wish).all()


class _Measuring:
    """One go at everything that is wished for; every item in a fresh process, as in a fold."""

    def __init__(self, wish: Wish):
        places = settings()
        self._wish, self._places = wish, places
        self._source = datasets.find(wish.dataset or LIKE, places)
        self._lengths = workload.of(self._source)
        self._at_once = min(wish.jobs or parallel.cores(), parallel.cores())
        self._seconds: dict[str, float] = {}  # of an utterance, by item
        self._start: dict[str, float] = {}  # of a process of the front end, by feature
        self._items: list[Measurement] = []
        self._left_out: dict[str, str] = {}

    def all(self) -> Bench:
        """Measure, and estimate."""
        load, wish = os.getloadavg()[0], self._wish
        folds = self._folds() if wish.estimates else []
        models = list(self._models()) if wish.has("models") else []
        device = devices.found(wish.device or self._places.device) if models else "cpu"
        if wish.has("arithmetic"):
            self._arithmetic()
        if wish.has("decode"):
            self._front("decode", measure.decode, {})
        self._features(models)
        speeds = {model.name: self._learn(model, folds, device) for model in models}
        estimated = self._estimate(models[0], folds, speeds) if folds else None
        recorded = workload.mean(self._lengths)
        return Bench(
            like=self._source.spec,
            seconds={"recorded": recorded, "trimmed": recorded * self._lengths.trimmed},
            at_once=self._at_once,
            measured=datetime.datetime.now(datetime.UTC).date().isoformat(),
            load=load,
            machine=machine(),
            items=tuple(self._items),
            left_out=self._left_out,
            estimate=estimated,
        )

    def _folds(self) -> list[Fold]:
        corpus = datasets.outline(self._source)
        return lookup.make_folds(
            lookup.find_protocol(self._wish.protocol, self._source.dataset), corpus
        )

    def _models(self) -> Iterator[Candidate]:
        """The model that was named, or those that are always measured, if they are installed."""
        wish, known = self._wish, registry.installed().entries["model"]
        if wish.model is not None:
            given = (wish.params, self._source, self._places, wish.features)
            yield workload.model(wish.model, *given)
            return
        for name in MODELS:
            try:
                if name in known:
                    yield workload.model(name, {}, self._source, self._places)
            except SerbenchError as error:
                self._left_out[name] = str(error)

    def _arithmetic(self) -> None:
        for threads in sorted({1, parallel.cores()}):
            (made,), _ = self._ask(measure.product, {}, threads)
            self._items.append(
                Measurement("matrix product", threads, "cpu", "float32", gflops=made["gflops"])
            )

    def _front(self, item: str, function: Function, words: Words) -> None:
        (made,), launched = self._ask(function, words, threads=1)  # as the front end has
        self._seconds[item] = made["seconds"]
        if "began" in made:
            self._start[item] = made["began"] - launched + made["load"]
        self._items.append(Measurement(item, 1, per_second=1 / made["seconds"]))

    def _features(self, models: Sequence[Candidate]) -> None:
        """Measure those that were named, those of the models, or all that are installed."""
        wish, known = self._wish, registry.installed().entries["feature"]
        every = wish.has("features")
        found = {model.feature.name: model.feature for model in models if every}
        for name in known:
            try:
                if name in wish.only or (every and wish.model is None):
                    found.setdefault(name, workload.feature(name))
            except SerbenchError as error:
                self._left_out[name] = str(error)
        for feature in found.values():
            self._extract(feature)

    def _extract(self, feature: Feature) -> None:
        words = {"feature": dataclasses.asdict(feature)}
        try:
            self._front(feature.name, measure.extract, words)
        except SerbenchError as error:
            if self._wish.model is not None:
                raise
            self._left_out[feature.name] = str(error)

    def _learn(self, model: Candidate, folds: Sequence[Fold], device: str) -> Speed:
        """Measure a model in as many processes as learn at a time; the slowest of them counts."""
        wanted = max((len(fold.train) for fold in folds), default=None)
        words = {**model.words(), "wanted": wanted, "device": device}
        threads = model.threads
        found, launched = self._ask(measure.learn, words, threads, self._at_once)
        slowest = max(found, key=lambda made: made["fits"][-1][2] / made["fits"][-1][0])
        speed = Speed.of(slowest, launched)
        self._items += _learned(model.name, slowest, speed, threads, device)
        return speed

    def _estimate(
        self, model: Candidate, folds: Sequence[Fold], speeds: Mapping[str, Speed]
    ) -> Estimate:
        feature = model.feature.name
        decode, extract = self._seconds["decode"], self._seconds[feature]
        front = FrontEnd(self._start[feature], decode, extract, parallel.cores())
        protocol = lookup.find_protocol(self._wish.protocol, self._source.dataset).name
        name = f"{model.name} on {self._source.spec}, {protocol}"
        return estimate(name, folds, model.epochs, self._at_once, front, speeds[model.name])

    def _ask(
        self, function: Function, words: Words, threads: int, at_once: int = 1
    ) -> tuple[list[dict[str, Any]], float]:
        """What processes say that do the same at the same time, and when they were launched."""
        item = {
            **words,
            "lengths": dataclasses.asdict(self._lengths),
            "threads": threads,
            "seconds": self._wish.seconds,
        }
        launched = time.time()
        found = []
        for outcome in parallel.processes(
            function, [item] * at_once, lambda *_: None, at_once=at_once, threads=threads
        ):
            if outcome.result is None:
                raise SerbenchError(outcome.error)
            found.append(dict(outcome.result))
        return found, launched


def _learned(
    name: str, made: Words, speed: Speed, threads: int, device: str
) -> Iterator[Measurement]:
    """Training and prediction."""
    training = speed.epoch.each or speed.epoch.points[-1][1] / speed.epoch.points[-1][0]
    peak = made.get("peak")
    if peak:
        yield Measurement(
            f"matrix product, as in {name}", threads, device, made["precision"], gflops=peak / 1e9
        )
    for kind, took in (("training", training), ("prediction", speed.predict)):
        flops = made.get(f"{kind}_flops")
        rate = None if flops is None else flops / took
        yield Measurement(
            f"{name}, {kind}",
            threads,
            device,
            made["precision"],
            per_second=1 / took,
            gflops=None if rate is None else rate / 1e9,
            limit=None if rate is None or not peak else rate / peak,
        )
