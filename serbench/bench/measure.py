"""Measure arithmetic, decoding, a feature or a model, each in a fresh process like a fold's.

A model is measured through `fit` and `predict` alone: it is fitted to more and more utterances for
a few epochs, which are timed by its progress reports. The utterances are synthetic; an estimate
measures models without epochs on real ones, since the time of a solver depends on the data.
"""

import dataclasses
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from serbench import processes
from serbench.bench import workload
from serbench.bench.workload import Candidate
from serbench.contracts import (
    Array,
    DescribedModel,
    Examples,
    KeepableModel,
    Lengths,
    Model,
    Wave,
)
from serbench.errors import SerbenchError
from serbench.evaluation.folds.model_isolation import FoldWorkspace
from serbench.evaluation.speed import Growth, Speed
from serbench.features import audio
from serbench.features.extraction import as_read
from serbench.features.store import Feature, check_arrays
from serbench.plugins import registry
from serbench.processes import Message, Send

SIDE = 2048  # rows and columns of the matrices whose product measures the limit of arithmetic
FILES = 24
ROUND = 16  # utterances whose features are timed together; the front end extracts each alone
BATCH = 16  # utterances per step, if a model has no parameter `batch`
EPOCHS = 3
FEWEST = 2  # epochs of which one can be timed
HELD_OUT = 8  # validation utterances
MOST = 32  # steps of the largest fit, if no estimate sets their number
STEEPER = 1.3  # the power by which the time of the next fit may well grow
SLOW = 2.0  # times `seconds`; a model whose fits take longer is fitted once
SHORT = 0.3  # seconds of the utterances of the fit from which large models are extrapolated
SHARE = 0.6  # of a matrix product's speed that training and prediction reach; 0.48 to 0.87 measured


Say = Callable[[str], None]
"""Called with words for what is measured."""


