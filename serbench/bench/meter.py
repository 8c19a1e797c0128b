"""Measure the speed of models and features for an estimate, and store what was measured."""

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serbench import datasets, processes
from serbench.bench import measure, workload
from serbench.bench.measure import Say, Task, Timing
from serbench.bench.workload import Candidate
from serbench.contracts import Lengths
from serbench.corpus import Fold
from serbench.datasets import Source
from serbench.evaluation import provenance
from serbench.evaluation.speed import FrontEnd, Speed
from serbench.files import digest, replacing
from serbench.results.config import Request
from serbench.settings import Settings, find_device

SCHEMA = 1
SECONDS = 2.0  # to spend on decoding and on a feature, roughly
LEARNING = 10.0  # to spend on larger and larger fits of a model, roughly
SOLVING = 20.0  # the same for a model without epochs, whose time is not proportional
LIMIT = 40.0  # seconds of a model's measurement, beyond which the model is extrapolated
LARGE = 4.0  # gigabytes of a fold; several larger models at a time are not measured


class Meter:
    """The speed of models and their front ends on this machine, each measured only once.

    Measurements are stored in the cache, under this machine and the versions and sources of all
    packages that take part.

    Args:
        places: settings of this machine.
        device: "auto", "cpu" or "cuda".
        say: called with a line about the measurement that runs.
        measures: whether to measure what is not stored.
    """

    def __init__(self, places: Settings, device: str, say: Say, measures: bool = True):
        self._places, self._wanted, self._say, self._measures = places, device, say, measures
        self._results: dict[Path, Mapping[str, Any]] = {}
        self._lengths: dict[str, Lengths] = {}  # by dataset
        self._is_busy = processes.load() > processes.cores()

    @functools.cached_property
    def device(self) -> str:
        """The device that is measured, "cpu" or "cuda"."""
        return find_device(self._wanted)

    def epochs(self, request: Request) -> int:
        """Return the most epochs of training; 1 for a model without epochs."""
        task = self._task(request)
        assert task.model is not None
        return task.model.epochs

    def speed(self, request: Request, fold: Fold, at_once: int, memory: float) -> Speed | None:
        """Return the speed of a model in `at_once` processes at a time; the slowest one counts.

        Args:
            request: the model, its parameters and the corpus.
            fold: the largest fold.
            at_once: the number of processes.
            memory: gigabytes of a fold.

        Returns:
            The speed; None if it is not stored and may not be measured.

        Raises:
            SerbenchError: the model cannot be measured.
        """
        task = self._task(request)
        most, held_out = len(fold.train), len(fold.validation)
        task = dataclasses.replace(task, seconds=LEARNING, most=most, limit=LIMIT)
        if task.model is not None and "epochs" not in task.model.params:
            files = workload.sample(self._source(request), request.labels, most + held_out)
            share = held_out / most
            task = dataclasses.replace(task, files=files, held_out=share, seconds=SOLVING)
        stored = self._measured("learn", request, task, at_once if memory <= LARGE else 1)
        return None if stored is None else Speed.of(stored)

    def start(self, request: Request) -> float | None:
        """Return the seconds until the processes of a fold have started; see `speed`."""
        stored = self._measured("start", request, self._task(request), 1)
        return None if stored is None else Timing(**stored).start

    def front_end(self, request: Request) -> FrontEnd | None:
        """Return the speed of decoding a corpus and extracting a model's features; see `speed`."""
        task, cores = self._task(request), processes.cores()
        assert task.model is not None
        task = dataclasses.replace(task, feature=task.model.feature, model=None, threads=1)
        decode = self._measured("decode", request, dataclasses.replace(task, feature=None), cores)
        extract = self._measured("extract", request, task, cores)
        if decode is None or extract is None:
            return None
        feature = Timing(**extract)
        return FrontEnd(
            feature.start, Timing(**decode).seconds, feature.seconds, cores, feature.size
        )

    def _source(self, request: Request) -> Source:
        data = None if request.data is None else Path(request.data)
        return datasets.find(request.dataset, self._places, data)

    def _task(self, request: Request) -> Task:
        source = self._source(request)
        if request.dataset not in self._lengths:
            self._lengths[request.dataset] = workload.lengths_of(source)
        model = workload.model(request, source, self._places)
        lengths = self._lengths[request.dataset]
        return Task(lengths, SECONDS, model.threads, model=model, device=self.device)

    def _measured(
        self, item: str, request: Request, task: Task, at_once: int
    ) -> Mapping[str, Any] | None:
        """Return a stored measurement, or measure now; the slowest of all processes counts."""
        path = (
            self._places.cache / "speeds" / f"{self._identity(item, request, task, at_once)}.json"
        )
        if path not in self._results and path.exists():
            self._results[path] = json.loads(path.read_text())
        if path not in self._results and self._measures:
            names = {"learn": request.model, "start": f"the start of {request.model}"}
            feature = "" if task.feature is None else task.feature.name
            name = names.get(item, f"{feature or 'decoding'} of {request.dataset}")
            found = measure.measure(item, name, task, self._say, at_once)
            self._results[path] = max(found, key=_slowness)
            if not self._is_busy:
                with replacing(path) as temporary:
                    temporary.write_text(json.dumps(self._results[path]))
        return self._results.get(path)

    def _identity(self, item: str, request: Request, task: Task, at_once: int) -> str:
        model: Candidate | None = task.model
        if model is not None:  # an epoch takes as long, however many there are
            params = {name: value for name, value in model.params.items() if name != "epochs"}
            model = dataclasses.replace(model, params=params)
        same = dataclasses.replace(task, model=model, most=None)
        feature = same.feature or (model and model.feature)
        packages = {}
        if feature:
            packages = provenance.sources_of(request.model, feature.name, [request.dataset])
        return digest(
            {
                "schema": SCHEMA,
                "item": item,
                "task": dataclasses.asdict(same),
                "at once": at_once,
                "machine": [provenance.processor(), processes.cores()],
                "versions": provenance.versions(),
                "sources": packages,
            }
        )


def _slowness(measured: Mapping[str, Any]) -> float:
    """Return the seconds per utterance of a `Timing` or a `Speed`."""
    if "epoch" not in measured:
        return float(measured["seconds"])
    return Speed.of(measured).epoch.per_utterance
