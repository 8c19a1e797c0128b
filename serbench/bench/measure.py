"""Measures how fast a model learns and predicts, through the contract that every model meets.

It is fitted to more and more synthetic utterances for a few epochs; what it reports tells its
epochs apart. Runs in a fresh process, as a fold of an evaluation does.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from serbench.bench import workload
from serbench.bench.estimate import Growth, fastest
from serbench.contracts import Array, Counts, Describes, Examples, Lengths, Model, Wave, Workspace
from serbench.features import audio
from serbench.features.store import Feature, check_arrays
from serbench.parallel import Tell, Words
from serbench.plugins import registry

ROUND = 16  # utterances whose features are timed together; the front end extracts each alone
FILES = 24
SIDE = 2048  # of the matrices whose product is the limit of arithmetic


def product(words: Words, tell: Tell) -> Words:
    """The product of large matrices in float32: `gflops` a second."""
    random = np.random.default_rng(0)
    left, right = (random.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    out = np.empty_like(left)
    with threadpoolctl.threadpool_limits(words["threads"]):
        took = fastest(lambda: np.matmul(left, right, out=out), words["seconds"])
    return {"gflops": 2 * SIDE**3 / took / 1e9}


def decode(words: Words, tell: Tell) -> Words:
    """Decode, digest and trim files as the front end does: `seconds` of an utterance."""
    import soundfile

    of = Lengths(**words["lengths"])
    waves = workload.voices(workload.drawn(of, FILES), of.rate, sounding=of.trimmed)
    reading = audio.Reading()

    def read() -> None:
        for path in paths:
            _, samples, rate = audio.decoded(path)
            audio.wave(samples, rate, reading)

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{place}.wav" for place in range(FILES)]
        for path, wave in zip(paths, waves, strict=True):
            soundfile.write(path, wave, of.rate, subtype="PCM_16")
        with threadpoolctl.threadpool_limits(words["threads"]):
            read()  # imports
            return {"seconds": fastest(read, words["seconds"]) / FILES}


def extract(words: Words, tell: Tell) -> Words:
    """Extract a feature: `seconds` of an utterance, and how long imports took: `load`."""
    began = time.time()
    extractor, waves = _extractor(words, ROUND)
    with threadpoolctl.threadpool_limits(words["threads"]):
        check_arrays(words["feature"]["name"], extractor(waves[:1]), 1)
        load = time.time() - began
        took = fastest(lambda: [extractor([wave]) for wave in waves], words["seconds"])
    return {"seconds": took / len(waves), "began": began, "load": load}


def inputs(words: Words, count: int) -> list[Array]:
    """What a model gets of so many utterances as long as the corpus's, trimmed."""
    extractor, waves = _extractor(words, count)
    return check_arrays(words["feature"]["name"], extractor(waves), count)


def _extractor(words: Words, count: int) -> tuple[Any, list[Wave]]:
    feature = Feature(**words["feature"])
    target = registry.load(registry.find("feature", feature.name))
    extractor: Any = target(**registry.complete(target, feature.params))
    seconds = workload.trimmed(Lengths(**words["lengths"]), count)
    # in no order of length, as a corpus is
    mixed = [seconds[place] for place in np.random.default_rng(0).permutation(count)]
    return extractor, workload.voices(mixed, audio.RATE)


BATCH = 16  # utterances in a step, where a model has no parameter of that name
EPOCHS = 3
HELD_OUT = 8  # validation utterances
MOST = 32  # steps of the largest fit, where nobody says how many are wanted


@dataclass(frozen=True)
class Fit:
    """One fit, and where its time went.

    Attributes:
        count: training utterances.
        before: seconds until the first epoch began, as far as an epoch's length tells.
        epoch: seconds of the fastest epoch.
        after: seconds from the last epoch's report on.
        total: seconds in all.
    """

    count: int
    before: float
    epoch: float
    after: float
    total: float


@dataclass
class Watch:
    """A workspace that looks at the clock whenever a model reports."""

    device: str
    threads: int
    precision: str
    folder: Path
    times: list[float] = field(default_factory=list)

    def report(self, epoch: int, epochs: int, **values: float) -> None:
        """An epoch is over."""
        self.times.append(time.perf_counter())


def learn(words: Words, tell: Tell) -> Words:
    """Fit a model to more and more utterances, and predict with it.

    Args:
        words: `model`, `params`, `labels`, `seed`, `feature`, `lengths`, `device`, `threads`,
            `seconds` to spend, and `wanted`: the most training utterances, or None.
        tell: hears nothing.

    Returns:
        `began`: when this process could begin; `load`: seconds of the model's imports; `late`:
        seconds that its first fit took longer than a later one; `fits`: rows of `Fit`; `half`:
        the start of one to half a step, for what is done once may take long whatever there is;
        `held_out`: their validation utterances; `predict`: seconds of an utterance among others,
        `alone`: of one; and the arithmetic of one utterance, where the model counts it.
    """
    began = time.time()
    registry.load(registry.find("model", words["model"]))
    load = time.time() - began
    trial = Trial(words)
    with threadpoolctl.threadpool_limits(words["threads"]):
        first = trial.fit(trial.few, epochs=1)
        peak = trial.peak()
        half, fits = trial.half(), trial.grow()
        pool, predict = trial.pool, trial.model.predict
        among = fastest(lambda: predict(pool), words["seconds"] / 4) / len(pool)
        alone = fastest(lambda: predict(pool[:1]), 0)
        counted = trial.counted(max(peak, trial.peak()))
    return {
        "began": began,
        "load": load,
        "late": max(0.0, first.total - _usual(half, fits, first.count)),
        "half": [half.count, half.before],
        "fits": [[one.count, one.before, one.epoch, one.after] for one in fits],
        "held_out": HELD_OUT,
        "predict": among,
        "alone": alone,
        **counted,
    }


