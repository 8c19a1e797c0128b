"""Measure this machine, and use the results to estimate how long an evaluation takes on it."""

import dataclasses
import datetime
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serbench import datasets, processes
from serbench import settings as devices
from serbench.bench import measure, workload
from serbench.bench.estimate import Estimate, estimate
from serbench.bench.measure import Say, Task, Timing, silent
from serbench.bench.result import Bench, Measurement, machine
from serbench.bench.workload import Candidate
from serbench.corpus import Fold, Protocol
from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.evaluation.speed import FrontEnd, Speed
from serbench.features.store import Feature
from serbench.plugins import registry
from serbench.protocols import lookup
from serbench.results.config import Request
from serbench.settings import settings

GROUPS = ("arithmetic", "decode", "features", "models")
MOST_SECONDS = 86_400
LEARNING = 4  # times as long may a model take as another item, if all share the request's seconds
FITTING = 0.6  # of a model's share


@dataclass(frozen=True)
class BenchRequest:
    """Items to measure; a model and a dataset, without `only`, also request an estimate."""

    model: str | None = None  # None measures the defaults for "bench"
    dataset: str | None = None  # whose utterances are imitated; None is the default
    protocol: str | None = None  # of the estimate; None is the dataset's default
    params: Mapping[str, object] = field(default_factory=dict)  # of the model and its features
    only: Sequence[str] = ()  # names of features or of `GROUPS`; empty measures all needed
    seconds: float | None = None  # to spend on all items, roughly; None spends `each` on each
    each: float = 5.0  # seconds to spend on an item, roughly, beside the start of its process
    jobs: int | None = None  # folds at a time; None fills the cores
    device: str | None = None  # "auto", "cpu" or "cuda"; None takes the one of the settings
    features: str | None = None  # of a model by import path

    @property
    def has_estimate(self) -> bool:
        """Whether an evaluation is to be estimated."""
        return self.model is not None and self.dataset is not None and not self.only

    def has(self, group: str) -> bool:
        """Return whether a group of items is to be measured."""
        return group in self.only or not (
            self.only or (self.has_estimate and group == "arithmetic")
        )


def bench(request: BenchRequest, say: Say = silent) -> Bench:
    """Measure this machine; where a model and a dataset are named, estimate an evaluation.

    Args:
        request: what to measure.
        say: called with a line about each measurement that starts.

    Raises:
        SerbenchError: a name or parameter is unknown, or a named item cannot be measured.
    """
    items = (*GROUPS, *registry.installed().entries["feature"])
    for item in request.only:
        if item not in items:
            raise nearest("item", item, items)
    if request.features is not None and request.model is None:
        raise BadParameter(f"features {request.features!r} need a model: name one by import path")
    if request.seconds is not None and not 0 < request.seconds <= MOST_SECONDS:
        raise BadParameter(
            f"seconds is {request.seconds:g}, but must be greater than 0, and at most "
            f"{MOST_SECONDS} (a day)"
        )
    if request.jobs is not None and request.jobs < 1:
        raise BadParameter(f"jobs is {request.jobs}, but must be 1 or more")
    return _Session(request, say).bench()


def default_dataset() -> str:
    """Return the dataset whose utterances are imitated if the user names none.

    Raises:
        BadParameter: no installed plugin offers one.
    """
    names = registry.defaults("dataset", "bench")
    if not names:
        raise BadParameter("no installed dataset is meant for a benchmark: name one with --dataset")
    return names[0]


