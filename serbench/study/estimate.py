"""Estimate what a study takes: time, memory, disk and GPU hours of its missing folds."""

import dataclasses
import heapq
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from serbench import datasets, tables
from serbench.contracts import Needs
from serbench.corpus import PARTS, Corpus, Fold
from serbench.errors import SerbenchError
from serbench.escaping import one_line
from serbench.evaluation import inputs, provenance
from serbench.evaluation.engines.local import Machine
from serbench.evaluation.engines.task import SHARE
from serbench.evaluation.folds.model_isolation import ALONE
from serbench.evaluation.means import Means
from serbench.evaluation.plan import find_entry
from serbench.evaluation.speed import FrontEnd, Speed, busy
from serbench.features import extraction
from serbench.features.store import Feature
from serbench.files import digest
from serbench.parameters import short_spec, typed
from serbench.protocols import lookup
from serbench.results import fold_file, run
from serbench.results.config import NONE, Config, Request
from serbench.results.fold_schema import Facts
from serbench.settings import Settings
from serbench.study.plan import PlannedRun

HEAD = ("model", "dataset", "protocol", "folds", "there", "per fold", "memory", "known from")
FACTS = 6000  # bytes of a fold file besides its arrays
NUMBERS = 7  # bytes of an utterance in a fold file besides its id and its scores


class Meter(Protocol):
    """The measured speed of this machine; `serbench.bench.meter.Meter` is one."""

    @property
    def device(self) -> str:
        """The device that is measured, "cpu" or "cuda"."""

    def epochs(self, request: Request) -> int:
        """Return the most epochs of training; 1 for a model without epochs."""

    def speed(self, request: Request, fold: Fold, at_once: int, memory: float) -> Speed | None:
        """Return a model's speed with `at_once` folds at a time; None if it is unknown."""

    def start(self, request: Request) -> float | None:
        """Return the seconds until the processes of a fold have started; None if unknown."""

    def front_end(self, request: Request) -> FrontEnd | None:
        """Return the speed of decoding and extraction; None if it is unknown."""


@dataclass(frozen=True)
class Row:
    """The runs of a model on a corpus, with all seeds."""

    model: str  # with its parameters
    dataset: str
    protocol: str
    folds: int
    there: int
    seconds: float | None  # per missing fold, on average; None if unknown
    is_most: bool  # training may stop early
    memory: float  # gigabytes of a fold
    known_from: str  # "finished folds", "measured", "extrapolated", or why it is unknown

    def cells(self) -> list[str]:
        """Return the cells under `HEAD`."""
        per_fold = "unknown" if self.seconds is None else tables.duration(self.seconds)
        counts = [str(self.folds), str(self.there)]
        most = "at most " if self.is_most and self.seconds is not None else ""
        memory = f"{self.memory:g} GB"
        names = [self.model, self.dataset, self.protocol]
        return [*names, *counts, most + per_fold, memory, self.known_from]


@dataclass(frozen=True)
class Extraction:
    """The features of a corpus that the missing folds need and the cache lacks."""

    feature: str
    dataset: str
    utterances: int
    seconds: float | None  # on the clock; None if unknown
    size: float | None  # bytes


@dataclass(frozen=True)
class Estimate:
    """What a study takes. Prints as a table with totals; None means unknown."""

    engine: str
    at_once: int | None  # the most folds at a time; None if the engine decides
    rows: tuple[Row, ...]
    extractions: tuple[Extraction, ...]
    seconds: float | None  # on the clock
    is_most: bool  # training may stop early
    cpu_seconds: float | None  # of all cores together
    gpu_seconds: float | None
    memory: float  # gigabytes of all folds that run at a time, or of the largest fold
    disk: Mapping[str, float | None]  # bytes by what they hold: "results", "features", "models"
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all values as plain JSON values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = [tables.table(HEAD, [row.cells() for row in self.rows]), ""]
        for each in self.extractions:
            lines.append(
                f"extraction: {each.feature} of {tables.count(each.utterances, 'utterance')} of "
                f"{each.dataset}, {_time(each.seconds)}"
            )
        most = "at most " if self.is_most and self.seconds is not None else ""
        times = f", {tables.count(self.at_once, 'fold')} at a time" if self.at_once else ""
        lines.append(f"time on the engine {self.engine}{times}: {most}{_time(self.seconds)}")
        if self.seconds is None and not self.at_once:
            lines[-1] += ", since the cluster decides how many folds run at a time"
        lines.append(f"CPU: {_hours(self.cpu_seconds)}; GPU: {_hours(self.gpu_seconds)}")
        lines.append(f"memory: {self.memory:.3g} GB{'' if self.at_once else ' per fold'}")
        disk = ", ".join(f"{name} {_size(size)}" for name, size in self.disk.items())
        return "\n".join([*lines, f"disk: {disk}", *self.notes])


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else tables.duration(seconds)


