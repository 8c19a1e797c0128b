"""A submission's folds must be those of its protocol on its corpus, utterance by utterance.

Each check yields a reason for everything that does not hold.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import numpy as np

from serbench.contracts import Array, ModelEntry
from serbench.corpus import PARTS, Fold
from serbench.errors import BadParameter, SerbenchError
from serbench.evaluation.plan import RESERVED
from serbench.features.audio import Reading
from serbench.files import digest
from serbench.leaderboard.submissions.fold_file import FoldFile
from serbench.leaderboard.submissions.submission import Sent
from serbench.leaderboard.verification.reference import Reference
from serbench.parameters import checked, is_import_path, settable
from serbench.plugins import registry
from serbench.protocols import leakage

COMPUTE, VALUES = "compute", ("auto", "float32")
"""The parameter that chose the precision in older releases; see `proposing`."""

UNCHECKED = "its parameters were not checked: "

Known = Mapping[str, tuple[Any, object]]


def unchecked(sent: Sent) -> str:
    """Why the parameters cannot be checked here, or nothing."""
    config = sent.facts[0]["config"]
    try:
        entry, *versions = _installed(str(config["model"]))[:3]
    except SerbenchError as error:
        return f"{UNCHECKED}{error}"
    kinds = (("model", entry.name), ("feature", entry.features))
    for (kind, name), here in zip(kinds, versions, strict=True):
        if config[f"{kind}_version"] != here and config[kind] == name:
            said = config[f"{kind}_version"]
            return f"{UNCHECKED}the {kind} {name} is here in version {here}, not {said}"
    return ""


def lacking(sent: Sent) -> str:
    """A remark on parameters that are not there: a release before may not have had them."""
    if unchecked(sent):
        return ""
    config = sent.facts[0]["config"]
    entry, _, _, *known = _installed(str(config["model"]))
    given = (config["params"], config["feature_params"])
    later = {  # may be left out of a run's identity; see `serbench.contracts.HasAddedParams`
        *registry.complete(registry.load(entry), {}),
        *registry.complete(registry.load(registry.find("feature", entry.features)), {}),
    }
    names = [
        one
        for has, said in zip(known, given, strict=True)
        for one in has
        if one not in said and one not in later
    ]
    return f"{UNCHECKED}{', '.join(names)} is not given" if names else ""


def parameters(sent: Sent) -> Iterator[str]:
    """Every parameter is known, and has a value that it may have."""
    config = sent.facts[0]["config"]
    try:
        entry, model, feature, of_model, of_feature = _installed(str(config["model"]))
    except SerbenchError:
        return  # `unchecked` says so
    if config["model_version"] != model:
        return
    if config["feature"] != entry.features:
        yield f"{entry.name} learns from {entry.features}, not from {config['feature']}"
        return
    yield from _given(entry.name, of_model, config["params"])
    if config["feature_version"] == feature:
        yield from _given(entry.features, of_feature, config["feature_params"])
    try:
        reading = dict(Reading(config["reading"].get("trim_db")).identity())
    except (SerbenchError, TypeError):
        reading = {}
    version = config["reading"].get("version")
    if version == Reading.version and digest(reading) != digest(config["reading"]):
        yield "how it reads audio (reading) is not what `serbench evaluate` writes"


def _given(owner: str, known: Known, given: Mapping[str, object]) -> Iterator[str]:
    if given.get(COMPUTE) in VALUES and COMPUTE not in known:
        given = {name: value for name, value in given.items() if name != COMPUTE}
    try:
        values = checked(owner, known, given)
    except BadParameter as error:
        yield str(error)
        return
    for name, value in given.items():
        if digest(values[name]) != digest(value):  # 1 where 1.0 is meant: the same run, renamed
            yield f"the parameter {name} of {owner} is {value!r}, which is written {values[name]!r}"


@lru_cache(maxsize=256)
def _installed(model: str) -> tuple[ModelEntry, str, str, Known, Known]:
    """A model, its version, that of its features, and what both may be given.

    Importing a model may take seconds, once a process.

    Raises:
        SerbenchError: it is not here; or it is named by import path, so that asking it would run
            whatever a stranger names.
    """
    if is_import_path(model):
        raise SerbenchError(
            f"{model} is named by import path, and nothing that a submission names so is imported"
        )
    entry = cast(ModelEntry, registry.find("model", model))
    made: Any = registry.load(entry)
    extractor: Any = registry.load(registry.find("feature", entry.features))
    of_feature = {
        name: known for name, known in settable(extractor).items() if name in entry.feature_params
    }
    of_model = {name: known for name, known in settable(made).items() if name not in RESERVED}
    return entry, made.version, extractor.version, of_model, of_feature


Reasons = Iterator[str]


def folds(sent: Sent, reference: Reference) -> Reasons:
    """Every fold of the protocol is there once, and is what the protocol says."""
    first = sent.files[0].facts
    if first["pins"]["corpus"] != reference.corpus.digest:
        yield (
            f"it was made of another corpus: the digest is {first['pins']['corpus'][:16]}…, that "
            f"of {reference.corpus.name} with these labels {reference.corpus.digest[:16]}…"
        )
    if first["pins"]["protocol"] != reference.digest:
        yield (
            f"its folds are not those of the protocol {first['config']['protocol']}: the digest "
            f"is {first['pins']['protocol'][:16]}…, not {reference.digest[:16]}…"
        )
    if tuple(first["labels"]) != reference.corpus.labels:
        yield (
            f"its labels are {', '.join(first['labels'])}; those of the label set "
            f"{first['config']['labels']} are {', '.join(reference.corpus.labels)}, in this order"
        )
    if bool(first["protocol"]["leaks"]) != bool(reference.leaks):
        yield leaking(reference.leaks)
    there = {file.facts["fold"]["index"] for file in sent.files}
    for position, fold in enumerate(reference.folds):
        if position not in there:
            yield f"fold {fold.name} of the protocol is missing"
    for file in sent.files:
        yield from _fold(file, reference)


def leaking(leaks: str) -> str:
    """The reason, where a submission says otherwise of its protocol."""
    does = f"leaks ({leaks})" if leaks else "does not leak"
    return f"it says otherwise, but its protocol {does}"


def _fold(file: FoldFile, reference: Reference) -> Reasons:
    said = file.facts["fold"]
    if said["index"] >= len(reference.folds):
        yield f"{file.name}: the protocol has only {len(reference.folds)} folds"
        return
    fold = reference.folds[said["index"]]
    sizes = {part: len(getattr(fold, part)) for part in PARTS}
    for key, value in {"name": fold.name, "group": fold.group, "utterances": sizes}.items():
        if said[key] != value:
            yield f"{file.name}: the fold's {key} is {said[key]!r}, in the protocol {value!r}"
    if file.facts["protocol"]["folds"] != len(reference.folds):
        yield f"{file.name} says that the protocol has {file.facts['protocol']['folds']} folds"
    if fold.group and not file.has_validation:
        yield f"{file.name} lacks its validation set, by which folds compete"
    for part in ("test", "validation") if file.has_validation else ("test",):
        yield from _set(file, part, fold, reference)
    yield from _certificate(file, reference.shared[said["index"]], bool(reference.leaks))


def _set(file: FoldFile, part: str, fold: Fold, reference: Reference) -> Reasons:
    """Every utterance of the set once, with its own speaker and its own label."""
    where, ids, wanted = f"{file.name}, {part} set", file.ids(part), getattr(fold, part)
    if ids != tuple(wanted):  # as evaluate writes them they are
        yield from _ids(where, ids, wanted)
        if not reference.speakers.keys() >= set(ids):
            return
    truth = position_of(ids, reference)
    scored = file.scored(part, truth)
    speakers = _speakers_of(ids, reference)
    if speakers != scored.speakers:
        wrong = [a for a, b, c in zip(ids, scored.speakers, speakers, strict=True) if b != c]
        yield f"{where}: {len(wrong)} utterances have another speaker's name, {_some(wrong)}"
    if f"{part}.truth" in file.arrays:
        wrong = [ids[at] for at in np.flatnonzero(file.arrays[f"{part}.truth"] != truth)]
        if wrong:
            yield f"{where}: {len(wrong)} utterances have another label, {_some(wrong)}"


@lru_cache(maxsize=256)  # hundreds of runs have the same ids in the same folds
def position_of(ids: tuple[str, ...], reference: Reference) -> Array:
    """The true labels of utterances, as positions in the labels; nobody may change them."""
    found = np.fromiter(map(reference.positions.__getitem__, ids), np.int64, len(ids))
    found.setflags(write=False)
    return found


@lru_cache(maxsize=256)
def _speakers_of(ids: tuple[str, ...], reference: Reference) -> tuple[str, ...]:
    return tuple(map(reference.speakers.__getitem__, ids))


def _ids(where: str, ids: tuple[str, ...], wanted: Collection[str]) -> Reasons:
    """Every utterance is there once, and no other."""
    if twice := [one for one, times in Counter(ids).items() if times > 1]:
        yield f"{where}: {len(twice)} utterances are there twice, {_some(twice)}"
    if other := sorted(set(ids) - set(wanted)):
        yield f"{where}: {len(other)} utterances are not of this fold, {_some(other)}"
    if lacking := sorted(set(wanted) - set(ids)):
        yield f"{where}: {len(lacking)} utterances of this fold are missing, {_some(lacking)}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:2]) + ", …" * (len(names) > 2)


def _certificate(file: FoldFile, shared: leakage.Overlaps, leaky: bool) -> Reasons:
    """The leakage certificate says what is so."""
    try:
        certificate = leakage.from_json(file.facts["certificate"])
    except SerbenchError as error:
        yield f"{file.name}: {error}"
        return
    if certificate.clean != file.facts["certificate"]["clean"]:
        yield f"{file.name}: the leakage certificate's verdict is not what its counts say"
    if certificate.speakers != shared:
        pair, real = max(shared.items(), key=lambda one: one[1].count)
        sets = pair.replace("|", " and ")
        yield f"{file.name}: its certificate is wrong: {sets} share {real.count} speakers"
    if not leaky and not certificate.clean:
        yield f"{file.name}: its certificate is not clean, so the fold leaks"
