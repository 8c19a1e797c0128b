"""Measure arithmetic, decoding, a feature or a model, each in a fresh process like a fold's.

A model is measured through `fit` and `predict` alone: it is fitted to more and more synthetic
utterances for a few epochs, which are timed by its progress reports.
"""

import dataclasses
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from serbench.bench import workload
from serbench.bench.estimate import Growth, Speed
from serbench.bench.workload import Candidate
from serbench.contracts import Array, DescribedModel, Examples, Lengths, Model, Wave
from serbench.evaluation.model_isolation import FoldWorkspace
from serbench.features import audio
from serbench.features.store import Feature, check_arrays
from serbench.plugins import registry
from serbench.processes import Message, Send

SIDE = 2048  # rows and columns of the matrices whose product measures the limit of arithmetic
FILES = 24
ROUND = 16  # utterances whose features are timed together; the front end extracts each alone
BATCH = 16  # utterances per step, if a model has no parameter `batch`
EPOCHS = 3
HELD_OUT = 8  # validation utterances
MOST = 32  # steps of the largest fit, if no estimate sets their number


@dataclass(frozen=True)
class Task:
    """A measurement for one process: of a feature, a model or the machine."""

    lengths: Lengths  # of the utterances to imitate
    seconds: float  # to spend, roughly
    threads: int = 1  # of the process
    launched: float = 0.0  # when the process was launched, in seconds since the epoch
    feature: Feature | None = None
    model: Candidate | None = None
    device: str = "cpu"  # of the model: "cpu" or "cuda"
    most: int | None = None  # training utterances of the largest fit, set by an estimate


@dataclass(frozen=True)
class Timing:
    """Seconds per call or utterance, and seconds to start the process."""

    seconds: float
    start: float = 0.0


def run(message: Message, send: Send) -> Message:
    """Measure an `item` of `ITEMS` for a `task`; return a `Timing` or `Speed` as plain values."""
    task = dict(message["task"])
    task["lengths"] = Lengths(**task["lengths"])
    if task["feature"]:
        task["feature"] = Feature(**task["feature"])
    if task["model"]:
        feature = Feature(**task["model"]["feature"])
        task["model"] = Candidate(**{**task["model"], "feature": feature})
    return dataclasses.asdict(ITEMS[message["item"]](Task(**task)))


def fastest(function: Callable[[], object], seconds: float) -> float:
    """Call a function for about `seconds`, at least once, and return the shortest time.

    Other processes on the machine only ever make a call slower.
    """
    best, end = math.inf, time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        function()
        now = time.perf_counter()
        best = min(best, now - started)
        if now + best > end:
            return best