def _hours(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds / 3600:.2g} hours"


def _size(size: float | None) -> str:
    return "unknown" if size is None else tables.size(size)


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seeds only."""

    runs: tuple[PlannedRun, ...]
    protocol: str
    corpus: Corpus  # maybe without audio
    folds: tuple[Fold, ...]
    needs: Needs
    missing: Mapping[int, int]  # how many runs lack a fold, by the fold's position

    @property
    def request(self) -> Request:
        """The request of one of the runs."""
        return self.runs[0].request

    @property
    def config(self) -> Config | None:
        """The configuration of one of the runs."""
        return self.runs[0].config

    @property
    def copies(self) -> tuple[str, ...]:
        """The perturbations of the training copies."""
        if self.config is not None:
            return tuple(sorted(self.config.augment))
        asked = self.request.augment
        return () if asked == NONE else asked or find_entry(self.request).augment

    def learned(self, position: int) -> Fold:
        """Return a fold whose training set counts the copies."""
        fold = self.folds[position]
        return dataclasses.replace(fold, train=fold.train * (1 + len(self.copies)))


@dataclass(frozen=True)
class Times:
    """The times of a group's folds."""

    folds: Mapping[int, float]  # seconds by position; empty if unknown
    known_from: str
    is_most: bool = False
    is_gpu: bool = False  # whether a GPU was timed
    saved: float | None = None  # bytes of a kept model


def estimate(
    runs: Sequence[PlannedRun], means: Means, meter: Meter, places: Settings, planning: float
) -> Estimate:
    """Estimate what the missing folds of runs take, without writing to the results.

    Args:
        runs: the runs of a study.
        means: the engine and its options.
        meter: measures the speed of models that have no finished folds.
        places: settings of this machine.
        planning: seconds that planning has taken.
    """
    return _Estimator(means, meter, places).estimate(runs, planning)