def _usual(half: Fit, fits: Sequence[Fit], count: int) -> float:
    """Seconds of a fit to so many utterances for one epoch, by what later fits took."""
    before = Growth(tuple((one.count, one.before) for one in (half, *fits))).at(count)
    epoch = Growth(tuple((one.count, one.epoch) for one in fits)).at(count)
    return before + epoch + fits[-1].after


class Trial:
    """A model on synthetic utterances.

    Attributes:
        pool: inputs of one step; larger sets repeat it, a little changed, so that all have the
            same lengths in the same shares.
        few: utterances of a first fit, whose only worth is that it imports what is imported late.
        model: the one that was fitted last.
    """

    model: Model

    def __init__(self, words: Words):
        self._words = words
        batch = words["params"].get("batch")
        step = batch if isinstance(batch, int) else BATCH
        self._epochs = "epochs" in words["params"]
        self.few = max(4, len(words["labels"]))
        # whole steps, so many that half of it has every label
        self._batch = step * max(1, -(-2 * self.few // step))
        self._most = words["wanted"] or MOST * self._batch
        self.pool = inputs(words, self._batch)

    def half(self) -> Fit:
        """A fit to half a step of utterances."""
        return self.fit(max(1, min(self._batch, self._most) // 2))

    def grow(self) -> list[Fit]:
        """Fits to one step of utterances, two, four, and so on, while there is time."""
        end = time.perf_counter() + self._words["seconds"]
        most = self._most
        fits = [self.fit(min(self._batch, most))]
        # the next one may well take more than twice as long
        while fits[-1].count < most and time.perf_counter() + 2.5 * fits[-1].total < end:
            fits.append(self.fit(min(2 * fits[-1].count, most)))
        return fits

    def fit(self, count: int, epochs: int = EPOCHS) -> Fit:
        """Fit the model to so many utterances, for so many epochs if it has any."""
        words, params = self._words, dict(self._words["params"])
        if self._epochs:
            params["epochs"] = epochs
        target: Any = registry.load(registry.find("model", words["model"]))
        self.model = target(labels=tuple(words["labels"]), seed=words["seed"], **params)
        train, validation = self._examples(count, 1), self._examples(HELD_OUT, 2)
        with tempfile.TemporaryDirectory() as folder:
            watch: Any = Watch(words["device"], words["threads"], "float32", Path(folder))
            lent: Workspace = watch
            started = time.perf_counter()
            self.model.fit(train, validation, lent)
            return self._taken(count, [started, *watch.times, time.perf_counter()])

    def _taken(self, count: int, times: Sequence[float]) -> Fit:
        """Where the time went between start, reports and end."""
        total, between = times[-1] - times[0], np.diff(times)
        if not self._epochs or len(between) < 2:  # not in epochs, or it does not report them
            return Fit(count, 0.0, total, 0.0, total)
        epoch = float(between[1:-1].min()) if len(between) > 2 else float(between[0])
        return Fit(count, max(0.0, float(between[0]) - epoch), epoch, float(between[-1]), total)

    def _examples(self, count: int, seed: int) -> Examples:
        """So many utterances of the pool, again and again, no two quite the same."""
        random = np.random.default_rng(seed)
        places = np.arange(count) % len(self.pool)
        arrays = [_changed(self.pool[place], random) for place in places]
        speakers = tuple(f"speaker{place % 4}" for place in places)
        return Examples(arrays, places.astype(np.int64) % len(self._words["labels"]), speakers)

    def peak(self) -> float:
        """Operations a second that the machine can do; 0 where the model does not count them."""
        if not isinstance(self.model, Counts):
            return 0.0
        return self.model.peak(self._words["device"], self._words["threads"])

    def counted(self, peak: float) -> dict[str, Any]:
        """Arithmetic of one utterance, the machine's peak, and what the model says of itself."""
        facts = self.model.describe() if isinstance(self.model, Describes) else {}
        found: dict[str, Any] = {"precision": str(facts.get("precision", ""))}
        if isinstance(self.model, Counts):
            of, size = self.model, len(self.pool)
            found["training_flops"] = of.flops(self.pool, True) / size
            found["prediction_flops"] = of.flops(self.pool, False) / size
            found["peak"] = peak
        return found


def _changed(array: Array, random: np.random.Generator) -> Array:
    noise = random.standard_normal(array.shape, dtype=np.float32)
    changed: Array = (array * (1 + np.float32(0.1) * noise)).astype(array.dtype)
    return changed
