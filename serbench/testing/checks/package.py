"""What a package of plugins must do: be named in no time, and lead to what it names."""

from collections.abc import Sequence

from serbench import specs
from serbench.contracts import ModelEntry
from serbench.errors import nearest
from serbench.plugins import registry
from serbench.plugins.registry import HOOKS, Offer
from serbench.testing.examination import Check, Violation, blaming
from serbench.testing.subjects.package import Package, brought


def entry_points_resolve(package: Package) -> str:
    """Its entry points lead to modules that can be imported.

    A plugin that cannot is listed as broken, and nothing that it offers can be used.
    """
    for point in package.points:
        with blaming(
            f"importing {point.value}: mend [project.entry-points.serbench] or the module"
        ):
            point.load()
    return ", ".join(f"{point.name} = {point.value}" for point in package.points)


def imports_nothing_heavy(package: Package) -> None:
    """Importing its hook module and calling its hooks imports no heavy library.

    Every serbench command names all plugins; torch alone would take seconds.
    """
    for point in package.points:
        if found := brought(point):
            raise Violation(
                f"naming the plugins of {point.module} imports {', '.join(found)}: import that in "
                "the module that an entry's target names, not in the one of the hooks"
            )


def hooks_are_known(package: Package) -> str:
    """It has hooks, and each is one of the three.

    A misspelt hook is never called.
    """
    for module in package.modules.values():
        for word, value in vars(module).items():
            if word.startswith("serbench_") and callable(value) and word not in HOOKS:
                raise nearest("hook", word, [*HOOKS])
    _refuse([offer for offer in package.offers if not offer.kind])
    return f"{len(package.entries)} entries"


def entries_are_sound(package: Package) -> None:
    """Entries are plain words: a name in lower case, module:Name, one line of summary.

    They are printed in listings and typed by users.
    """
    _refuse([offer for offer in package.offers if offer.kind])
    for kind, entry in package.entries:
        if not entry.summary.strip() or not entry.summary.isprintable():
            raise Violation(f"the {kind} {entry.name}: its summary must be one line, and not empty")


def _refuse(offers: Sequence[Offer]) -> None:
    faults = [offer.fault for offer in offers if offer.fault]
    if faults:
        raise Violation(faults[0])


def names_are_free(package: Package) -> None:
    """No other plugin offers one of its names, and it offers none twice.

    A name offered twice cannot be used.
    """
    found = registry.installed()
    for kind, entry in package.entries:
        if (kind, entry.name) in found.clashes:
            clash = registry.clash(found.clashes[kind, entry.name])
            raise Violation(f"the {kind} {entry.name} {clash}")
        if found.owners.get((kind, entry.name)) == registry.CORE:
            raise Violation(f"the {kind} {entry.name} is the core's own name: choose another")


def targets_load(package: Package) -> str:
    """Every entry leads to something that can be imported and called.

    Else the error comes when a user first names it.
    """
    lacking = [entry.name for _, entry in package.entries if registry.lacking(entry)]
    for _, entry in package.entries:
        if entry.name not in lacking:
            registry.load(entry)
    return f"not tried, for want of what they require: {', '.join(lacking)}" if lacking else ""


def parameters_fit(package: Package) -> None:
    """A model's feature is installed, and what its entry says of parameters is true of them.

    A parameter that a model and its feature both have must mean the same, so it has one default.
    """
    for _, entry in package.entries:
        if isinstance(entry, ModelEntry) and not registry.lacking(entry):
            _require_parameters(entry)


def _require_parameters(entry: ModelEntry) -> None:
    feature = registry.find("feature", entry.features)
    if registry.lacking(feature):
        return
    of_model, of_feature = (specs.parameters(registry.load(each)) for each in (entry, feature))
    said = f"model {entry.name}"
    for name in entry.feature_params:
        if name not in of_feature:
            raise nearest(f"parameter of the feature {feature.name}", name, [*of_feature])
        if of_model.get(name, of_feature[name])[1] != of_feature[name][1]:
            raise Violation(
                f"parameter {name} is {of_model[name][1]!r} in {said} but {of_feature[name][1]!r} "
                f"in its feature {feature.name}: give both one default"
            )
    given = {name: of_feature[name] for name in entry.feature_params}
    for corpus, values in entry.defaults.items():
        with blaming(f"in the defaults of {said} for {corpus!r}"):
            specs.checked(said, given | of_model, values)


CHECKS = (
    Check(entry_points_resolve),
    Check(imports_nothing_heavy, (entry_points_resolve,)),
    Check(hooks_are_known, (entry_points_resolve,)),
    Check(entries_are_sound, (hooks_are_known,)),
    Check(names_are_free, (entries_are_sound,)),
    Check(targets_load, (entries_are_sound,)),
    Check(parameters_fit, (targets_load,)),
)
