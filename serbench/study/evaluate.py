"""Evaluate one run, or a study of many, and read the results."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.errors import BadParameter, SerbenchError
from serbench.escaping import shown as shown_text
from serbench.evaluation import pipeline
from serbench.evaluation.extra_sets import Wanted
from serbench.evaluation.means import Means, with_jobs
from serbench.evaluation.plan import Planner, find_entry, resolve
from serbench.evaluation.progress.bars import follower
from serbench.evaluation.progress.listener import Listener
from serbench.results.config import Request
from serbench.results.run import Run
from serbench.settings import results_folder, settings
from serbench.study import result
from serbench.study.matrix import Item, Matrix, expand, seeds
from serbench.study.plan import PlannedRun, StudyPlan, refused
from serbench.study.result import Study

Many = list[str] | tuple[str, ...]


def evaluate(  # noqa: PLR0913 - the options of `serbench evaluate`
    model: str | Many,
    dataset: str | Many,
    *,
    protocol: str | Many | None = None,
    labels: str | None = None,
    seed: int | str | Sequence[int | str] = 0,
    params: Mapping[str, object] | None = None,
    trim_db: float | None = 60.0,
    data: str | Path | None = None,
    features: str | None = None,
    precision: str = "float32",
    threads: int | None = None,
    augment: str | Many | None = None,
    normalise: str = "none",
    jobs: int | None = None,
    device: str | None = None,
    results: str | Path | None = None,
    listener: Listener | None = None,
    keep_models: bool = False,
    folds: Collection[str] | None = None,
    engine: str = "local",
    engine_options: Mapping[str, object] | None = None,
    test_on: str | Many = (),
    perturb: str | Many = (),
    label_map: Mapping[str, str] | None = None,
) -> Run | Study:
    """Train and test models on datasets under protocols; finished folds are not run again.

    With a list of models, datasets, protocols or seeds, every combination of them is a run, and the
    result is a study. A fold that fails stops no other fold, and is shown with its reason.

    Args:
        model: a model's name; `serbench models` lists them. Or its import path:
            "my_ser:Nearest", "sklearn.svm:SVC". Or a list of these.
        dataset: a dataset's name with its parameters; `serbench datasets` lists them. Or a list.
        protocol: a protocol's name, or a list; None is the dataset's default.
        labels: a label set's name; None is the dataset's first.
        seed: the seed of everything random in training; or a list, or a range: "0-4".
        params: parameters of the model and its features that differ from the defaults.
        trim_db: where silence begins, in dB; see `serbench.features.audio.Reading`.
        data: the corpus's own folder, if it is not under SERBENCH_DATA.
        features: the name of the features for a model by import path; None takes its attribute
            `features`, or else "functionals" for an estimator, "waveform" for a model.
        precision: the format of training, "float32" or "bfloat16"; scores are always float32.
        threads: threads per fold; None takes those of the model's entry.
        augment: perturbations, "noise:snr=15", each of which adds a perturbed copy of every
            training utterance; None takes those of the model's entry, "none" adds no copies.
        normalise: "speaker" standardises features by all utterances of a speaker in the same set,
            "speaker:n=5" by 5 others, "set" by the set; see `serbench.features.normalisation`.
        jobs: how many folds run at the same time, each in fresh processes of its own; None fills
            the cores as far as memory allows; 0 runs folds in this process, for debuggers.
            Predictions do not depend on it. It is the option `jobs` of the engine "local".
        device: "auto", "cpu" or "cuda"; None is SERBENCH_DEVICE, or "auto", which takes a GPU if
            the machine of a fold has one.
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".
        listener: shows the progress; None shows bars in a notebook, and else nothing;
            `serbench.Listener()` shows nothing.
        keep_models: keep every fold's model in the run's folder, for `serbench.predict`.
        folds: the names of the folds to run; None runs all.
        engine: the name of the engine that runs the folds; `serbench engines` lists them.
        engine_options: options of the engine.
        test_on: other corpora that the models of the folds are tested on; show the scores with
            `serbench.cross_corpus`.
        perturb: perturbations of the test audio, "noise:snr=10"; show the scores with
            `serbench.robustness`.
        label_map: labels that count as others with `test_on`: {"calm": "neutral"}; "" leaves the
            label out.

    Returns:
        A run, or with a list a study. Both print as tables and convert to data frames; for type
        checkers, `isinstance(result, serbench.Run)` tells them apart.

    Raises:
        SerbenchError: an error that the user can fix; finished folds are kept.
    """
    options = with_jobs(engine, engine_options, jobs)
    extras = Wanted(_listed(test_on), _listed(perturb), label_map or {})
    means = Means(engine, options, device, results, keep_models, folds=folds, extras=extras)
    common: dict[str, Any] = {
        "labels": labels,
        "params": params or {},
        "trim_db": trim_db,
        "data": data,
        "features": features,
        "precision": precision,
        "threads": threads,
        "augment": None if augment is None else tuple(_listed(augment)),
        "normalise": normalise,
    }
    for noun, given in (("model", model), ("dataset", dataset)):
        for each in _listed(given):
            if not isinstance(each, str):
                raise BadParameter(
                    f"the {noun} is {shown_text(repr(each), 60)}, but must be text: a name, or the "
                    "import path of a class in a file, my_ser:Nearest or sklearn.svm:SVC, with its "
                    "arguments in params"
                    if noun == "model"
                    else f"the dataset is {shown_text(repr(each), 60)}, but must be a name as text"
                )
    axes = (model, dataset, protocol, seed)
    is_study = any(isinstance(axis, list | tuple | range) for axis in axes)
    with follower(listener) as shown:
        if isinstance(seed, int) and not is_study:
            names: dict[str, Any] = {"model": model, "dataset": dataset, "protocol": protocol}
            return pipeline.evaluate(Request(**names, seed=seed, **common), means, shown)
        return compute("", matrix(model, dataset, protocol, seed, **common), means, shown)[0]


def matrix(
    model: str | Sequence[str],
    dataset: str | Sequence[str],
    protocol: str | Sequence[str] | None,
    seed: int | str | Sequence[int | str],
    **common: Any,
) -> Matrix:
    """Return every combination of models, datasets, protocols and seeds.

    Args:
        model: one or several.
        dataset: one or several.
        protocol: one, several, or None for each dataset's default.
        seed: numbers or ranges.
        common: the other fields of every request.

    Raises:
        BadParameter: a list is empty, `data` is for several datasets, or a parameter does not exist
            in all models.
    """
    models, datasets, protocols = map(_listed, (model, dataset, protocol))
    numbers = list(dict.fromkeys(n for each in _listed(seed) for n in seeds(each)))
    for name, values in (("model", models), ("dataset", datasets), ("protocol", protocols)):
        if not values:
            raise BadParameter(f"there is no {name}: name at least one")
    if not numbers:
        raise BadParameter("there is no seed: name at least one")
    if common.get("data") is not None and len(datasets) > 1:
        raise BadParameter(
            f"data is one folder, but there are {len(datasets)} datasets: put their folders into "
            "one folder, set SERBENCH_DATA to it, or write a study.toml with data for each dataset"
        )
    axes = {"protocol": protocols, "seed": numbers}
    axes |= {name: [value] for name, value in common.items()}
    made = expand(list(map(Item, models)), list(map(Item, datasets)), axes)
    if common.get("params") and len(models) > 1:
        for request in {each.model: each for each in made.requests}.values():
            try:
                resolve(find_entry(request), request)
            except BadParameter as error:
                raise BadParameter(
                    f"{error}; parameters must fit all models: write a study.toml, in which each "
                    "model has its own"
                ) from error
            except SerbenchError:
                continue  # planning reports it
    return made


def _listed(value: Any) -> list[Any]:
    """Return the values that a user names, each once."""
    return list(dict.fromkeys(value if isinstance(value, list | tuple | range) else [value]))


def compute(
    name: str,
    runs: Matrix,
    means: Means,
    listener: Listener | None = None,
) -> tuple[Study, list[str]]:
    """Compute the missing folds of a study, and read its results.

    Args:
        name: the study's name.
        runs: its models, corpora and seeds.
        means: how and where to compute.
        listener: shows the progress.

    Returns:
        The study, and the titles of the runs that lack requested folds or extra test sets.
    """
    parent, planner = results_folder(means.results), Planner(settings())
    works = pipeline.compute(runs.requests, means, listener)
    plans, failed, untested = [], [], []
    for combination, work in zip(runs.combinations, works, strict=True):
        request = combination.request
        if isinstance(work, SerbenchError):
            plans.append(refused(request, parent, planner, work))
            failed.append(runs.title(combination))
        else:
            plans.append(PlannedRun(request, work.folder, work.plan.config, work.plan))
            reasons = work.errors_of_extras()
            untested += [f"{runs.title(combination)}: {reason}" for reason in reasons]
            if work.missing() or reasons:
                failed.append(runs.title(combination))
    planned = StudyPlan(name, runs, parent, tuple(plans))
    return result.read(planned, is_computed=True, untested=untested), failed
