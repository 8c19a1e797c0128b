"""Check that a submission's folds are those of its protocol on its corpus.

Each check yields a reason for every fault that it finds.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np

from serbench import tables
from serbench.contracts import Array, ModelEntry
from serbench.corpus import PARTS, Fold
from serbench.errors import BadParameter, SerbenchError
from serbench.evaluation.plan import RESERVED
from serbench.features import perturbation
from serbench.features.audio import Reading
from serbench.features.normalisation import fewest
from serbench.files import digest
from serbench.leaderboard.submissions.submission import Submission
from serbench.leaderboard.submissions.submitted_fold import SubmittedFold
from serbench.leaderboard.verification.consistency import Reasons, certificate
from serbench.leaderboard.verification.reference import Reference
from serbench.parameters import checked, is_import_path, settable
from serbench.plugins import registry
from serbench.results import eligibility
from serbench.results.config import Config

COMPUTE, VALUES = "compute", ("auto", "float32")
"""The parameter that chose the precision in older releases, and its values without an effect."""

UNCHECKED = "its parameters were not checked: "

Settable = Mapping[str, tuple[Any, object]]


def parameters(submission: Submission) -> Reasons:
    """Check that every parameter exists and has an allowed value."""
    config = submission.facts.config
    if submission.facts.imported:
        return  # its parameters say how the table was read
    try:
        installed = _installed(config.model)
    except SerbenchError:
        return  # `unchecked` returns the reason
    entry = installed.entry
    if config.model_version != installed.model_version:
        return
    if config.feature != entry.features:
        yield f"{entry.name} learns from {entry.features}, not from {config.feature}"
        return
    yield from _values(entry.name, installed.of_model, config.params)
    if config.feature_version == installed.feature_version:
        yield from _values(entry.features, installed.of_feature, config.feature_params)
    trim_db: Any = config.reading.get("trim_db")
    try:
        reading = dict(Reading(trim_db).identity())
    except (SerbenchError, TypeError):
        reading = {}
    version = config.reading.get("version")
    if version == Reading.version and digest(reading) != digest(config.reading):
        yield "its options for reading audio (`reading`) are not what `serbench evaluate` writes"
    yield from _copies(config)


def _copies(config: Config) -> Reasons:
    """Check the perturbations of training copies, as far as they are installed here."""
    for spec, version in config.augment.items():
        name, _ = perturbation.parse(spec)
        if is_import_path(name) or name not in registry.installed().entries["perturbation"]:
            continue
        try:
            found = perturbation.find(spec)
        except BadParameter as error:
            yield str(error)
            continue
        if found.version == version and found.spec != spec:
            yield f"the copies {spec!r} must be written {found.spec!r}"


def _values(owner: str, allowed: Settable, given: Mapping[str, object]) -> Reasons:
    if given.get(COMPUTE) in VALUES and COMPUTE not in allowed:
        given = {name: value for name, value in given.items() if name != COMPUTE}
    try:
        values = checked(owner, allowed, given)
    except BadParameter as error:
        yield str(error)
        return
    for name, value in given.items():
        if digest(values[name]) != digest(value):  # 1 instead of 1.0 would rename the same run
            yield f"the parameter {name} of {owner} is {value!r}, but must be {values[name]!r}"


def unchecked(submission: Submission) -> str:
    """Return why parameters cannot be checked here, or which are missing; "" if neither.

    A missing parameter is not a fault: earlier releases may not have had it.
    """
    config = submission.facts.config
    if submission.facts.imported:
        return ""
    try:
        installed = _installed(config.model)
    except SerbenchError as error:
        return f"{UNCHECKED}{error}"
    entry = installed.entry
    for kind, name, used, version, here in (
        ("model", entry.name, config.model, config.model_version, installed.model_version),
        (
            "feature",
            entry.features,
            config.feature,
            config.feature_version,
            installed.feature_version,
        ),
    ):
        if used == name and version != here:
            return f"{UNCHECKED}the {kind} {name} has version {here} here, not {version}"
    later = {  # may be missing in a configuration; see `serbench.contracts.HasAddedParams`
        *registry.complete(registry.load(entry), {}),
        *registry.complete(registry.load(registry.find("feature", entry.features)), {}),
    }
    lacking = [name for name in installed.of_model if name not in {*config.params, *later}]
    lacking += [
        name for name in installed.of_feature if name not in {*config.feature_params, *later}
    ]
    return f"{UNCHECKED}{', '.join(lacking)} is not given" if lacking else ""


@dataclass(frozen=True)
class Installed:
    """An installed model, the versions of model and features, and the parameters of both."""

    entry: ModelEntry
    model_version: str
    feature_version: str
    of_model: Settable
    of_feature: Settable


@lru_cache(maxsize=256)
def _installed(model: str) -> Installed:
    """Look up a model; importing it may take seconds, once per process.

    Raises:
        SerbenchError: it is not installed, or it is an import path: importing that would run
            whatever code a stranger names.
    """
    if is_import_path(model):
        raise SerbenchError(
            f"{model} is an import path, and import paths in submissions are never imported"
        )
    entry = cast(ModelEntry, registry.find("model", model))
    target: Any = registry.load(entry)
    extractor: Any = registry.load(registry.find("feature", entry.features))
    shared = settable(extractor)
    return Installed(
        entry,
        target.version,
        extractor.version,
        {name: kind for name, kind in settable(target).items() if name not in RESERVED},
        {name: kind for name, kind in shared.items() if name in entry.feature_params},
    )


def folds(submission: Submission, reference: Reference) -> Reasons:
    """Check that every fold of the protocol is in the submission, with the right utterances."""
    facts, corpus = submission.facts, reference.corpus
    if facts.pins.corpus != corpus.digest:
        yield (
            f"it was made from another corpus: the digest is {facts.pins.corpus[:16]}…, that "
            f"of {corpus.name} with these labels is {corpus.digest[:16]}…"
        )
    if facts.pins.protocol != reference.digest:
        yield (
            f"its folds are not those of the protocol {facts.config.protocol}: the digest "
            f"is {facts.pins.protocol[:16]}…, not {reference.digest[:16]}…"
        )
    if facts.labels != corpus.labels:
        yield (
            f"its labels are {', '.join(facts.labels)}; those of the label set "
            f"{facts.config.labels} are {', '.join(corpus.labels)}, in this order"
        )
    if bool(facts.protocol.leaks) != bool(reference.leaks):
        yield leaking(reference.leaks)
    present = {file.facts.fold.index for file in submission.files}
    for position, fold in enumerate(reference.folds):
        if position not in present:
            yield f"fold {fold.name} of the protocol is missing"
    for file in submission.files:
        yield from _fold(file, reference)


def leaking(leaks: str) -> str:
    """Return the reason if a submission says the opposite about its protocol's leaks."""
    does = f"leaks ({leaks})" if leaks else "does not leak"
    return f"its protocol {does}, but its files say otherwise"