def silent(doing: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Task:
    """A measurement for one process: of a feature, a model or the machine."""

    lengths: Lengths  # of the utterances to imitate
    seconds: float  # to spend, roughly
    until: float = math.inf  # seconds since the epoch, when all that can be left out is left out
    threads: int = 1  # of the process
    launched: float = 0.0  # when the process was launched, in seconds since the epoch
    feature: Feature | None = None
    model: Candidate | None = None
    device: str = "cpu"  # of the model: "cpu" or "cuda"
    most: int | None = None  # training utterances of the largest fit, set by an estimate
    limit: float = math.inf  # seconds; a model that needs more is extrapolated from a small fit
    files: Sequence[tuple[str, str, str]] = ()  # real utterances of a model: path, label, speaker
    held_out: float = 0.0  # validation utterances per training utterance; at least `HELD_OUT`

    def left(self, share: float = 1.0) -> float:
        """Return the seconds to spend on something that may take a share of the measurement."""
        return max(0.0, min(share * self.seconds, self.until - time.time()))


@dataclass(frozen=True)
class Timing:
    """Seconds per call or utterance, seconds to start the process, and bytes of a result."""

    seconds: float
    start: float = 0.0
    size: float = 0.0


def measure(
    item: str, name: str, task: Task, say: Say, at_once: int = 1
) -> list[Mapping[str, Any]]:
    """Measure an item of `ITEMS` in fresh processes that run at the same time.

    Args:
        item: the item.
        name: what is measured, for `say`.
        task: how to measure.
        say: called with a line when the measurement starts, and about its progress.
        at_once: the number of processes.

    Returns:
        The result of each process, as plain values.

    Raises:
        SerbenchError: it cannot be measured.
    """
    say(f"measuring {name}")

    def receive(position: int, message: Message) -> None:
        if position == 0:
            say(f"measuring {name}: {message['doing']}")

    task = dataclasses.replace(task, launched=time.time())
    message = {"item": item, "task": dataclasses.asdict(task)}
    results = []
    for outcome in processes.fresh(
        run, [message] * at_once, receive, at_once=at_once, threads=task.threads
    ):
        if outcome.result is None:
            raise SerbenchError(outcome.error)
        results.append(outcome.result)
    return results


def run(message: Message, send: Send) -> Message:
    """Measure an `item` of `ITEMS` for a `task`; return a `Timing` or `Speed` as plain values.

    Args:
        message: the item's name and the task.
        send: called with the words for what is `doing`.
    """
    task = dict(message["task"])
    task["lengths"] = Lengths(**task["lengths"])
    if task["feature"]:
        task["feature"] = Feature(**task["feature"])
    if task["model"]:
        feature = Feature(**task["model"]["feature"])
        task["model"] = Candidate(**{**task["model"], "feature": feature})
    result = ITEMS[message["item"]](Task(**task), lambda doing: send({"doing": doing}))
    return dataclasses.asdict(result)


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


def product(task: Task, say: Say = silent) -> Timing:
    """Multiply matrices of `SIDE` rows and columns in float32."""
    random = np.random.default_rng(0)
    left, right = (random.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    out = np.empty_like(left)
    with threadpoolctl.threadpool_limits(task.threads):
        return Timing(fastest(lambda: np.matmul(left, right, out=out), task.left()))


def decode(task: Task, say: Say = silent) -> Timing:
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
            return Timing(fastest(read, task.left()) / FILES)


def extract(task: Task, say: Say = silent) -> Timing:
    """Extract a feature, each utterance alone: as many as take about `task.seconds`."""
    feature = task.feature
    assert feature is not None
    extractor, waves = _extractor(feature), _waves(task.lengths, 1)
    arrays: list[Array] = []

    def work() -> None:
        arrays[:] = [extractor([as_read(extractor, wave)])[0] for wave in waves]

    with threadpoolctl.threadpool_limits(task.threads):
        check_arrays(feature.name, extractor([as_read(extractor, waves[0])]), 1)
        start = time.time() - task.launched
        waves = _waves(task.lengths, max(2, min(ROUND, int(task.left() / fastest(work, 0)))))
        took = fastest(work, task.left())
    size = sum(array.nbytes for array in arrays) / len(arrays)
    return Timing(took / len(waves), start, size)


def inputs(
    feature: Feature, lengths: Lengths, count: int, seconds: float = math.inf
) -> list[Array]:
    """Return the features of synthetic utterances with the corpus's trimmed lengths.

    They are `count`, or as many as take `seconds`, but at least two.
    """
    extractor, end = _extractor(feature), time.perf_counter() + seconds
    arrays: list[Array] = []
    for wave in _waves(lengths, count):
        if len(arrays) > 1 and time.perf_counter() > end:
            break
        arrays += check_arrays(feature.name, extractor([as_read(extractor, wave)]), 1)
    return arrays


def recorded(
    feature: Feature, files: Sequence[tuple[str, str, str]], seconds: float
) -> list[Array]:
    """Return the features of as many real utterances as take `seconds`, but of at least two."""
    extractor, end = _extractor(feature), time.perf_counter() + seconds
    arrays: list[Array] = []
    for path, _, _ in files:
        if len(arrays) > 1 and time.perf_counter() > end:
            break
        _, samples, rate = audio.decoded(Path(path))
        wave = audio.wave(samples, rate, audio.Reading())
        arrays += check_arrays(feature.name, extractor([as_read(extractor, wave)]), 1)
    return arrays


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


def start(task: Task, say: Say = silent) -> Timing:
    """Import a model's class, as the two processes of a fold do."""
    assert task.model is not None
    began = time.time()
    registry.load(registry.find("model", task.model.name))
    load = time.time() - began
    return Timing(load, 2 * (began - task.launched) + load)


def learn(task: Task, say: Say = silent) -> Speed:
    """Fit a model to more and more utterances, and predict with it."""
    began = time.time()
    assert task.model is not None
    registry.load(registry.find("model", task.model.name))
    load = time.time() - began
    # a process that checks the fold, and one for the model
    start = 2 * (began - task.launched) + load
    with threadpoolctl.threadpool_limits(task.threads):
        trial = Trial(task, task.model, say)
        if task.limit < math.inf:
            small = trial.small()
            left = task.limit - (time.time() - began)
            if trial.seconds(small) > max(left, task.limit / 4):
                return trial.counted(small, load, start)
        first = trial.fit(trial.few, epochs=1)  # triggers late imports
        peak = trial.peak() if task.until == math.inf else 0.0
        half, *fits = trial.once() if trial.is_slow(first) else trial.grow()
        fits = fits or [half]
        say("prediction")
        pool, predict = trial.pool, trial.model.predict
        among = fastest(lambda: predict(pool), task.left(1 / 4)) / len(pool)
        alone = fastest(lambda: predict(pool[:1]), task.left(1 / 8))
        flops = {}
        if task.left():
            peak, flops = max(peak, trial.peak()), trial.flops()
        saved = trial.saved() if task.limit < math.inf else 0.0  # a study's estimate needs it
    # the time before the first epoch may be nearly constant, so the fit to half a step counts here
    once = {fit.count: fit.before for fit in (half, *fits)}
    if not task.left():
        # two brief fits differ by chance: what is done once with an utterance, such as passing it
        # through frozen layers, is assumed to take no longer than an epoch or a prediction of it
        slope = max(fits[0].epoch / fits[0].count, among)
        once[fits[0].count] = min(
            fits[0].before, half.before + slope * (fits[0].count - half.count)
        )
    before = Growth(tuple(once.items()))
    epoch = Growth(tuple((fit.count, fit.epoch) for fit in fits))
    usual = before.at(first.count) + epoch.at(first.count) + fits[-1].after
    return Speed(
        load=load,
        start=start + max(0.0, first.total - usual),
        before=before,
        epoch=Growth(tuple((n, max(0.0, took - HELD_OUT * among)) for n, took in epoch.points)),
        after=fits[-1].after,
        predict=among,
        alone=alone,
        precision=trial.precision(),
        flops=flops,
        peak=peak,
        saved=saved,
        has_epochs=trial.has_epochs,
    )


@dataclass(frozen=True)
class Small:
    """A fit to a few short utterances, from which the times of real ones are extrapolated."""

    fit: Fit
    ratio: float  # by which the inputs of real utterances are larger
    flops: Mapping[str, float]  # of a short utterance, as in `Speed`; {} if uncounted
    real: Mapping[str, float]  # of a real utterance
    rate: float  # operations per second that the model is expected to reach; 0 if unknown


class Trial:
    """A model on synthetic utterances.

    `pool` has the inputs of one step; larger sets repeat it with small changes, so that all sets
    have the same distribution of lengths.
    """

    model: Model  # the last one fitted

    def __init__(self, task: Task, candidate: Candidate, say: Say = silent):
        self._task, self._candidate, self._say = task, candidate, say
        batch = candidate.params.get("batch")
        step = batch if isinstance(batch, int) else BATCH
        self.few = max(4, len(candidate.labels))
        # whole steps, enough that half of the utterances have every label
        self._batch = step * max(1, -(-2 * self.few // step))
        self._most = task.most or MOST * self._batch
        self.has_epochs = "epochs" in candidate.params  # and the model reports them
        seconds = math.inf if task.limit == math.inf else task.seconds / 4
        self._say("its features")
        if task.files:
            self.pool = recorded(candidate.feature, task.files, task.seconds)
        else:
            self.pool = inputs(candidate.feature, task.lengths, self._batch, seconds)

    def grow(self) -> list[Fit]:
        """Fit the model to half a step of utterances, then to 1, 2, 4, ... steps as time allows.

        The last fit has the most utterances, if it can be done in time.
        """
        step = min(self._batch, self._most)
        half = self.fit(max(1, step // 2))
        end = time.perf_counter() + self._task.left()
        fits = [self.fit(step)]
        while fits[-1].count < self._most:
            last, left = fits[-1], end - time.perf_counter()
            possible = [
                count
                for count in (self._most, 2 * last.count)
                if last.total * (count / last.count) ** STEEPER < left
            ]
            if not possible:
                break
            fits.append(self.fit(min(possible[0], self._most)))
        return [half, *fits]

    def is_slow(self, first: Fit) -> bool:
        """Return whether the fits of `grow` would take far longer than the measurement should.

        Return False if an estimate sets the number of steps, since it needs these fits.
        """
        fits = 1.5 * self._batch * (EPOCHS if self.has_epochs else 1)
        return self._task.most is None and first.total * fits / first.count > (
            SLOW * self._task.seconds
        )

    def once(self) -> list[Fit]:
        """Fit a slow model to one batch of utterances, for the fewest epochs that can be timed."""
        return [self.fit(min(self._batch, self._most), FEWEST)]

    def fit(
        self,
        count: int,
        epochs: int | None = None,
        pool: Sequence[Array] | None = None,
        held_out: int | None = None,
    ) -> Fit:
        """Fit the model to `count` utterances, for `epochs` if it has that parameter."""
        self._say(f"training on {count} utterances")
        task, params = self._task, dict(self._candidate.params)
        epochs = epochs or (EPOCHS if task.left() else FEWEST)
        if self.has_epochs:
            params["epochs"] = epochs
        target: Any = registry.load(registry.find("model", self._candidate.name))
        self.model = target(labels=tuple(self._candidate.labels), seed=0, **params)
        pool = self.pool if pool is None else pool
        if held_out is None:
            held_out = max(HELD_OUT, round(count * task.held_out))
        train = self._examples(pool, 0, count)
        validation = self._examples(pool, count, count + held_out)
        with tempfile.TemporaryDirectory() as folder:
            times: list[float] = []
            announced: list[int] = []  # epochs, by the reports

            def receive(point: Message) -> None:
                if "within_epoch" not in point:
                    times.append(time.perf_counter())
                    announced.append(point["epochs"])

            workspace = FoldWorkspace(
                task.device,
                task.threads,
                Path(folder),
                receive,
                self._candidate.precision,
            )
            started = time.perf_counter()
            self.model.fit(train, validation, workspace)
            between = np.diff([started, *times, time.perf_counter()]).tolist()
        total = sum(between)
        # without reports of these epochs, all later fits have as many epochs as in a fold
        self.has_epochs = self.has_epochs and announced == [epochs] * epochs
        if not self.has_epochs:
            return Fit(count, 0.0, total, 0.0, total)
        epoch = min(between[1:-1], default=between[0])
        return Fit(count, max(0.0, between[0] - epoch), epoch, between[-1], total)

    def _examples(self, pool: Sequence[Array], start: int, end: int) -> Examples:
        """Return utterances of an endless series: those of a pool, repeated with small changes."""
        random = np.random.default_rng(start)
        labels, files = self._candidate.labels, self._task.files
        arrays, truth, speakers = [], [], []
        for place in range(start, end):
            at = place % max(len(pool), len(labels))
            array = pool[at % len(pool)]
            if not files or place >= len(pool):
                noise = random.standard_normal(array.shape, dtype=np.float32)
                array = (array * (1 + np.float32(0.1) * noise)).astype(array.dtype)
            arrays.append(array)
            _, label, speaker = (
                files[at % len(files)]
                if files
                else ("", labels[at % len(labels)], f"speaker{at % 4}")
            )
            truth.append(labels.index(label))
            speakers.append(speaker)
        return Examples(arrays, np.array(truth, dtype=np.int64), tuple(speakers))

    def peak(self) -> float:
        """Return the operations per second of a matrix product; 0 if the model has no `peak`."""
        peak = getattr(self.model, "peak", None)
        return 0.0 if peak is None else float(peak(self._task.device, self._task.threads))

    def flops(self) -> dict[str, float]:
        """Return the operations of one utterance in training and prediction; {} if uncounted."""
        return self._count(self.pool)

    def _count(self, pool: Sequence[Array]) -> dict[str, float]:
        flops = getattr(self.model, "flops", None)
        if flops is None:
            return {}
        kinds = {"training": True, "prediction": False}
        return {kind: flops(pool, training) / len(pool) for kind, training in kinds.items()}

    def precision(self) -> str:
        """Return the format of matrix products, "" if the model does not state it."""
        facts = self.model.describe() if isinstance(self.model, DescribedModel) else {}
        return str(facts.get("precision", ""))

    def saved(self) -> float:
        """Return the bytes of the model that `save` writes; 0 if the model cannot be kept."""
        if not isinstance(self.model, KeepableModel):
            return 0.0
        with tempfile.TemporaryDirectory() as folder:
            self.model.save(Path(folder))
            return float(sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file()))

    def small(self) -> Small:
        """Fit the model to a few utterances of at most `SHORT` seconds, and count operations."""
        lengths, feature = self._task.lengths, self._candidate.feature
        short = tuple(min(seconds, SHORT / lengths.trimmed) for seconds in lengths.seconds)
        lengths = dataclasses.replace(lengths, seconds=short)
        pool = inputs(feature, lengths, self.few, self._task.seconds / 4)
        fit = self.fit(self.few, FEWEST, pool, held_out=2)
        if not self.has_epochs and fit.total < self._task.limit:
            fit = self.fit(self.few, FEWEST, pool, held_out=2)  # without late imports
        sample = self.pool[:2]  # counting the operations of a large model takes seconds
        short_size, size, sample_size = (
            float(np.mean([array.size for array in each])) for each in (pool, self.pool, sample)
        )
        flops = self._count(pool[:2])
        real = {kind: n * size / sample_size for kind, n in self._count(sample).items()}
        return Small(fit, size / short_size, flops, real, SHARE * self.peak() if flops else 0.0)

    def seconds(self, small: Small) -> float:
        """Return roughly how long all fits of a measurement take."""
        epochs = EPOCHS if self.has_epochs else 1
        trained = self.few + epochs * 1.5 * self._batch
        if not small.rate:
            return small.fit.epoch * small.ratio * trained / small.fit.count
        validated = HELD_OUT * (1 + 2 * epochs) + self._batch
        real = small.real
        return (trained * real["training"] + validated * real["prediction"]) / small.rate

    def counted(self, small: Small, load: float, start: float) -> Speed:
        """Extrapolate the speed from a small fit, by the operations of real utterances."""
        step, fit = self._batch, small.fit
        fixed, once, predict = fit.before, 0.0, 0.0
        epoch = fit.epoch * small.ratio * step / fit.count
        if small.rate:
            less, more = (
                {kind: count / small.rate for kind, count in each.items()}
                for each in (small.flops, small.real)
            )
            # besides its arithmetic, a step updates all weights
            update = fit.epoch - fit.count * less["training"] - 2 * less["prediction"]
            epoch, predict = step * more["training"] + max(0.0, update), more["prediction"]
            # layers that are not trained are computed once; all others three times in training
            once = max(0.0, more["prediction"] - more["training"] / 3)
        return Speed(
            load=load,
            start=start,
            before=Growth(tuple((count, fixed + count * once) for count in (step, 2 * step))),
            epoch=Growth(((step, epoch),)),
            after=fit.after,
            predict=predict,
            alone=predict,
            precision=self.precision(),
            flops=small.real,
            peak=small.rate / SHARE,
            has_epochs=self.has_epochs,
            is_extrapolated=True,
        )


ITEMS: Mapping[str, Callable[[Task, Say], Any]] = {
    function.__name__: function for function in (product, decode, extract, start, learn)
}