class _Estimator:
    """The estimate of one study."""

    def __init__(self, means: Means, meter: Meter, places: Settings):
        self._means, self._meter, self._places = means, meter, places
        self._is_local = means.engine == "local"
        jobs = means.options.get("jobs")
        self._jobs = jobs if isinstance(jobs, int) else None
        self._problems: list[str] = []

    def estimate(self, runs: Sequence[PlannedRun], planning: float) -> Estimate:
        groups = self._groups(runs)
        finished = Finished(runs, self._meter.device if self._is_local else None)
        times = [self._times(group, finished) for group in groups]
        rows = [self._row(group, each) for group, each in zip(groups, times, strict=True)]
        extractions, work = self._extractions(groups)
        tasks = [
            (group.needs, each.folds.get(at))
            for group, each in zip(groups, times, strict=True)
            for at, count in group.missing.items()
            for _ in range(count)
        ]
        known = [(needs, seconds) for needs, seconds in tasks if seconds is not None]
        is_known = len(known) == len(tasks)
        # tasks of unknown time still need memory
        wall, at_once, memory = self._wall([(needs, seconds or 1.0) for needs, seconds in tasks])
        parts = [planning, *(each.seconds for each in extractions), wall if is_known else None]
        gpus = sum(seconds * needs.gpus for needs, seconds in known)
        is_timed = all(
            each.is_gpu or not group.needs.gpus or not group.missing
            for group, each in zip(groups, times, strict=True)
        )
        fold_seconds = _total([seconds and seconds * needs.threads for needs, seconds in tasks])
        return Estimate(
            engine=self._means.engine,
            at_once=at_once,
            rows=tuple(rows),
            extractions=tuple(extractions),
            seconds=_total(parts),
            is_most=any(row.is_most and row.folds > row.there for row in rows),
            cpu_seconds=_total([fold_seconds, work]),
            gpu_seconds=gpus if is_known and is_timed else None,
            memory=memory,
            disk=self._disk(groups, times, extractions),
            notes=tuple(dict.fromkeys(self._problems)),
        )

    def _groups(self, runs: Sequence[PlannedRun]) -> list[Group]:
        """Group runs that differ only in their seeds; leave out runs whose folds are unknown."""
        by_key: dict[str, list[PlannedRun]] = {}
        seen = set()
        for each in runs:
            identity = _identity(each.request, seed=each.request.seed)
            if identity not in seen and each.folder not in seen:
                by_key.setdefault(_identity(each.request), []).append(each)
            seen |= {identity, each.folder} - {None}
        outlines: dict[str, tuple[str, Corpus, tuple[Fold, ...]]] = {}
        groups = []
        for of_group in by_key.values():
            first = next((each for each in of_group if each.plan), of_group[0])
            try:
                protocol, corpus, folds = self._outline(first, outlines)
                needs = self._needs(first)
            except SerbenchError as error:
                title = f"{first.request.model} on {first.request.dataset}"
                self._problems.append(one_line(f"no estimate of {title}: {error}", 400))
                continue
            missing = {
                at: sum(each.folder is None or not each.result(at).exists() for each in of_group)
                for at in range(len(folds))
            }
            missing = {at: count for at, count in missing.items() if count}
            groups.append(Group(tuple(of_group), protocol, corpus, folds, needs, missing))
        return groups

    def _outline(
        self, planned: PlannedRun, known: dict[str, tuple[str, Corpus, tuple[Fold, ...]]]
    ) -> tuple[str, Corpus, tuple[Fold, ...]]:
        """Return protocol, corpus and folds; without audio, as the plugin describes them."""
        if planned.plan is not None:
            plan = planned.plan
            return plan.config.protocol, plan.corpus, plan.folds
        request = planned.request
        key = digest([request.dataset, request.protocol, request.labels, str(request.data)])
        if key not in known:
            data = None if request.data is None else Path(request.data)
            source = datasets.find(request.dataset, self._places, data)
            protocol = lookup.find_protocol(request.protocol, source.dataset)
            corpus = datasets.outline(source, request.labels)
            known[key] = protocol.name, corpus, tuple(lookup.make_folds(protocol, corpus))
        return known[key]

    def _needs(self, planned: PlannedRun) -> Needs:
        request, entry = planned.request, find_entry(planned.request)
        threads = entry.threads if request.threads is None else request.threads
        is_cpu = (self._means.device or self._places.device) == "cpu"
        return Needs(threads, entry.memory, 0 if is_cpu else entry.gpus, entry.minutes)

    def _times(self, group: Group, finished: "Finished") -> Times:
        """Return the times of the missing folds, from the best source available."""
        if not group.missing:
            return Times({}, "")
        request, folds = group.request, group.folds
        try:
            if facts := finished.like(group):
                start = self._meter.start(request) or 0.0
                return Times(
                    {at: start + _scaled(facts, folds[at]) for at in group.missing},
                    f"{len(facts)} finished folds",
                    is_gpu=facts[0].device == "cuda",
                )
            largest = max(map(group.learned, group.missing), key=lambda fold: len(fold.train))
            at_once = self._capacity(group.needs, sum(group.missing.values()))
            speed = self._meter.speed(request, largest, at_once, group.needs.memory)
            epochs = self._meter.epochs(request)
        except SerbenchError as error:
            return Times({}, f"unknown: {one_line(str(error), 100)}")
        if speed is None:
            return Times({}, "unknown: not measured")
        return Times(
            {at: sum(speed.parts(group.learned(at), epochs).values()) for at in group.missing},
            "extrapolated from a small fit" if speed.is_extrapolated else "measured",
            is_most=epochs > 1 and speed.has_epochs,
            is_gpu=self._meter.device == "cuda",
            saved=speed.saved or None,
        )

    def _capacity(self, needs: Needs, folds: int) -> int:
        """Return how many of `folds` folds with these needs run at a time."""
        if not self._is_local or self._jobs == 0:
            return 1
        machine, count = Machine(self._jobs), 0
        while count < folds and machine.admits(needs):
            machine.start(count, needs)
            count += 1
        return count

    def _row(self, group: Group, times: Times) -> Row:
        request, config = group.request, group.config
        params = " ".join(typed(name, value) for name, value in sorted(request.params.items()))
        missing = sum(group.missing.values())
        folds = len(group.runs) * len(group.folds)
        seconds = None
        if times.folds:
            total = sum(times.folds[at] * count for at, count in group.missing.items())
            seconds = total / missing
        return Row(
            model=f"{request.model} {params}".strip(),
            dataset=request.dataset if config is None else config.dataset,
            protocol=group.protocol,
            folds=folds,
            there=folds - missing,
            seconds=seconds,
            is_most=times.is_most,
            memory=group.needs.memory,
            known_from=times.known_from,
        )

    def _extractions(self, groups: Sequence[Group]) -> tuple[list[Extraction], float | None]:
        """Return the missing features, and the CPU seconds that their extraction takes."""
        by_key: dict[tuple[object, str], list[Group]] = {}
        for group in groups:
            for copy in ("", *group.copies) if group.missing else ():
                by_key.setdefault((_inputs(group), copy), []).append(group)
        extractions: list[Extraction] = []
        work: list[float | None] = []
        for (_, copy), sharing in by_key.items():
            count = len(self._lacking(sharing, copy))
            if not count:
                continue
            if copy:
                self._problems.append(f"not counted: the time to perturb, {short_spec(copy)}")
            request, config = sharing[0].request, sharing[0].config
            feature = find_entry(request).features if config is None else config.feature
            try:
                front = self._meter.front_end(request)
            except SerbenchError as error:
                self._problems.append(f"no estimate of {feature}: {one_line(str(error), 300)}")
                front = None
            seconds = size = one = None
            if front is not None:
                one = count * (front.decode + front.extract)
                seconds, size = front.seconds(count), count * front.size
                throttle = self._throttle()
                if not self._is_local and throttle:
                    shares = [SHARE] * (count // SHARE) + [count % SHARE]
                    seconds = busy([share * one / count for share in shares], throttle)
            dataset = request.dataset if config is None else config.dataset
            name = f"{feature} with {short_spec(copy)}" if copy else feature
            extractions.append(Extraction(name, dataset, count, seconds, size))
            work.append(one)
        return extractions, _total(work)

    def _lacking(self, groups: Sequence[Group], copy: str) -> set[str]:
        """Return the ids of utterances whose features the missing folds lack.

        With the perturbation `copy`, these are training utterances, whose copies are lacking.
        """
        needed = {
            id_
            for group in groups
            for at in group.missing
            for part in (PARTS[:1] if copy else PARTS)
            for id_ in getattr(group.folds[at], part)
        }
        plan = groups[0].runs[0].plan
        if plan is None:
            return needed
        if copy:
            plan = plan.copies[groups[0].copies.index(copy)]
        cache = self._places.cache
        stored = extraction.audio_digests(plan.corpus, cache, plan.source.root)
        store = extraction.stored(Feature.of(plan.config), cache)
        return {id_ for id_ in needed if (stored[id_] or "") not in store}

    def _throttle(self) -> int | None:
        """Return how many tasks of another engine run at a time; None if the cluster decides."""
        throttle = self._means.options.get("throttle")
        return throttle if isinstance(throttle, int) and throttle > 0 else None

    def _wall(self, tasks: Sequence[tuple[Needs, float]]) -> tuple[float | None, int | None, float]:
        """Return the seconds until tasks end, the most at a time, and their memory together."""
        if self._is_local:
            return simulate(tasks, Machine(1 if self._jobs == 0 else self._jobs))
        largest = max((needs.memory for needs, _ in tasks), default=0.0)
        throttle = self._throttle()
        if throttle is None:
            return None, None, largest
        at_once = min(throttle, len(tasks))
        return busy([seconds for _, seconds in tasks], throttle), at_once, largest * at_once

    def _disk(
        self, groups: Sequence[Group], times: Sequence[Times], extractions: Sequence[Extraction]
    ) -> dict[str, float | None]:
        results = 0.0
        models: list[float | None] = []
        for group, each in zip(groups, times, strict=True):
            for at, count in group.missing.items():
                scored = [*group.folds[at].validation, *group.folds[at].test]
                utterance = NUMBERS + 4 * len(group.corpus.labels)
                results += count * (FACTS + sum(len(id_) + utterance for id_ in scored))
                models.append(None if each.saved is None else count * each.saved)
        disk = {"results": results, "features": _total([each.size for each in extractions])}
        return {**disk, "models": _total(models)} if self._means.keep_models else disk


class Finished:
    """The finished folds among the results whose models and corpora a study also has.

    Args:
        runs: the runs of the study.
        device: the device of this machine that must have computed the folds; None accepts any
            machine.
    """

    def __init__(self, runs: Sequence[PlannedRun], device: str | None):
        self._device = device
        self._folders: dict[str, list[Path]] = {}  # by `_cost`
        prefixes: dict[Path, set[str]] = {}
        for each in runs:
            if each.folder is not None and each.config is not None:
                prefix = each.folder.name.partition(f"_{each.config.model}_")[0]
                prefixes.setdefault(each.folder.parent, set()).add(prefix)
        for parent, starts in prefixes.items():
            for folder in run.folders(parent):
                if folder.name.startswith(tuple(starts)) and (facts := self._facts(folder, 1)):
                    self._folders.setdefault(_cost(facts[0].config), []).append(folder)

    def _facts(self, folder: Path, most: int) -> list[Facts]:
        found = []
        for path in sorted(folder.glob("*.safetensors"))[:most]:
            try:
                found.append(fold_file.read(path).facts)
            except SerbenchError:  # not a result; the evaluation reports it
                continue
        return [facts for facts in found if self._fits(facts)]

    def _fits(self, facts: Facts) -> bool:
        here = (self._device, provenance.processor())
        return self._device is None or (facts.device, facts.machine.get("model")) == here

    def like(self, group: Group) -> list[Facts]:
        """Return facts of finished folds whose times apply to a group, in proportion to size."""
        if group.config is None:
            return []
        folders = self._folders.get(_cost(group.config), [])
        return [facts for folder in folders[:5] for facts in self._facts(folder, 10)]


def _cost(config: Config) -> str:
    """Return a digest of everything but its size on which the time of a fold depends."""
    names = ("dataset", "model", "model_version", "params", "feature", "feature_version")
    more = ("feature_params", "reading", "precision", "threads", "augment")
    return digest([getattr(config, name) for name in (*names, *more)])


def _scaled(facts: Sequence[Facts], fold: Fold) -> float:
    """Return the seconds of fitting and predicting a fold, in proportion to finished ones."""
    estimates = []
    for each in facts:
        counts = each.fold.utterances
        per_test = each.seconds["predict"] / max(1, counts["test"])
        predicted = len(fold.validation) + len(fold.test) + ALONE
        fitted = each.seconds["fit"] * len(fold.train) / max(1, counts["train"])
        estimates.append(fitted + predicted * per_test)
    return statistics.median(estimates)


def _identity(request: Request, seed: int = 0) -> str:
    values = {each.name: getattr(request, each.name) for each in dataclasses.fields(request)}
    values |= {"seed": seed, "data": str(request.data)}
    return digest(values)


def _inputs(group: Group) -> object:
    """Return a key that groups share if they learn the same features from the same corpus."""
    plan, request = group.runs[0].plan, group.request
    if plan is not None:
        return inputs.key(plan)
    entry = find_entry(request)
    params = {name: request.params.get(name) for name in entry.feature_params}
    return digest([request.dataset, str(request.data), entry.features, params, request.trim_db])


def _total(parts: Sequence[float | None]) -> float | None:
    """Return the sum; None if a part is unknown."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def simulate(tasks: Sequence[tuple[Needs, float]], machine: Machine) -> tuple[float, int, float]:
    """Run tasks of known times on a machine, as the engine `local` does, without waiting.

    Args:
        tasks: the needs and the seconds of each, in order.
        machine: admits tasks as long as it has room.

    Returns:
        The seconds until the last one ends, the most that run at a time, and the most gigabytes
        that running tasks need together.

    >>> simulate([(Needs(), 3.0)] * 3, Machine(1))
    (9.0, 1, 1.0)
    """
    waiting: dict[Needs, deque[tuple[int, float]]] = {}  # tasks with the same needs, in order
    for position, (needs, seconds) in enumerate(tasks):
        waiting.setdefault(needs, deque()).append((position, seconds))
    running: list[tuple[float, int, float]] = []  # end, position, memory
    now, most, memory = 0.0, 0, 0.0
    while waiting or running:
        fitting = [needs for needs in waiting if not machine.is_full() and machine.admits(needs)]
        if fitting:
            needs = min(fitting, key=lambda each: waiting[each][0])
            position, seconds = waiting[needs].popleft()
            if not waiting[needs]:
                del waiting[needs]
            machine.start(position, needs)
            heapq.heappush(running, (now + seconds, position, needs.memory))
            most = max(most, len(running))
            memory = max(memory, sum(each for _, _, each in running))
        else:
            now, position, _ = heapq.heappop(running)
            machine.end(position)
    return now, most, memory