def product(task: Task) -> Timing:
    """Multiply matrices of `SIDE` rows and columns in float32."""
    random = np.random.default_rng(0)
    left, right = (random.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    out = np.empty_like(left)
    with threadpoolctl.threadpool_limits(task.threads):
        return Timing(fastest(lambda: np.matmul(left, right, out=out), task.seconds))


def decode(task: Task) -> Timing:
    """Decode, digest and trim files as the front end does."""
    import soundfile

    lengths, reading = task.lengths, audio.Reading()
    waves = workload.voices(workload.drawn(lengths, FILES), lengths.rate, sounding=lengths.trimmed)

    def read() -> None:
        for path in paths:
            _, samples, rate = audio.decoded(path)
            audio.wave(samples, rate, reading)

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{place}.wav" for place in range(FILES)]
        for path, wave in zip(paths, waves, strict=True):
            soundfile.write(path, wave, lengths.rate, subtype="PCM_16")
        with threadpoolctl.threadpool_limits(task.threads):
            read()  # imports
            return Timing(fastest(read, task.seconds) / FILES)


def extract(task: Task) -> Timing:
    """Extract a feature, each utterance alone."""
    feature = task.feature
    assert feature is not None
    extractor, waves = _extractor(feature), _waves(task.lengths, ROUND)
    with threadpoolctl.threadpool_limits(task.threads):
        check_arrays(feature.name, extractor(waves[:1]), 1)
        start = time.time() - task.launched
        took = fastest(lambda: [extractor([wave]) for wave in waves], task.seconds)
    return Timing(took / len(waves), start)


def inputs(feature: Feature, lengths: Lengths, count: int) -> list[Array]:
    """Return the features of `count` synthetic utterances with the corpus's trimmed lengths."""
    return check_arrays(feature.name, _extractor(feature)(_waves(lengths, count)), count)


def _extractor(feature: Feature) -> Any:
    target = registry.load(registry.find("feature", feature.name))
    return target(**registry.complete(target, feature.params))


def _waves(lengths: Lengths, count: int) -> list[Wave]:
    """Return synthetic utterances in random order of length, as in a corpus."""
    seconds = workload.trimmed(lengths, count)
    order = np.random.default_rng(0).permutation(count)
    return workload.voices([seconds[place] for place in order], audio.RATE)


@dataclass(frozen=True)
class Fit:
    """The seconds of a fit to `count` utterances, in total and by the parts that reports separate.

    `before` the first epoch, of the fastest `epoch`, and `after` the report of the last epoch.
    """

    count: int
    before: float
    epoch: float
    after: float
    total: float


def learn(task: Task) -> Speed:
    """Fit a model to more and more utterances, and predict with it."""
    began = time.time()
    assert task.model is not None
    registry.load(registry.find("model", task.model.name))
    load = time.time() - began
    trial = Trial(task, task.model)
    with threadpoolctl.threadpool_limits(task.threads):
        first = trial.fit(trial.few, epochs=1)  # triggers late imports
        peak = trial.peak()
        half, *fits = trial.grow()
        pool, predict = trial.pool, trial.model.predict
        among = fastest(lambda: predict(pool), task.seconds / 4) / len(pool)
        alone = fastest(lambda: predict(pool[:1]), 0)
        peak = max(peak, trial.peak())
        flops = trial.flops()
    # the time before the first epoch may be nearly constant, so the fit to half a step counts here
    before = Growth(tuple((fit.count, fit.before) for fit in (half, *fits)))
    epoch = Growth(tuple((fit.count, fit.epoch) for fit in fits))
    usual = before.at(first.count) + epoch.at(first.count) + fits[-1].after
    facts = trial.model.describe() if isinstance(trial.model, DescribedModel) else {}
    return Speed(
        load=load,
        # a process that checks the fold, and one for the model
        start=2 * (began - task.launched) + load + max(0.0, first.total - usual),
        before=before,
        epoch=Growth(tuple((n, max(0.0, took - HELD_OUT * among)) for n, took in epoch.points)),
        after=fits[-1].after,
        predict=among,
        alone=alone,
        precision=str(facts.get("precision", "")),
        flops=flops,
        peak=peak,
    )


class Trial:
    """A model on synthetic utterances.

    `pool` has the inputs of one step; larger sets repeat it with small changes, so that all sets
    have the same distribution of lengths.
    """

    model: Model  # the last one fitted

    def __init__(self, task: Task, candidate: Candidate):
        self._task, self._candidate = task, candidate
        batch = candidate.params.get("batch")
        step = batch if isinstance(batch, int) else BATCH
        self.few = max(4, len(candidate.labels))
        # whole steps, enough that half of the utterances have every label
        self._batch = step * max(1, -(-2 * self.few // step))
        self._most = task.most or MOST * self._batch
        self.pool = inputs(candidate.feature, task.lengths, self._batch)

    def grow(self) -> list[Fit]:
        """Fit the model to half a step of utterances, then to 1, 2, 4, ... steps as time allows."""
        step = min(self._batch, self._most)
        half = self.fit(max(1, step // 2))
        end = time.perf_counter() + self._task.seconds
        fits = [self.fit(step)]
        # the next one may well take more than twice as long
        while fits[-1].count < self._most and time.perf_counter() + 2.5 * fits[-1].total < end:
            fits.append(self.fit(min(2 * fits[-1].count, self._most)))
        return [half, *fits]

    def fit(self, count: int, epochs: int = EPOCHS) -> Fit:
        """Fit the model to `count` utterances, for `epochs` if it has that parameter."""
        task, params = self._task, dict(self._candidate.params)
        has_epochs = "epochs" in params
        if has_epochs:
            params["epochs"] = epochs
        target: Any = registry.load(registry.find("model", self._candidate.name))
        self.model = target(labels=tuple(self._candidate.labels), seed=0, **params)
        train, validation = self._examples(count, 1), self._examples(HELD_OUT, 2)
        with tempfile.TemporaryDirectory() as folder:
            times: list[float] = []
            workspace = FoldWorkspace(
                task.device,
                task.threads,
                Path(folder),
                lambda _: times.append(time.perf_counter()),
            )
            started = time.perf_counter()
            self.model.fit(train, validation, workspace)
            between = np.diff([started, *times, time.perf_counter()]).tolist()
        total = sum(between)
        if not has_epochs or len(between) < 2:  # no epochs, or no reports of them
            return Fit(count, 0.0, total, 0.0, total)
        epoch = min(between[1:-1], default=between[0])
        return Fit(count, max(0.0, between[0] - epoch), epoch, between[-1], total)

    def _examples(self, count: int, seed: int) -> Examples:
        """Return `count` utterances: those of the pool, repeated with small changes."""
        random = np.random.default_rng(seed)
        places = np.arange(count) % len(self.pool)
        arrays = []
        for place in places:
            array = self.pool[place]
            noise = random.standard_normal(array.shape, dtype=np.float32)
            arrays.append((array * (1 + np.float32(0.1) * noise)).astype(array.dtype))
        speakers = tuple(f"speaker{place % 4}" for place in places)
        return Examples(arrays, places.astype(np.int64) % len(self._candidate.labels), speakers)

    def peak(self) -> float:
        """Return the operations per second of a matrix product; 0 if the model has no `peak`."""
        peak = getattr(self.model, "peak", None)
        return 0.0 if peak is None else float(peak(self._task.device, self._task.threads))

    def flops(self) -> dict[str, float]:
        """Return the operations of one utterance in training and prediction; {} if uncounted."""
        flops = getattr(self.model, "flops", None)
        if flops is None:
            return {}
        kinds = {"training": True, "prediction": False}
        return {
            kind: flops(self.pool, training) / len(self.pool) for kind, training in kinds.items()
        }


ITEMS: Mapping[str, Callable[[Task], Any]] = {
    function.__name__: function for function in (product, decode, extract, learn)
}