class _Session:
    """The measurement of all items of a request, each in a fresh process, as in a fold."""

    def __init__(self, request: BenchRequest, say: Say):
        self._request, self._places, self._say = request, settings(), say
        self._source = datasets.find(request.dataset or default_dataset(), self._places)
        self._lengths = workload.lengths_of(self._source)
        self._at_once = min(request.jobs or processes.cores(), processes.cores())
        self._timings: dict[str, Timing] = {}  # of the front end, by item
        self._begun = 0.0  # seconds since the epoch
        self._pending = 0  # items, models counted `LEARNING` times
        self._items: list[Measurement] = []
        self._left_out: dict[str, str] = {}

    def bench(self) -> Bench:
        """Measure the items, and estimate an evaluation if requested."""
        load, request = processes.load(), self._request
        folds: list[Fold] = []
        if request.has_estimate:
            folds = lookup.make_folds(self._protocol(), datasets.outline(self._source))
        models = list(self._models()) if request.has("models") else []
        device = devices.find_device(request.device or self._places.device) if models else "cpu"
        features = self._features(models)
        threads = sorted({1, processes.cores()}) if request.has("arithmetic") else []
        decodes = request.has("decode")
        self._pending = len(threads) + decodes + len(features) + LEARNING * len(models)
        self._begun = time.time()
        for count in threads:
            self._arithmetic(count)
        if decodes:
            self._front_end("decode", "decode")
        for name, feature in features.items():
            try:
                self._front_end(name, "extract", feature=feature)
            except SerbenchError as error:
                if request.model is not None:
                    raise
                self._left_out[name] = str(error)
        speeds = [self._learn(model, folds, device) for model in models]
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
            asked=request.seconds,
            took=time.time() - self._begun,
            estimate=self._estimate(models[0], folds, speeds[0]) if folds else None,
        )

    def _protocol(self) -> Protocol:
        return lookup.find_protocol(self._request.protocol, self._source.dataset)

    def _models(self) -> Iterator[Candidate]:
        """Yield the named model, or the plugins' default models for "bench"."""
        request = self._request
        if request.model is not None:
            spec, params = self._source.spec, request.params
            wanted = Request(request.model, spec, params=params, features=request.features)
            yield workload.model(wanted, self._source, self._places)
            return
        for name in registry.defaults("model", "bench"):
            try:
                wanted = Request(name, self._source.spec)
                yield workload.model(wanted, self._source, self._places)
            except SerbenchError as error:
                self._left_out[name] = str(error)

    def _task(
        self, name: str, shares: int = 1, *, is_needed: bool = False, **options: Any
    ) -> Task | None:
        """Return the task of the next item; None if no time is left, and the item not needed.

        Args:
            name: the item.
            shares: the number of items as long as which it may take.
            is_needed: whether the user named the item; those of an estimate are always needed.
            options: of the task.
        """
        request, now = self._request, time.time()
        if request.seconds is None:
            return Task(self._lengths, request.each, **options)
        left = self._begun + request.seconds - now
        is_needed |= request.has_estimate or name in request.only
        if left <= 0 and not is_needed:
            self._left_out[name] = self._no_time()
            return None
        share = max(0.0, left) * shares / self._pending
        self._pending -= shares
        return Task(self._lengths, share, now + share, **options)

    def _no_time(self) -> str:
        return f"no time left of --seconds {self._request.seconds:g}"

    def _arithmetic(self, threads: int) -> None:
        if task := self._task("arithmetic", threads=threads):
            timing = Timing(**self._measure("product", "arithmetic", task)[0])
            gflops = 2 * measure.SIDE**3 / timing.seconds / 1e9
            self._items.append(
                Measurement("matrix product", threads, "cpu", "float32", gflops=gflops)
            )

    def _front_end(self, name: str, item: str, feature: Feature | None = None) -> None:
        if task := self._task(name, feature=feature):
            self._timings[name] = timing = Timing(**self._measure(item, name, task)[0])
            self._items.append(Measurement(name, task.threads, per_second=1 / timing.seconds))

    def _features(self, models: Sequence[Candidate]) -> Mapping[str, Feature]:
        """Return the named features, those of the models, or all installed features."""
        request, every = self._request, self._request.has("features")
        features = {model.feature.name: model.feature for model in models if every}
        for name in registry.installed().entries["feature"]:
            try:
                if name in request.only or (every and request.model is None):
                    features.setdefault(name, workload.feature(name))
            except SerbenchError as error:
                self._left_out[name] = str(error)
        return features

    def _learn(self, model: Candidate, folds: Sequence[Fold], device: str) -> Speed | None:
        """Measure a model in `_at_once` processes at a time; the slowest one counts."""
        task = self._task(
            model.name,
            LEARNING,
            is_needed=self._request.model is not None,
            threads=model.threads,
            model=model,
            device=device,
            most=max((len(fold.train) for fold in folds), default=None),
        )
        if task is None:
            return None
        if self._request.seconds is not None:
            task = dataclasses.replace(task, seconds=FITTING * task.seconds)
        speeds = map(Speed.of, self._measure("learn", model.name, task, self._at_once))
        slowest = max(speeds, key=lambda speed: speed.epoch.per_utterance)
        self._items += _model_items(model, slowest, device)
        target = registry.load(registry.find("model", model.name))
        if not slowest.flops and getattr(target, "flops", None):
            self._left_out[f"GFLOP/s of {model.name}"] = self._no_time()
        return slowest

    def _estimate(self, model: Candidate, folds: Sequence[Fold], speed: Speed | None) -> Estimate:
        assert speed is not None  # all items of an estimate are needed
        decode, extract = self._timings["decode"], self._timings[model.feature.name]
        front = FrontEnd(extract.start, decode.seconds, extract.seconds, processes.cores())
        name = f"{model.name} on {self._source.spec}, {self._protocol().name}"
        return estimate(name, folds, model.epochs, self._at_once, front, speed)

    def _measure(
        self, item: str, name: str, task: Task, at_once: int = 1
    ) -> list[Mapping[str, Any]]:
        return measure.measure(item, name, task, self._say, at_once)


def _model_items(model: Candidate, speed: Speed, device: str) -> Iterator[Measurement]:
    """Yield the items of a model: the limit of its arithmetic, training and prediction."""
    epoch, peak = speed.epoch, speed.peak
    how = (model.threads, device, speed.precision)
    if peak:
        yield Measurement(f"matrix product, as in {model.name}", *how, gflops=peak / 1e9)
    seconds = {"training": epoch.slope or epoch.per_utterance, "prediction": speed.predict}
    for kind, took in seconds.items():
        rate = speed.flops[kind] / took if speed.flops else None
        yield Measurement(
            f"{model.name}, {kind}",
            *how,
            per_second=1 / took,
            gflops=None if rate is None else rate / 1e9,
            limit=None if rate is None or not peak else rate / peak,
        )
