"""Plan a run: check a request, fix the run's identity, and divide it into one job per fold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from serbench import datasets
from serbench.contracts import ModelEntry, Needs, ResolvesParams
from serbench.corpus import PARTS, Corpus, Fold, Protocol, protocol_digest
from serbench.errors import BadParameter, PluginError, SerbenchError
from serbench.features import extraction, perturbation
from serbench.features.audio import Reading
from serbench.features.normalisation import Normalisation
from serbench.features.store import Feature
from serbench.parameters import checked, is_import_path, settable, short_spec
from serbench.plugins import registry
from serbench.plugins.guarded_import import guarded
from serbench.protocols import leakage, lookup, speakers
from serbench.results import fold_file
from serbench.results.config import (
    MOST_THREADS,
    NONE,
    Config,
    Request,
    require_normalising,
)
from serbench.settings import Settings

MOST_SEED = 2**32 - 1  # scikit-learn and others accept at most 32 bits
RESERVED = ("labels", "seed", "device")  # arguments of a model that are not parameters


@dataclass(frozen=True)
class Job:
    """One fold to train and score, in plain values for another process."""

    config: Config  # of the run
    params: Mapping[str, object]  # all parameters of the model
    fold: int  # its position in the protocol
    pins: Mapping[str, str]  # digests of the corpus, the protocol and the fold's audio, as planned
    root: str  # the corpus's folder
    cache: str  # see `Settings`
    result: str  # the file to write
    device: str  # "auto", "cpu" or "cuda"; found where the fold is trained
    keep_model: bool = False  # beside the result; not part of the run's identity
    isolated: bool = True  # in a process of the model's own; False is for debuggers, never ranked
    extras: Sequence[Mapping[str, Any]] = ()  # extra test sets; see `extra_sets.PlannedSet.job`
    page: str = ""  # see `datasets.Source`

    def message(self) -> dict[str, Any]:
        """Return the job as plain values; `Job.of` reads them."""
        return {**vars(self), "config": self.config.stored()}

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> "Job":
        """Return the job of a `message`."""
        return cls(**{**message, "config": Config(**message["config"])})


@dataclass(frozen=True)
class Plan:
    """A run before its computation; its corpus has the run's label set."""

    config: Config
    params: Mapping[str, object]  # all parameters of the model
    needs: Needs  # of a fold, from the model's entry
    corpus: Corpus
    folds: tuple[Fold, ...]  # in the protocol's order
    source: datasets.Source
    pins: Mapping[str, str]  # digests of the corpus and of the protocol
    protocol: Protocol

    @property
    def doubts(self) -> tuple[str, ...]:
        """A line for each fact about speakers and labels that looks wrong, but may be right."""
        return speakers.doubts(self.corpus)

    @cached_property
    def copies(self) -> "tuple[Plan, ...]":
        """The plan as if the run learned from the copies of each perturbation, to extract them."""
        return tuple(
            replace(self, config=replace(self.config, reading=feature.reading, augment={}))
            for feature in Feature.of_copies(self.config)
        )

    def ids(self, position: int) -> tuple[str, ...]:
        """Return the ids of a fold's utterances: training, validation, test."""
        fold = self.folds[position]
        return (*fold.train, *fold.validation, *fold.test)


@dataclass(frozen=True)
class Division:
    """A corpus under a label set, divided by a protocol; checked for shared speakers."""

    corpus: Corpus
    source: datasets.Source
    protocol: Protocol
    folds: tuple[Fold, ...]
    pins: Mapping[str, str]


