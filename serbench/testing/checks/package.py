"""Check that a package's plugins are listed without delay, and work."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import EntryPoint
from types import ModuleType

from serbench.contracts import Entry, ModelEntry
from serbench.errors import nearest
from serbench.features import perturbation
from serbench.parameters import checked, settable
from serbench.plugins import registry
from serbench.plugins.registry import HOOKS, Offer, offers
from serbench.testing.examination import Check, Subject, Violation, blaming

HEAVY = (
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "librosa",
    "numba",
    "pandas",
    "matplotlib",
    "tensorflow",
    "jax",
)
"""Packages that take at least some tenths of a second to import."""

# arguments: the module of the hooks, the heavy packages, the hooks; prints the imported packages
LISTING = """
import importlib, json, sys
heavy = json.loads(sys.argv[2])
before = set(sys.modules)
module = importlib.import_module(sys.argv[1])
for name in json.loads(sys.argv[3]):
    list(getattr(module, name, tuple)())
print(json.dumps([name for name in heavy if name in sys.modules and name not in before]))
"""


class PackageSubject(Subject):
    """An installed package with entry points in the group "serbench".

    The name is that of the distribution or of one of these entry points.
    """

    @property
    def package(self) -> str:
        """The top-level package of the plugin's code."""
        return self.points[0].module.partition(".")[0]

    @cached_property
    def points(self) -> Sequence[EntryPoint]:
        """The entry points of the package.

        Raises:
            UnknownName: no installed package with an entry point has this name.
        """
        installed = entry_points()
        points = [point for point in installed if normalised(self.name) in names_of(point)]
        if not points:
            names = sorted({name for point in installed for name in names_of(point)})
            hint = "; is it installed, with [project.entry-points.serbench] in its pyproject.toml?"
            raise nearest("package with plugins", self.name, names, hint)
        return points

    @cached_property
    def modules(self) -> Sequence[ModuleType]:
        """The modules that the entry points name."""
        return [point.load() for point in self.points]

    @cached_property
    def offers(self) -> Sequence[Offer]:
        """Everything that the package's hooks return, valid or not."""
        return [offer for module in self.modules for offer in offers(module)]

    @cached_property
    def entries(self) -> Sequence[tuple[str, Entry]]:
        """The kind and the entry, for each valid entry."""
        return [(offer.kind, offer.entry) for offer in self.offers if offer.entry is not None]


def entry_points() -> Sequence[EntryPoint]:
    """Return all entry points of the group "serbench"."""
    return tuple(importlib.metadata.entry_points(group="serbench"))


def names_of(point: EntryPoint) -> set[str]:
    """Return the names that a user may type for the package of an entry point."""
    return {normalised(point.name), *([normalised(point.dist.name)] if point.dist else [])}