def _fold(file: SubmittedFold, reference: Reference) -> Reasons:
    facts = file.facts.fold
    if facts.index >= len(reference.folds):
        yield f"{file.name}: the protocol has only {tables.count(len(reference.folds), 'fold')}"
        return
    fold = reference.folds[facts.index]
    sizes = {part: len(getattr(fold, part)) for part in PARTS}
    for key, value in {"name": fold.name, "group": fold.group, "utterances": sizes}.items():
        if getattr(facts, key) != value:
            yield (
                f"{file.name}: the fold's {key} is {getattr(facts, key)!r}, but {value!r} in the "
                "protocol"
            )
    if file.facts.protocol.folds != len(reference.folds):
        folds = tables.count(file.facts.protocol.folds, "fold")
        yield f"{file.name} says that the protocol has {folds}"
    if fold.group and "validation" not in file.parts:
        yield f"{file.name} lacks its validation set, by which folds compete"
    yield from _seen(file, fold, reference)
    for part in file.parts:
        yield from _set(file, part, fold, reference)
    yield from certificate(file, bool(reference.leaks), reference.shared[facts.index])


def _seen(file: SubmittedFold, fold: Fold, reference: Reference) -> Reasons:
    """Check what a fold says about how much of the test set its models see."""
    sees = eligibility.sees(file.facts.config)
    if file.facts.sees != sees:
        yield f"{file.name} says that it sees {file.facts.sees!r} of its test set, not {sees!r}"
    material = fewest(file.facts.config.normalise, fold, reference.speakers)
    if dict(file.facts.material) != material:
        yield f"{file.name} says that its material is {file.facts.material}, not {material}"


def _set(file: SubmittedFold, part: str, fold: Fold, reference: Reference) -> Reasons:
    """Check that every utterance of a set is there once, with the right speaker and label."""
    where, ids, wanted = f"{file.name}, {part} set", file.ids(part), getattr(fold, part)
    if ids != tuple(wanted):  # `evaluate` writes them in the protocol's order
        yield from _ids(where, ids, wanted)
        if not reference.speakers.keys() >= set(ids):
            return
    truth = position_of(ids, reference)
    scored = file.scored(part, truth)
    speakers = _speakers_of(ids, reference)
    if speakers != scored.speakers:
        rows = zip(ids, scored.speakers, speakers, strict=True)
        wrong = [utterance for utterance, theirs, ours in rows if theirs != ours]
        yield f"{where}: {_some(wrong)} with another speaker's name"
    if f"{part}.truth" in file.arrays:
        wrong = [ids[at] for at in np.flatnonzero(file.arrays[f"{part}.truth"] != truth)]
        if wrong:
            yield f"{where}: {_some(wrong)} with another label"


@lru_cache(maxsize=256)  # hundreds of runs have the same ids in the same folds
def position_of(ids: tuple[str, ...], reference: Reference) -> Array:
    """Return the truth of utterances, as a read-only array of positions in the label set."""
    positions = np.fromiter(map(reference.positions.__getitem__, ids), np.int64, len(ids))
    positions.setflags(write=False)
    return positions


@lru_cache(maxsize=256)
def _speakers_of(ids: tuple[str, ...], reference: Reference) -> tuple[str, ...]:
    return tuple(map(reference.speakers.__getitem__, ids))


def _ids(where: str, ids: tuple[str, ...], wanted: Collection[str]) -> Reasons:
    """Check that every utterance is there once, and no other utterances."""
    if twice := [utterance for utterance, times in Counter(ids).items() if times > 1]:
        yield f"{where}: {_some(twice)} more than once"
    if other := sorted(set(ids) - set(wanted)):
        yield f"{where}: {_some(other)} from outside this fold"
    if lacking := sorted(set(wanted) - set(ids)):
        yield f"{where} lacks {_some(lacking)} of this fold"


def _some(names: list[str]) -> str:
    """Return "3 utterances (a, b, …)"."""
    shown = ", ".join(names[:2]) + ", …" * (len(names) > 2)
    return f"{tables.count(len(names), 'utterance')} ({shown})"
