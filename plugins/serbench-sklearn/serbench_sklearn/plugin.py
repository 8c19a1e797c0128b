"""Register the chance level, and light models on hand-crafted features, without torch."""

from collections.abc import Iterable

from serbench import Entry, ModelEntry, hookimpl

OPENSMILE = ("opensmile",)
OPENSMILE_INSTALL = "'serbench-sklearn[egemaps]'"


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Register two vectors of functionals."""
    return [
        Entry(
            "functionals",
            "serbench_sklearn.functionals:Functionals",
            "995 statistics of spectrum, pitch, voice and rhythm over the utterance",
            default_for=("estimators",),
        ),
        Entry(
            "egemaps",
            "serbench_sklearn.egemaps:Egemaps",
            "88 functionals of eGeMAPSv02; openSMILE is licensed for research only",
            OPENSMILE,
            OPENSMILE_INSTALL,
        ),
    ]


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    """Register the chance level and three classifiers."""
    return [
        ModelEntry(
            "dummy",
            "serbench_sklearn.dummy:Dummy",
            "chance: majority or stratified",
            title="Dummy, {strategy}",
            value_titles={strategy: strategy for strategy in ("majority", "stratified")},
        ),
        ModelEntry(
            "functionals-linear",
            "serbench_sklearn.classifiers:Linear",
            "logistic regression on functionals, C chosen on the validation speakers",
            features="functionals",
            title="Logistic regression on functionals",
        ),
        ModelEntry(
            "functionals-svm",
            "serbench_sklearn.classifiers:Svm",
            "Gaussian SVM on functionals, C and gamma chosen on the validation speakers",
            features="functionals",
            title="SVM on functionals",
        ),
        ModelEntry(
            "egemaps-linear",
            "serbench_sklearn.classifiers:Linear",
            "logistic regression on eGeMAPS; openSMILE is licensed for research only",
            OPENSMILE,
            OPENSMILE_INSTALL,
            features="egemaps",
            title="Logistic regression on eGeMAPS",
        ),
    ]