def normalised(name: str) -> str:
    """Return a package's name as package indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def heavy_imports(point: EntryPoint) -> list[str]:
    """List an entry point's plugins in a fresh process; return the heavy modules that it imports.

    Raises:
        Violation: the process fails.
    """
    arguments = [point.module, json.dumps(HEAVY), json.dumps([*HOOKS])]
    path = os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))
    done = subprocess.run(
        [sys.executable, "-P", "-c", LISTING, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no error message"])[-1]
        raise Violation(f"{point.module} cannot be imported in a fresh process: {last}")
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    return modules


def entry_points_resolve(subject: PackageSubject) -> str:
    """The entry points name modules that can be imported.

    Otherwise the plugin is listed as broken.
    """
    for point in subject.points:
        remedy = "correct [project.entry-points.serbench] or the module"
        with blaming(f"importing {point.value}: {remedy}"):
            point.load()
    return ", ".join(f"{point.name} = {point.value}" for point in subject.points)


def imports_nothing_heavy(subject: PackageSubject) -> None:
    """Importing and calling the hooks imports no heavy library.

    Every command lists all plugins, and importing torch alone takes seconds.
    """
    for point in subject.points:
        if heavy := heavy_imports(point):
            raise Violation(
                f"listing the plugins of {point.module} imports {', '.join(heavy)}: import that in "
                "the module of an entry's target, not in the module of the hooks"
            )


def hooks_are_known(subject: PackageSubject) -> str:
    """The package has hooks, and each is one of the five that serbench calls.

    A misspelt hook is never called.
    """
    for module in subject.modules:
        for name, value in vars(module).items():
            if name.startswith("serbench_") and callable(value) and name not in HOOKS:
                raise nearest("hook", name, [*HOOKS])
    _refuse_faults(offer for offer in subject.offers if not offer.kind)
    return f"{len(subject.entries)} {'entry' if len(subject.entries) == 1 else 'entries'}"


def entries_are_sound(subject: PackageSubject) -> None:
    """Each entry has a name in lower case, a target module:Name, and a summary of one line.

    Users read and type them.
    """
    _refuse_faults(offer for offer in subject.offers if offer.kind)
    for kind, entry in subject.entries:
        if not entry.summary.strip() or not entry.summary.isprintable():
            raise Violation(
                f"the {kind} {entry.name}: its summary must be one line that is not empty"
            )


def _refuse_faults(offers: Iterable[Offer]) -> None:
    for offer in offers:
        if offer.fault:
            raise Violation(offer.fault)


def names_are_free(subject: PackageSubject) -> None:
    """No entry has the name of another entry of its kind, in this package or elsewhere.

    A name that is offered twice cannot be used.
    """
    installed = registry.installed()
    for kind, entry in subject.entries:
        if (kind, entry.name) in installed.clashes:
            clash = registry.clash(installed.clashes[kind, entry.name])
            raise Violation(f"the {kind} {entry.name} {clash}")
        if installed.owners.get((kind, entry.name)) == registry.CORE:
            raise Violation(f"the {kind} {entry.name} is the core's own name: choose another")


def targets_load(subject: PackageSubject) -> str:
    """Every entry's target can be imported and called.

    Otherwise the first user would get the error.
    """
    lacking = [entry.name for _, entry in subject.entries if registry.lacking(entry)]
    for _, entry in subject.entries:
        if entry.name not in lacking:
            registry.load(entry)
    return f"not tried, because a requirement is missing: {', '.join(lacking)}" if lacking else ""


def parameters_fit(subject: PackageSubject) -> None:
    """A model's feature is installed, and the parameters that its entry names exist.

    A parameter that a model and its feature share must have one default. The perturbations of its
    training copies exist, with their parameters.
    """
    for _, entry in subject.entries:
        if isinstance(entry, ModelEntry) and not registry.lacking(entry):
            _require_parameters(entry)


def _require_parameters(entry: ModelEntry) -> None:
    feature = registry.find("feature", entry.features)
    if registry.lacking(feature):
        return
    of_model, of_feature = (settable(registry.load(owner)) for owner in (entry, feature))
    model = f"model {entry.name}"
    for name in entry.feature_params:
        if name not in of_feature:
            raise nearest(f"parameter of the feature {entry.features}", name, [*of_feature])
        if of_model.get(name, of_feature[name])[1] != of_feature[name][1]:
            raise Violation(
                f"parameter {name} is {of_model[name][1]!r} in {model} but {of_feature[name][1]!r} "
                f"in its feature {entry.features}: give both one default"
            )
    given = {name: of_feature[name] for name in entry.feature_params}
    for corpus, values in entry.defaults.items():
        with blaming(f"in the defaults of {model} for {corpus!r}"):
            checked(model, given | of_model, values)
    with blaming(f"in augment of {model}"):
        for spec in entry.augment:
            perturbation.find(spec)


CHECKS = (
    Check(entry_points_resolve),
    Check(imports_nothing_heavy, (entry_points_resolve,)),
    Check(hooks_are_known, (entry_points_resolve,)),
    Check(entries_are_sound, (hooks_are_known,)),
    Check(names_are_free, (entries_are_sound,)),
    Check(targets_load, (entries_are_sound,)),
    Check(parameters_fit, (targets_load,)),
)