class Planner:
    """Plan runs; runs share what does not depend on the seed, such as their corpora."""

    def __init__(self, places: Settings):
        self._places = places
        self._known: dict[object, Any] = {}

    def plan(self, request: Request) -> Plan:
        """Look up every name, and check everything that needs no computation.

        Raises:
            SerbenchError: a name or parameter is unknown, the corpus is missing or incomplete, or
                the protocol shares speakers between its sets without declaring it.
        """
        require_normalising(request.normalise)
        entry = find_entry(request)
        key = (request.dataset, request.labels, request.protocol, request.data)
        division = self._once(key, lambda: divide(request, self._places))
        # may download, so cheap checks come first
        given = (division.source, division.protocol, entry)
        model, params, config = self._identified(request, *given)
        _require_resources(config, model)
        Normalisation.of(config.normalise).require_material(division.corpus, _sets(division.folds))
        # the constructor may refuse a value
        with guarded(f"{request.model} cannot be made", passing=(SerbenchError,)):
            model(labels=division.corpus.labels, seed=request.seed, **params)
        needs = Needs(config.threads, entry.memory, entry.gpus, entry.minutes)
        return Plan(
            config,
            params,
            needs,
            division.corpus,
            division.folds,
            division.source,
            division.pins,
            division.protocol,
        )

    def identify(self, request: Request) -> Config:
        """Return the configuration of a run, without reading its corpus.

        Raises:
            SerbenchError: a name or parameter is unknown.
        """
        data = Path(request.data) if request.data is not None else None
        source = datasets.find(request.dataset, self._places, data)
        protocol = lookup.find_protocol(request.protocol, source.dataset)
        return self._identified(request, source, protocol, find_entry(request))[-1]

    def _identified(
        self, request: Request, source: datasets.Source, protocol: Protocol, entry: ModelEntry
    ) -> tuple[Any, dict[str, object], Config]:
        """Call `_identified` once for all seeds: to find a checkpoint may take seconds."""
        if not isinstance(request.seed, int) or not 0 <= request.seed <= MOST_SEED:
            raise BadParameter(
                f"the seed is {request.seed!r}, but must be a whole number from 0 to {MOST_SEED}"
            )
        any_seed = replace(request, seed=0)
        given = (any_seed, source, protocol, entry)
        model, params, config = self._once(repr(any_seed), lambda: _identified(*given))
        return model, params, replace(config, seed=request.seed)

    def _once(self, key: object, make: Callable[[], Any]) -> Any:
        """Return the value of `make`, or raise its error; call it once for each key."""
        if key not in self._known:
            try:
                self._known[key] = make()
            except SerbenchError as error:
                self._known[key] = error
        known = self._known[key]
        if isinstance(known, SerbenchError):
            raise known.with_traceback(None)
        return known


def _identified(
    request: Request, source: datasets.Source, protocol: Protocol, entry: ModelEntry
) -> tuple[Any, dict[str, object], Config]:
    """Return the model's class, its exact parameters, and the run's configuration."""
    model, params, feature = resolve(entry, request)
    config = Config(
        dataset=source.spec,
        labels=datasets.label_set_name(source, request.labels),
        protocol=protocol.name,
        model=request.model,
        model_version=registry.version(entry, model),
        params=registry.identifying(model, params),
        feature=feature.name,
        feature_version=feature.version,
        feature_params=feature.params,
        reading=feature.reading,
        seed=request.seed,
        precision=request.precision,
        threads=entry.threads if request.threads is None else request.threads,
        augment=_augmentation(entry, request),
        normalise=request.normalise,
    )
    return model, params, config


def _augmentation(entry: ModelEntry, request: Request) -> dict[str, str]:
    """Return the versions of the perturbations of training copies, by their only spelling.

    Raises:
        BadParameter: one is given twice, or `none` with others; or the features are not those of
            the wave.
        SerbenchError: as `perturbation.find`.
    """
    given = entry.augment if request.augment is None else tuple(request.augment)
    if given == NONE or not given:
        return {}
    if set(NONE) & set(given):
        raise BadParameter("--augment none means no copies: leave out none, or the others")
    if extraction.reads(registry.load(registry.find("feature", entry.features))) != "wave":
        raise BadParameter(
            f"{entry.name} learns from the feature {entry.features}, which does not come from the "
            "wave, and only waves are perturbed: leave out --augment"
        )
    versions: dict[str, str] = {}
    for text in given:
        found = perturbation.find(text)
        if found.spec in versions:
            raise BadParameter(
                f"--augment {short_spec(found.spec)} is given twice: its copies would be the same"
            )
        versions[found.spec] = found.version
    return dict(sorted(versions.items()))


def _sets(folds: Sequence[Fold]) -> Iterator[tuple[str, Sequence[str]]]:
    for fold in folds:
        for part in PARTS:
            yield f"the {part} set of fold {fold.name}", getattr(fold, part)


def divide(request: Request, places: Settings) -> Division:
    """Read the requested corpus, and divide it by the requested protocol.

    Raises:
        SerbenchError: as `Planner.plan`.
    """
    data = Path(request.data) if request.data is not None else None
    source = datasets.find(request.dataset, places, data)
    protocol = lookup.find_protocol(request.protocol, source.dataset)
    corpus = datasets.read(source, request.labels)
    fold_file.require_size(corpus)
    folds = lookup.make_folds(protocol, corpus)
    leakage.require_clean(protocol, leakage.check(corpus, folds, {}))
    pins = {"corpus": corpus.digest, "protocol": protocol_digest(folds), **page_pin(source)}
    return Division(corpus, source, protocol, tuple(folds), pins)


