"""A submission's parameters must be ones that its model and its features have, in its own version.

Nothing of a submission is run for that: the classes that are installed here are asked, by name and
type, and nothing is made of them. What only a constructor refuses is not seen.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from serbench import specs
from serbench.contracts import ModelEntry
from serbench.errors import BadParameter, SerbenchError
from serbench.features.audio import Reading
from serbench.files import digest
from serbench.leaderboard.submission import Sent
from serbench.plugins import registry

COMPUTE, VALUES = "compute", ("auto", "float32")
"""The parameter that chose the precision in older releases; see `proposing`."""

UNCHECKED = "its parameters were not checked: "
RESERVED = ("labels", "seed", "device")  # `serbench.evaluation.plan.made_of` gives these itself

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
    later = {  # may be left out of a run's identity; see `serbench.contracts.Adds`
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
        values = specs.checked(owner, known, given)
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
    if specs.by_path(model):
        raise SerbenchError(
            f"{model} is named by import path, and nothing that a submission names so is imported"
        )
    entry = cast(ModelEntry, registry.find("model", model))
    made: Any = registry.load(entry)
    extractor: Any = registry.load(registry.find("feature", entry.features))
    of_feature = {
        name: known
        for name, known in specs.parameters(extractor).items()
        if name in entry.feature_params
    }
    of_model = {
        name: known for name, known in specs.parameters(made).items() if name not in RESERVED
    }
    return entry, made.version, extractor.version, of_model, of_feature