def page_pin(source: datasets.Source) -> dict[str, str]:
    """Return the digest of the page that describes a corpus, by the name of the pin, if any."""
    page = getattr(source.dataset, "page_digest", "")
    return {"page": page} if page else {}


def make_plan(request: Request, places: Settings) -> Plan:
    """Plan one run; see `Planner.plan`."""
    return Planner(places).plan(request)


def _require_resources(config: Config, model: Any) -> None:
    """Refuse a precision that the model does not offer, and an impossible number of threads."""
    offered = tuple(getattr(model, "precisions", ("float32",)))
    if config.precision not in offered:
        raise BadParameter(
            f"the precision is {config.precision!r}, but {config.model} computes in "
            f"{' or '.join(offered)}"
        )
    if not isinstance(config.threads, int) or not 1 <= config.threads <= MOST_THREADS:
        raise BadParameter(f"threads is {config.threads!r}, but must be from 1 to {MOST_THREADS}")


def find_entry(request: Request) -> ModelEntry:
    """Return the entry of the requested model, with the requested features.

    Raises:
        SerbenchError: there is no such model, or its features cannot be chosen.
    """
    entry = cast(ModelEntry, registry.find("model", request.model))
    if request.features is None:
        if not entry.features:
            raise BadParameter(
                f"no installed plugin says what {entry.name} learns from: name features with "
                "--features; `serbench features` lists them"
            )
        return entry
    if not is_import_path(entry.name):
        raise BadParameter(
            f"{entry.name} learns from {entry.features}, as its plugin says: leave out the "
            f"features {request.features!r}; they can be chosen for a model by import path, such "
            "as my_ser:Nearest"
        )
    return replace(entry, features=request.features)


def resolve(entry: ModelEntry, request: Request) -> tuple[Any, dict[str, object], Feature]:
    """Return the model's class, its exact parameters, and its feature, all checked."""
    model: Any = registry.load(entry)
    feature_entry = registry.find("feature", entry.features)
    extractor: Any = registry.load(feature_entry)
    of_model = {name: value for name, value in settable(model).items() if name not in RESERVED}
    of_feature = settable(extractor)
    if not is_import_path(entry.name):  # the entry lists the parameters that users may set
        of_feature = {name: of_feature[name] for name in of_feature if name in entry.feature_params}
    given = {**entry.defaults_on(request.dataset), **request.params}
    values = checked(entry.name, of_feature | of_model, given)
    exact = _exact(entry.features, extractor, {name: values[name] for name in of_feature})
    extractor(**exact)  # the constructor may refuse a value
    feature = Feature(
        entry.features,
        registry.version(feature_entry, extractor),
        registry.identifying(extractor, exact),
        Reading(request.trim_db).identity(),
    )
    values |= exact
    return model, _exact(entry.name, model, {name: values[name] for name in of_model}), feature


def _exact(owner: str, target: Any, params: dict[str, object]) -> dict[str, object]:
    """Return exact parameters; see `serbench.contracts.ResolvesParams`."""
    if not isinstance(target, ResolvesParams):
        return params
    exact = target.resolved(params)
    if not isinstance(exact, Mapping) or set(exact) != set(params):
        returned = ", ".join(map(str, exact)) if isinstance(exact, Mapping) else repr(exact)
        raise PluginError(
            f"{owner}: resolved() must return the parameters it got, "
            f"{', '.join(params) or 'none'}, but returned {returned or 'none'}"
        )
    return {name: exact[name] for name in params}


@dataclass(frozen=True)
class Resources:
    """The folders, the device and the options of all jobs of a run."""

    folder: Path
    cache: Path
    device: str
    keep_models: bool = False
    isolated: bool = True

    @cached_property
    def _resolved(self) -> Path:
        return self.folder.resolve()

    def result(self, position: int) -> Path:
        """Return the result file of a fold."""
        return self._resolved / f"{fold_file.stem(position)}.safetensors"


def make_job(
    plan: Plan,
    resources: Resources,
    position: int,
    audio: str,
    extras: Sequence[Mapping[str, Any]] = (),
) -> Job:
    """Return the job of a fold; `audio` is the digest of the fold's audio."""
    return Job(
        config=plan.config,
        params=plan.params,
        fold=position,
        pins={**plan.pins, "audio": audio},
        root=str(plan.source.root),
        cache=str(resources.cache.resolve()),
        result=str(resources.result(position)),
        device=resources.device,
        keep_model=resources.keep_models,
        isolated=resources.isolated,
        extras=extras,
        page=str(plan.source.page or ""),
    )
